// What `hwgen.verification.cxxrtl_session` hands over and gets back: same fields, same order, eight bytes each.
#pragma once

#include <cstdint>

struct Layer {
    int64_t height, width, channels;  // of its neurons
    int64_t n_sharing, lanes;         // neurons of a position; of those, how many a state word has
    int64_t potential_bits, lane_bits;  // of a neuron; all four 0: no potentials
    uint8_t *times;         // [n, n_neurons], given as n_steps: the step of the spike; multi_spike:
                            // [n, n_steps, n_neurons], given as 0: 1 where there was one
    int32_t *potentials;    // [n, n_neurons], given as UNSEEN: at the end of the sample
    uint64_t *step_cycles;  // [n, n_steps], given as 0: the cycle in which END_OF_STEP came out
    int64_t n_shadows;      // that the core sends when asked for them; 0: the layer does not learn
    int32_t *shadows;       // [n_shadows], in the order in which they came
    const int32_t *given;   // [n_shadows], in that order: to fill the core with at first; null: no
};

// What no stream of a right core has. What else may be wrong shows in the arrays.
enum FaultKind {
    TWICE, NOBODY, STEPS, TOO_MANY, UNSTEADY, POTENTIALS, SHOWN, SHADOWS, HANG, UNSETTLED
};

struct Fault {
    int64_t kind, sample, layer, step, index, expected, got, cycle;
};

// By the last token that the core had taken.
enum Moment { AT_ONCE, IN_SAMPLE, BEHIND_SAMPLE, BEHIND_LESSON, READING, FILLING };

struct Job {
    int64_t n, n_inputs, n_steps, label_bits;
    const uint8_t *inputs;  // [n, n_inputs], spike times; multi_spike: [n, n_steps, n_inputs]
    int64_t multi_spike;    // neurons may fire in each step
    int64_t early_exit;
    int64_t quiet_cycles;  // nothing moves for so long: the core hangs
    double stall;          // chance of an idle cycle, each cycle, at each end
    int64_t stall_burst;   // after which up to so many, less one, are idle, too
    uint64_t seed;
    void *core;            // of `hwgen_core`; null: a new one
    int64_t n_cuts;        // resets that cut off other samples before the run, or -1
    const int64_t *cuts;   // [n_cuts]: cycles before each
    int64_t *moments;      // [n_cuts]: what each cut off, a `Moment`
    int64_t n_cut;         // samples that had gone in whole at the first of them
    int64_t n_layers;
    Layer *layers;
    // For a core that learns; both may be 0.
    const int64_t *lessons;  // [n], index of the END_OF_SAMPLE; null: 0
    int64_t every;           // all shadows are read after each so many samples, and after the last
    int64_t reads_first;     // and before the first, as sample -1
    int64_t shadow_bits;
    int64_t (*on_shadows)(int64_t sample);  // all are read; 0 ends the run
    int64_t n_registers;
    uint32_t *registers;           // [n_registers], when all is over
    uint32_t *least, *greatest;    // [n_registers]: of what was read on the way; given as ~0 and 0
    uint32_t *labels;              // [n], and so the others
    uint8_t *steps, *by_spike;
    uint64_t *started, *decided;   // cycles in which the first token went in, the result came out
    uint64_t *ended;               // in which the END_OF_SAMPLE went in
    uint64_t *resumed;             // in which the first token after the sample went in; given as 0
    uint64_t n_cycles;             // until the last token came out
    uint64_t busy_cycles;          // in which a sample was inside
    uint64_t n_dropped;            // tokens given that mean nothing
    uint64_t n_idle;               // in which the core would have taken one, but got none
    int64_t n_faults;
    Fault fault;  // the first
};

const int32_t UNSEEN = INT32_MIN;

inline bool is_read_after(const Job &job, int64_t sample) {
    return job.every && ((sample + 1) % job.every == 0 || sample == job.n - 1);
}

inline void add_fault(Job &job, const Fault &fault) {
    if (job.n_faults++ == 0) job.fault = fault;
}
