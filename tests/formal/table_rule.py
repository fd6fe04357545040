"""Proofs of the learning unit's arithmetic."""

from formal import rule
from formal.proof import proof

ARITHMETIC = (
    proof(
        "scaled errors",
        lambda: rule.normalise(5, 3),
        "prove",
        4,
        ("learning/normalise", "(1 << length) >> 1", "(1 << length) >> 2"),
        fault_depth=8,
    ),
    proof(
        "errors of outputs",
        lambda: rule.output_errors(3, 3, 1, 2),
        "bmc",
        17,
        ("learning/output_errors", "earliest - margin, 0", "earliest, 0"),
        ("learning/output_errors", "wanted.eq(label_time + margin)", "wanted.eq(label_time)"),
    ),
    proof(
        "errors passed down",
        lambda: rule.passed_down("ramp"),
        "bmc",
        16,
        ("learning/update", "Mux(control[4].first, 0, self.passed)", "self.passed"),
    ),
    proof(
        "errors passed down, phased, binary",
        lambda: rule.passed_down("ramp", phased=True, weight_bits=1),
        "bmc",
        16,
        ("learning/update", "early & (step != 0) if", "early if"),
    ),
    proof(
        "change, ramp",
        lambda: rule.update("ramp", window="psp", output_shift=2, n_halvings=2),
        "prove",
        6,
        ("learning/update", "(noise_of_3 + lane)", "noise_of_3"),
        ("learning/update", "Mux(total < least, least, total)", "total"),
        fault_depth=8,
    ),
    proof(
        "change, shift to the left, phased",
        lambda: rule.update("ramp", phased=True, window="psp", output_shift=-2, n_halvings=3),
        "prove",
        6,
        ("learning/update", "(dithered << left) >> whole", "dithered >> whole"),
        fault_depth=8,
    ),
    proof(
        "change, binary",
        lambda: rule.update(
            "step", weight_bits=1, window="box", anticausal_shift=1, output_shift=3
        ),
        "prove",
        6,
        ("learning/update", "extra = Mux(early, 0, anticausal or 0)", "extra = 0"),
        fault_depth=8,
    ),
    proof(
        "change, exponential",
        lambda: rule.update("ramp", window="exponential", tau_log2=1, anticausal_shift=2),
        "prove",
        6,
        ("learning/update", "(abs(ahead) >> learning.tau_log2)", "(ahead >> learning.tau_log2)"),
        fault_depth=8,
    ),
    proof(
        "change, more than 15 places",
        lambda: rule.update("ramp", window="exponential", anticausal_shift=15, output_shift=14),
        "prove",
        6,
        (
            "learning/update",
            "right = Mux(shift > MAX_SHIFT, MAX_SHIFT, Mux",
            "right = Mux(shift > MAX_SHIFT, 0, Mux",
        ),
        fault_depth=8,
    ),
)
