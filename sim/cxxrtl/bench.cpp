// Streams samples through a core and writes down all that comes out.
//
// This is the half of `hwgen verify` inside the simulator. It knows nothing of what should come
// out: `hwgen.verification.compare` does. `core.cc` is what yosys' write_cxxrtl made of the Verilog; `layers.h`
// names its layers: #define LAYERS(NEURONS, POOL) NEURONS(p_layer__0_2e_) POOL(p_layer__1_2e_) ...;
// LEARNS is defined if it has a port for shadow weights, FILLS if one that takes them.

#include "expressions.h"  // before the core that uses them

#include "core.cc"
#include "layers.h"

#include "host.h"
#include "monitor.h"
#include "shadows.h"

#include <memory>

using Core = cxxrtl_design::p_hwgen__core;

namespace {

const int64_t MAX_FAULTS = 1000;  // enough to give up
const int64_t LAST_CYCLES = 64;   // for the counters, after the last token
const int64_t READ_CYCLES = 3;    // of a register, at least
const uint32_t EARLY_CYCLES = 64; // within so many of a reset may come another

class Bench {
public:
    explicit Bench(Job &job)
        : job_(job), random_(job.seed), source_(job, random_), shadows_(job),
          own_(job.core ? nullptr : new Core), core_(job.core ? (Core *)job.core : own_.get()),
          host_(job, *core_, source_, random_) {
        int64_t number = 0;
#define POOL(P) \
    monitors_.emplace_back(job, number++, bits(core_->P##o____valid), \
                           bits(core_->P##o____ready), bits(core_->P##o____payload));
#define NEURONS(P) \
    POOL(P) \
    monitors_.back().probe(bits(core_->P##probe__strobe), bits(core_->P##probe__block), \
                           bits(core_->P##probe__word));
        LAYERS(NEURONS, POOL)
#ifdef LEARNS
        shadows_.watch(bits(core_->p_shadows____valid), bits(core_->p_shadows____payload));
#endif
    }

    void run() {
        core_->p_early__exit.set<uint32_t>(uint32_t(job_.early_exit));
        reset();
        interrupt();
        while (!finished() && !shadows_.stopped() && job_.n_faults < MAX_FAULTS) {
            cycle();
            if (cycle_ - moved_ > uint64_t(job_.quiet_cycles)) {
                add_fault(job_, {HANG, n_results_, -1, -1, -1, 1, 0, int64_t(cycle_)});
                break;
            }
        }
        job_.n_cycles = moved_;
        job_.n_dropped = host_.n_strays();
        ended_ = true;
        for (int64_t i = 0; i < LAST_CYCLES; ++i) cycle();
        for (int64_t i = 0; i < job_.n_registers; ++i) {
            core_->p_reg__addr.set<uint32_t>(uint32_t(i));
            for (int64_t j = 0; j < READ_CYCLES; ++j) clock([] {});
            job_.registers[i] = uint32_t(bits(core_->p_reg__data).word());
        }
    }

private:
    void reset() {
        core_->p_rst.set<uint32_t>(1);
        clock([] {});
        core_->p_rst.set<uint32_t>(0);
    }

    // Other samples, which resets cut off. Nothing of them may be left, but what was learnt until
    // the first. Unless told otherwise, there are two: behind the first sample, and almost at once.
    void interrupt() {
        Random random(~job_.seed);
        int64_t n_cuts = job_.n_cuts < 0 ? 2 : job_.n_cuts;
        for (int64_t number = 0; number < n_cuts; ++number) {
            bool whole = job_.n_cuts >= 0 || number > 0;
            int64_t first = job_.reads_first ? 0 : random.below(uint32_t(job_.n));
            Source source(job_, random, first, number == 0 && job_.reads_first);
            Host<Core> host(job_, *core_, source, random);
            int64_t n_left = job_.n_cuts >= 0 ? job_.cuts[number]
                             : whole ? random.below(EARLY_CYCLES) : job_.quiet_cycles;
            Moment moment = AT_ONCE;
            for (uint32_t n = 0; n_left > 0; ++n, --n_left) {
                host.drive(false);
                clock([&] {
                    if (!whole && host.gives() && source.ends_sample()) {
                        whole = true;
                        n_left = random.below(3 * (n + 1)) + 1;
                    }
                    if (host.gives()) moment = moment_of(source);
                    if (number == 0) job_.n_cut += host.gives() && source.ends_sample();
                    host.advance();
                });
            }
            if (job_.n_cuts >= 0) job_.moments[number] = moment;
            reset();
        }
    }

    static Moment moment_of(const Source &source) {
        if (source.fills()) return FILLING;
        if (source.asks()) return READING;
        if (!source.ends_sample()) return IN_SAMPLE;
        return source.is_labelled() ? BEHIND_UPDATE : BEHIND_SAMPLE;
    }

    bool finished() const {
        return n_results_ == job_.n && shadows_.finished() &&
               std::all_of(monitors_.begin(), monitors_.end(),
                           [](const Monitor &m) { return m.finished(); });
    }

    // One evaluation a cycle: from the inputs of the cycle it makes its outputs and what the edge
    // at its end will store. `look` sees them before the edge. The falling edge is not played.
    template <class Look> void clock(Look look) {
        core_->p_clk.set<uint32_t>(1);
        core_->prev_p_clk.set<uint32_t>(0);
        if (!core_->eval()) add_fault(job_, {UNSETTLED, -1, -1, -1, -1, 1, 0, int64_t(cycle_)});
        look();
        core_->commit();
    }

    void cycle() {
        ++cycle_;
        host_.drive(ended_);
        clock([this] { look(); });
    }

    void look() {
        // A sample is inside from the cycle after its first token until the readout has done.
        job_.busy_cycles += inside_ || in_flight_ > 0;
        in_flight_ -= bool(bits(core_->p_readout_2e_finished));
        for (Monitor &monitor : monitors_)
            if (monitor.look(cycle_)) moved_ = cycle_;
#ifdef LEARNS
        if (shadows_.look(cycle_, host_.reads())) moved_ = cycle_;
#endif
        if (host_.takes() && bits(core_->p_o____valid)) result(bits(core_->p_o____payload));
        if (host_.asked() >= 0) {
            uint32_t value = uint32_t(bits(core_->p_reg__data).word());
            uint32_t &least = job_.least[host_.asked()], &greatest = job_.greatest[host_.asked()];
            least = std::min(least, value);
            greatest = std::max(greatest, value);
        }
        job_.n_idle += host_.idles();
        if (host_.gives()) {
            if (source_.ends_sample()) job_.ended[source_.sample()] = cycle_;
            if (source_.begins_sample()) job_.started[source_.sample()] = cycle_;
            if (before_ >= 0) job_.resumed[before_] = cycle_;
            before_ = source_.ends_sample() ? source_.sample() : -1;
            inside_ = !source_.ends_sample() && !source_.asks() && !source_.fills();
            in_flight_ += source_.ends_sample();
            if (source_.asks()) shadows_.asked();
        }
        if (host_.advance()) moved_ = cycle_;
    }

    void result(Bits payload) {
        int64_t sample = n_results_++;
        moved_ = cycle_;
        if (sample >= job_.n) {
            add_fault(job_, {TOO_MANY, sample, -1, -1, -1, job_.n, n_results_, int64_t(cycle_)});
            return;
        }
        job_.labels[sample] = payload.field(0, job_.label_bits);
        job_.steps[sample] = uint8_t(payload.field(job_.label_bits, 8));
        job_.by_spike[sample] = uint8_t(payload.field(job_.label_bits + 8, 1));
        job_.decided[sample] = cycle_;
    }

    Job &job_;
    Random random_;
    Source source_;
    Shadows shadows_;
    std::unique_ptr<Core> own_;
    Core *core_;
    Host<Core> host_;
    std::vector<Monitor> monitors_;
    uint64_t cycle_ = 0, moved_ = 0;  // now; when something last moved
    int64_t n_results_ = 0, in_flight_ = 0;
    int64_t before_ = -1;  // the sample whose end was the last token in; else -1
    bool inside_ = false, ended_ = false;
};

}  // namespace

// A core that keeps, from run to run, what it holds.
extern "C" void *hwgen_core() { return new Core; }
extern "C" void hwgen_free(void *core) { delete (Core *)core; }

extern "C" void hwgen_run(Job *job) { Bench(*job).run(); }

// Where the fields are that Python writes and reads: it looks before it does.
extern "C" const char *hwgen_layout() { return LAYOUT; }
extern "C" const int64_t *hwgen_places() { return PLACES; }
