// What follows from a job. `job.h` is generated (`hwgen.verification.cxxrtl_abi`).
#pragma once

#include "job.h"

inline bool is_read_after(const Job &job, int64_t sample) {
    return job.every && ((sample + 1) % job.every == 0 || sample == job.n - 1);
}

inline void add_fault(Job &job, const Fault &fault) {
    if (job.n_faults++ == 0) job.fault = fault;
}
