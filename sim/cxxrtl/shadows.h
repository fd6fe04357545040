// Takes the shadow weights that the core sends, layer by layer, when it is asked for them.
#pragma once

#include "rules.h"
#include "monitor.h"

class Shadows {
public:
    explicit Shadows(Job &job) : job_(job) { seek(job.reads_first ? -1 : 0); }
    void watch(Bits valid, Bits payload) {
        valid_ = valid;
        payload_ = payload;
    }
    void asked() { ++n_asked_; }
    bool finished() const { return sample_ == job_.n; }
    bool stopped() const { return stopped_; }

    // Take note of this cycle's signals; whether something moved.
    bool look(uint64_t cycle, bool ready) {
        cycle_ = cycle;
        bool valid(valid_);
        int64_t payload = valid ? int64_t(payload_.word()) : -1;
        if (held_ && payload != held_payload_) fault(UNSTEADY, held_payload_, payload);
        held_ = valid && !ready;
        held_payload_ = payload;
        if (valid && ready) take();
        return valid && ready;
    }

private:
    void fault(FaultKind kind, int64_t expected, int64_t got) {
        add_fault(job_, {kind, sample_, layer_, -1, n_taken_, expected, got, int64_t(cycle_)});
    }
    void take() {
        if (!n_asked_ || finished()) {
            fault(SHADOWS, 0, 1);
            return;
        }
        const Layer &layer = job_.layers[layer_];
        int spare = 32 - int(job_.shadow_bits);
        layer.shadows[n_taken_++] = int32_t(payload_.field(0, job_.shadow_bits) << spare) >> spare;
        bool last = payload_.field(job_.shadow_bits, 1), full = n_taken_ == layer.n_shadows;
        if (last != full) fault(SHADOWS, layer.n_shadows, n_taken_ + !last);
        if (!last && !full) return;
        --n_asked_;
        n_taken_ = 0;
        find_layer(layer_ + 1);
        if (layer_ < job_.n_layers) return;
        stopped_ = !job_.on_shadows(sample_);
        seek(sample_ + 1);
    }
    // Go to the next sample, from this one on, behind which shadows are read.
    void seek(int64_t sample) {
        for (sample_ = sample; !finished() && !is_read_after(job_, sample_);) ++sample_;
        find_layer(0);
    }
    void find_layer(int64_t from) {
        for (layer_ = from; layer_ < job_.n_layers && !job_.layers[layer_].n_shadows;) ++layer_;
    }

    Job &job_;
    Bits valid_, payload_;
    int64_t sample_ = 0, layer_ = 0;      // whose shadows come next
    int64_t n_taken_ = 0, n_asked_ = 0;   // shadows of the layer; layers not yet answered for
    uint64_t cycle_ = 0;
    int64_t held_payload_ = -1;
    bool held_ = false, stopped_ = false;
};
