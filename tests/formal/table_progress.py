"""Proofs that nothing gets stuck."""

from formal import answers, layers, learning, slots
from formal.proof import proof

_SMALL = {"height": 2, "width": 3, "channels": 1, "filters": 2, "size": 2}
_TINY = {"psp": "ramp", "bits": 2, "n_steps": 2, "shadow_bits": 4, "error_bits": 2}

PROGRESS = (
    proof(
        "progress, dense, step",
        lambda: layers.dense_progress("step", cycles=11),
        "prove",
        12,
        ("layers/dense", "started & (~a.valid | last)", "started & last"),
        fault_depth=26,
    ),
    *(
        proof(
            f"progress, dense, {psp}",
            lambda psp=psp: layers.dense_progress(psp, cycles=14),
            "prove",
            15,
            ("neurons/pipeline", "in_c.eq(0), in_d.eq(in_c)", "in_c.eq(0), in_d.eq(in_d)"),
            fault_depth=26,
        )
        for psp in ("ramp", "triangle", "phased", "subtract")
    ),
    proof(
        "progress, conv, walk",
        lambda: slots.walk(1, cycles=26, **_SMALL),
        "prove",
        27,
        ("layers/walk", "(run_left == 0) & (rows_left == 0)", "(run_left == 0) & (rows_left == 1)"),
        fault_depth=40,
    ),
    proof(
        "progress, conv, neurons",
        lambda: slots.neurons(1, cycles=12, **_SMALL),
        "prove",
        13,
        ("neurons/pipeline", "in_c.eq(0), in_d.eq(in_c)", "in_c.eq(0), in_d.eq(in_d)"),
    ),
    proof(
        "progress, learning unit",
        lambda: learning.teacher((2, 2), shape="1x2-2-2", window="psp", cycles=32, **_TINY),
        "bmc",
        38,
        (
            "learning/unit",
            "eq(errors.done & ~errors.any),\n        ]\n        begins",
            "eq(0),\n        ]\n        begins",
        ),
        fault_depth=48,
    ),
    proof(
        "progress, core of two layers",
        lambda: answers.core("1x2-2-2", (1, 2), n_steps=2, cycles=20),
        "bmc",
        32,
        ("io/readout", "answers.eq(~self.decided), self.finished", "answers.eq(0), self.finished"),
        fault_depth=40,
    ),
)
