// Sends the core the shadow weights that it is to begin with.
#pragma once

#include "rules.h"

class Filler {
public:
    explicit Filler(const Job &job) : job_(job) { seek(); }
    bool empty() const { return layer_ == job_.n_layers; }
    uint32_t value() const {
        return uint32_t(job_.layers[layer_].given[at_]) & ((uint64_t(1) << job_.shadow_bits) - 1);
    }
    void advance() {
        if (++at_ < job_.layers[layer_].n_shadows) return;
        at_ = 0;
        ++layer_;
        seek();
    }

private:
    void seek() {
        while (layer_ < job_.n_layers && !job_.layers[layer_].given) ++layer_;
    }

    const Job &job_;
    int64_t layer_ = 0, at_ = 0;
};
