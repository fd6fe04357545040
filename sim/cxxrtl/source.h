// Samples as tokens (docs/contract.md, section 7).
#pragma once

#include "rules.h"

#include <utility>
#include <vector>

enum Kind { SPIKE, END_OF_STEP, END_OF_SAMPLE, POTENTIAL };
const Kind FILL = Kind(POTENTIAL + 1);  // a POTENTIAL that says that shadow weights come

class Random {  // xorshift64*
public:
    explicit Random(uint64_t seed) : state_(seed * 0x9E3779B97F4A7C15u | 1) {}
    uint32_t next() {
        state_ ^= state_ >> 12;
        state_ ^= state_ << 25;
        state_ ^= state_ >> 27;
        return uint32_t((state_ * 0x2545F4914F6CDD1Du) >> 32);
    }
    bool chance(double p) { return p > 0 && next() < p * 4294967296.0; }
    uint32_t below(uint32_t n) { return uint32_t(uint64_t(next()) * n >> 32); }

private:
    uint64_t state_;
};

// The tokens of all samples, the spikes of a step in random order; between samples, what asks for
// shadow weights; before all, what says that some come.
//
// Those that a reset is to cut off are all samples, from a `first` on, again and again; they are
// training samples only if told so.
class Source {
public:
    Source(const Job &job, Random &random)
        : job_(job), random_(random), trains_(job.training_labels != nullptr) {
        if (job.reads_first) {
            sample_ = -1;
            kind_ = END_OF_SAMPLE;
            advance();
        } else if (!fill(0)) {
            begin_step();
        }
    }
    Source(const Job &job, Random &random, int64_t first, bool teaches)
        : job_(job), random_(random), endless_(true), trains_(job.training_labels && teaches),
          sample_(first) {
        if (!fill(0)) begin_step();
    }
    bool empty() const { return sample_ == job_.n; }
    int64_t sample() const { return sample_; }
    bool begins_sample() const { return begins_ && kind_ != FILL; }
    bool ends_sample() const { return kind_ == END_OF_SAMPLE; }
    bool asks() const { return kind_ == POTENTIAL; }
    bool fills() const { return kind_ == FILL; }
    bool is_inside() const { return !begins_ && !asks(); }  // a sample
    bool is_labelled() const { return trains_ && job_.training_labels[sample_] > 0; }
    uint32_t token() const {
        uint32_t index = 0;
        if (kind_ == SPIKE) index = indices_[next_];
        else if (kind_ == END_OF_SAMPLE && trains_) index = uint32_t(job_.training_labels[sample_]);
        else if (kind_ == POTENTIAL) index = uint32_t(asked_);
        else if (kind_ == FILL) index = uint32_t(job_.n_layers + filled_);
        return index << 2 | uint32_t(kind_ == FILL ? POTENTIAL : kind_);
    }

    void advance() {
        if (kind_ == FILL) {
            if (!fill(filled_ + 1)) begin_step();
            return;
        }
        begins_ = false;
        if (kind_ == SPIKE) {
            kind_ = ++next_ < indices_.size() ? SPIKE : END_OF_STEP;
        } else if (kind_ == END_OF_STEP && ++step_ == job_.n_input_steps) {
            kind_ = END_OF_SAMPLE;
        } else if (kind_ == END_OF_STEP) {
            begin_step();
        } else if (!ask()) {
            ++sample_;
            if (endless_ && empty()) sample_ = 0;
            step_ = 0;
            begins_ = true;
            if (!empty()) begin_step();
        }
    }

private:
    // Whether there is a layer to be filled, from this one on.
    bool fill(int64_t from) {
        for (filled_ = from; filled_ < job_.n_layers && !job_.layers[filled_].given;) ++filled_;
        kind_ = FILL;
        return filled_ < job_.n_layers;
    }
    // Behind a sample: whether there is a layer (more) whose shadows are to be asked for.
    bool ask() {
        asked_ = kind_ == POTENTIAL ? asked_ + 1 : 0;
        while (asked_ < job_.n_layers && !job_.layers[asked_].n_shadows) ++asked_;
        kind_ = POTENTIAL;
        return is_read_after(job_, sample_) && asked_ < job_.n_layers;
    }
    int64_t row(int64_t sample) const {
        return job_.is_raster ? sample * job_.n_input_steps + step_ : sample;
    }
    void begin_step() {
        const uint8_t *times = job_.inputs + row(sample_) * job_.n_inputs;
        int64_t fires = job_.is_raster ? 1 : step_;
        indices_.clear();
        for (int64_t i = 0; i < job_.n_inputs; ++i)
            if (times[i] == fires) indices_.push_back(uint32_t(i));
        for (size_t i = indices_.size(); i > 1; --i)
            std::swap(indices_[i - 1], indices_[random_.below(uint32_t(i))]);
        next_ = 0;
        kind_ = indices_.empty() ? END_OF_STEP : SPIKE;
    }

    const Job &job_;
    Random &random_;
    bool endless_ = false, trains_;
    int64_t sample_ = 0, step_ = 0, asked_ = 0, filled_ = 0;
    bool begins_ = true;  // the next token is the first of its sample
    Kind kind_ = SPIKE;
    std::vector<uint32_t> indices_;  // of the step's spikes
    size_t next_ = 0;                // of them
};
