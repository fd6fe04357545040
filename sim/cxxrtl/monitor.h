// Writes down what a layer does: its output stream, and the probe of its final potentials.
#pragma once

#include "rules.h"
#include "source.h"

#include <algorithm>
#include <cstddef>

struct Bits {  // a signal of any width, as CXXRTL keeps it
    const uint32_t *chunk = nullptr;
    size_t n_chunks = 0;

    explicit operator bool() const { return *chunk; }
    uint64_t word() const { return chunk[0] | (n_chunks > 1 ? uint64_t(chunk[1]) << 32 : 0); }
    uint32_t field(size_t low, size_t width) const {  // 1 to 32 bits
        size_t first = low / 32;
        uint64_t both = chunk[first];
        if (first + 1 < n_chunks) both |= uint64_t(chunk[first + 1]) << 32;
        return uint32_t(both >> low % 32 & ((uint64_t(1) << width) - 1));
    }
};

class Monitor {
public:
    Monitor(Job &job, int64_t number, Bits valid, Bits ready, Bits payload)
        : job_(job), layer_(job.layers[number]), number_(number), valid_(valid), ready_(ready),
          payload_(payload), n_neurons_(layer_.height * layer_.width * layer_.channels) {
        if (layer_.lanes) n_blocks_ = (layer_.n_sharing + layer_.lanes - 1) / layer_.lanes;
    }
    void probe(Bits strobe, Bits block, Bits word) {
        strobe_ = strobe;
        block_ = block;
        word_ = word;
    }
    // Whether all samples have come through, with their potentials, if there are any.
    bool finished() const { return sample_ == job_.n && (!n_blocks_ || read_ == job_.n); }

    // Take note of this cycle's signals; whether something moved.
    bool look(uint64_t cycle) {
        cycle_ = cycle;
        bool moved = n_blocks_ && strobe_;
        if (moved) read_potentials();
        uint64_t payload = payload_.word();
        if (held_ && (!valid_ || payload != held_payload_))
            fault(UNSTEADY, -1, int64_t(held_payload_), valid_ ? int64_t(payload) : -1);
        held_ = valid_ && !ready_;
        held_payload_ = payload;
        if (valid_ && ready_) moved |= take(payload);
        return moved;
    }

private:
    void fault(FaultKind kind, int64_t index, int64_t expected, int64_t got) {
        add_fault(job_, {kind, sample_, number_, step_, index, expected, got, int64_t(cycle_)});
    }
    bool take(uint64_t payload) {
        Kind kind = Kind(payload & 3);
        if (kind == POTENTIAL) {
            shown(payload >> 2);
            return false;  // no sample gets further by it
        }
        if (sample_ >= job_.n) {
            fault(TOO_MANY, -1, job_.n, sample_ + 1);
        } else if (kind == END_OF_SAMPLE) {
            if (step_ != job_.n_steps && !job_.early_exit)
                fault(STEPS, -1, job_.n_steps, step_);
            int64_t n_shown = number_ == job_.n_layers - 1 ? n_neurons_ : 0;
            if (n_shown_ != n_shown) fault(POTENTIALS, -1, n_shown, n_shown_);
            n_shown_ = 0;
            ++sample_;
            step_ = 0;
        } else if (step_ >= job_.n_steps) {
            fault(STEPS, -1, job_.n_steps, step_ + 1);
        } else if (kind == END_OF_STEP) {
            layer_.step_cycles[sample_ * job_.n_steps + step_] = cycle_;
            ++step_;
        } else {
            spike(payload >> 2);
        }
        return true;
    }
    // A final potential for the readout; that of the state word, which comes before.
    void shown(uint64_t place) {
        ++n_shown_;
        int64_t width = 1;
        while (int64_t(1) << width < n_neurons_) ++width;
        int64_t index = int64_t(place & ((uint64_t(1) << width) - 1));
        if (sample_ >= job_.n || index >= n_neurons_ || !n_blocks_) {
            fault(NOBODY, -1, n_neurons_ - 1, index);
            return;
        }
        int spare = 32 - int(layer_.potential_bits);
        int32_t got = int32_t(uint32_t(place >> width) << spare) >> spare;
        int32_t expected = layer_.potentials[sample_ * n_neurons_ + index];
        if (got != expected) fault(SHOWN, index, expected, got);
    }
    void spike(uint64_t place) {
        const auto next = [&place](int64_t n) {  // a field that holds 0..n-1
            int64_t width = 1;
            while (int64_t(1) << width < n) ++width;
            int64_t value = int64_t(place & ((uint64_t(1) << width) - 1));
            place >>= width;
            return value;
        };
        bool picture = layer_.height > 1 || layer_.width > 1;
        int64_t channel = next(layer_.channels);
        int64_t column = picture ? next(layer_.width) : 0;
        int64_t row = picture ? next(layer_.height) : 0;
        int64_t index = (row * layer_.width + column) * layer_.channels + channel;
        if (channel >= layer_.channels || column >= layer_.width || row >= layer_.height) {
            fault(NOBODY, -1, n_neurons_ - 1, index);
            return;
        }
        if (job_.multi_spike) {
            uint8_t &fires = layer_.times[(sample_ * job_.n_steps + step_) * n_neurons_ + index];
            if (fires) fault(TWICE, index, step_, step_);
            fires = 1;
            return;
        }
        uint8_t &time = layer_.times[sample_ * n_neurons_ + index];
        if (time != job_.n_steps) fault(TWICE, index, time, step_);
        else time = uint8_t(step_);
    }
    // A state word of a sample's end. The words of a sample come before those of the next.
    void read_potentials() {
        int64_t position = block_.word() / n_blocks_, block = block_.word() % n_blocks_;
        int64_t first = position * layer_.n_sharing + block * layer_.lanes;
        int64_t n = std::min(layer_.lanes, layer_.n_sharing - block * layer_.lanes);
        if (read_ >= job_.n || first + n > n_neurons_) {
            fault(POTENTIALS, first, 0, 1);
            return;
        }
        int32_t *target = layer_.potentials + read_ * n_neurons_ + first;
        int spare = 32 - int(layer_.potential_bits);
        for (int64_t lane = 0; lane < n; ++lane) {
            if (target[lane] != UNSEEN) fault(POTENTIALS, first + lane, 1, 2);
            uint32_t raw = word_.field(lane * layer_.lane_bits, layer_.potential_bits);
            target[lane] = int32_t(raw << spare) >> spare;
        }
        n_read_ += n;
        if (n_read_ == n_neurons_) {
            ++read_;
            n_read_ = 0;
        }
    }

    Job &job_;
    const Layer &layer_;
    int64_t number_;
    Bits valid_, ready_, payload_, strobe_, block_, word_;
    int64_t n_neurons_, n_blocks_ = 0;  // words of a position
    int64_t sample_ = 0, step_ = 0;     // of the tokens
    int64_t n_shown_ = 0;               // potentials of this sample, for the readout
    int64_t read_ = 0, n_read_ = 0;     // samples with all potentials; potentials of the next
    uint64_t cycle_ = 0, held_payload_ = 0;
    bool held_ = false;  // a token waits, and must not change
};
