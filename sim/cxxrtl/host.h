// What stands around a core: offers tokens, takes results, reads registers, all with random stalls.
#pragma once

#include "filler.h"
#include "rules.h"
#include "monitor.h"
#include "source.h"

template <size_t N> Bits bits(const cxxrtl::value<N> &v) { return {v.data, v.chunks}; }
template <size_t N> Bits bits(const cxxrtl::wire<N> &w) { return {w.curr.data, w.curr.chunks}; }

const double STRAYS = 8;  // of so many stalls, one is a token that the core must drop

template <class Core> class Host {
public:
    Host(const Job &job, Core &core, Source &source, Random &random)
        : job_(job), core_(core), source_(source), random_(random), filler_(job) {}

    // Set the inputs of a cycle; in the end no new token is offered.
    void drive(bool ends) {
        if (!offers_ && !ends && !source_.empty() && !stalls(0)) {
            offers_ = true;
            is_stray_ = source_.is_inside() && random_.chance(job_.stall / STRAYS);
            core_.p_i____payload.template set<uint32_t>(is_stray_ ? stray() : source_.token());
        }
        takes_ = !stalls(1);
        core_.p_i____valid.template set<uint32_t>(offers_);
        core_.p_o____ready.template set<uint32_t>(takes_);
#ifdef LEARNS
        reads_ = !stalls(2);
        core_.p_shadows____ready.template set<uint32_t>(reads_);
#endif
#ifdef FILLS
        fills_ = fills_ || (!filler_.empty() && !stalls(3));
        if (fills_) core_.p_fill____payload.template set<uint32_t>(filler_.value());
        core_.p_fill____valid.template set<uint32_t>(fills_);
#endif
        asked_ = register_;
        if (random_.chance(job_.stall)) {
            register_ = random_.below(uint32_t(job_.n_registers));
            core_.p_reg__addr.template set<uint32_t>(uint32_t(register_));
        }
    }
    bool takes() const { return takes_; }  // a result
    bool reads() const { return reads_; }  // a shadow weight
    int64_t asked() const { return asked_; }  // which register's value is there now; -1: none's
    bool gives() const { return moves() && !is_stray_; }  // a token of the source
    bool idles() const { return !offers_ && !source_.empty() && bool(bits(core_.p_i____ready)); }
    uint64_t n_strays() const { return n_strays_; }  // that the core has taken
    // At the end of the cycle; whether something has moved.
    bool advance() {
        bool moved = moves();
        if (gives()) source_.advance();
        if (moved) {
            offers_ = false;
            n_strays_ += is_stray_;
        }
#ifdef FILLS
        if (fills_ && bits(core_.p_fill____ready)) {
            filler_.advance();
            fills_ = false;
            moved = true;
        }
#endif
        return moved;
    }

private:
    bool moves() const { return offers_ && bool(bits(core_.p_i____ready)); }  // any token
    bool stalls(int end) {
        if (left_[end]) return left_[end]-- > 0;
        if (!random_.chance(job_.stall)) return false;
        if (job_.stall_burst > 1) left_[end] = random_.below(uint32_t(job_.stall_burst));
        return true;
    }
    // A spike of no input, if an index can say so, or a POTENTIAL.
    uint32_t stray() {
        uint32_t n = 1u << (decltype(core_.p_i____payload)::bits - 2);
        uint32_t n_spare = n - uint32_t(job_.n_inputs);
        if (n_spare && random_.chance(0.5))
            return (uint32_t(job_.n_inputs) + random_.below(n_spare)) << 2 | SPIKE;
        return random_.below(n) << 2 | POTENTIAL;
    }

    const Job &job_;
    Core &core_;
    Source &source_;
    Random &random_;
    Filler filler_;
    bool offers_ = false, is_stray_ = false, takes_ = false, reads_ = false, fills_ = false;
    int64_t register_ = -1, asked_ = -1;
    uint32_t left_[4] = {};  // idle cycles of a burst still to come, at each end
    uint64_t n_strays_ = 0;
};
