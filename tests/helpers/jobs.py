"""Jobs for benches, in short."""

from hwgen.network.design import Design
from hwgen.verification.job import Job
from hwgen.verification.passes import learning_passes, stalled_then_fast


def inference(net, inputs, lanes, build_dir, **how):
    """A pass without stalls, unless `passes` are given."""
    return Job(design=Design(net, lanes), inputs=inputs, build_dir=build_dir, **how)


def twice(net, inputs, lanes, build_dir, *, stall=0.2, n_stalled=None, **how):
    """With stalls, then fast: as `hwgen cosim` does."""
    passes = stalled_then_fast(stall, n_stalled=n_stalled)
    return inference(net, inputs, lanes, build_dir, passes=passes, **how)


def taught(net, samples, lanes, build_dir, *, stall=0.0, filled=False, **how):
    """Training samples; `filled`: the core is given its weights first."""
    design = Design(net, lanes)
    return Job(
        design=design.all_loaded() if filled else design,
        inputs=samples.inputs,
        build_dir=build_dir,
        labels=samples.labels,
        truths=samples.truths,
        passes=learning_passes(stall),
        **how,
    )
