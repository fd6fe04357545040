"""All proofs: what is proved, how, and which planted faults must make it fail.

"prove" is induction: it holds for ever, from any state that can be reached. "bmc" looks at the
first cycles after power-up only, as many as `depth`.
"""

from collections.abc import Callable
from dataclasses import dataclass

from formal import answers, layers, lessons, pool, relays, rule, slots
from formal.bench import Bench
from formal.planted import Fault
from formal.solver import Mode


@dataclass(frozen=True)
class Proof:
    """`depth`: cycles looked at, or steps of the induction. `fault_depth`: cycles in which each
    fault must show."""

    name: str
    make: Callable[[], Bench]
    mode: Mode
    depth: int
    faults: tuple[Fault, ...]
    fault_depth: int = 20


def proof(
    name: str,
    make: Callable[[], Bench],
    mode: Mode,
    depth: int,
    *faults: tuple[str, str, str],
    fault_depth: int = 20,
) -> Proof:
    return Proof(name, make, mode, depth, tuple(Fault(*f) for f in faults), fault_depth)


_SMALL = {"height": 2, "width": 3, "channels": 1, "filters": 2, "size": 2}
_TINY = {"psp": "ramp", "bits": 2, "n_steps": 2, "shadow_bits": 4, "error_bits": 2}

STREAMS = (
    proof(
        "fifo",
        lambda: relays.fifo(4),
        "prove",
        3,
        ("fifo", "(head ^ tail) != self._depth", "(head ^ tail) != 2 * self._depth - 1"),
        ("fifo", "(head != tail) & (~self.o.valid | self.o.ready)", "head != tail"),
    ),
    proof("fifo of 256", lambda: relays.fifo(256), "prove", 3),
    proof(
        "gate",
        relays.gate,
        "prove",
        3,
        ("gate", "token.index >= self._n_inputs", "token.index > self._n_inputs"),
        ("gate", "self.decided & (in_flight == 0) & ~is_end", "self.decided & ~is_end"),
    ),
    proof(
        "gate, lessons",
        relays.lessons,
        "prove",
        3,
        ("gate", "~teaching & empty & ~self.o.valid", "~teaching & ~self.o.valid"),
        ("gate", "labelled = (token.index != 0) &", "labelled ="),
    ),
    proof(
        "unflatten",
        relays.unflatten,
        "prove",
        3,
        (
            "picture",
            "m.d.comb += self.i.ready.eq(~self.o.valid | self.o.ready)",
            "m.d.comb += self.i.ready.eq(1)",
        ),
    ),
    proof(
        "flatten",
        relays.flatten,
        "prove",
        3,
        ("picture", '{"start": column * channels}', '{"start": column}'),
        ("picture", "self.i.ready.eq(~valid | moves)", "self.i.ready.eq(1)"),
    ),
    proof(
        "serializer",
        lambda: relays.serializer(3),
        "prove",
        3,
        ("serializer", "left = rest & (rest - 1)", "left = rest & (rest << 1)"),
        ("serializer", "eq(held_base + lane)", "eq(held_base | lane)"),
    ),
    proof(
        "phases",
        lambda: relays.phases(3),
        "prove",
        9,
        ("phases", "m.d.sync += left.eq(self._n_steps)", "m.d.sync += left.eq(self._n_steps - 1)"),
    ),
    proof(
        "pool",
        pool.pool,
        "prove",
        9,
        ("pool", "again | (tags.read_data == sample)", "tags.read_data == sample"),
        ("pool", "tags.write_data.eq(sample - renews)", "tags.write_data.eq(sample)"),
    ),
    proof(
        "replay",
        lambda: relays.replay(1, 3),
        "bmc",
        20,
        ("replay", "fetch.eq(self.o.ready & ~is_end)", "fetch.eq(~is_end)"),
        ("replay", "word[1:], active == 0)", "word[1:], active != 0)"),
    ),
    proof(
        "readout",
        answers.readout,
        "bmc",
        15,
        ("readout", "(token.index < label)", "(token.index > label)"),
        ("readout", "take.eq(held & ~self.o.valid)", "take.eq(held)"),
    ),
    proof(
        "receiver",
        lambda: answers.receiver(4),
        "prove",
        3,
        (
            "uart",
            "with m.If(self.o.valid & ~self.o.ready):\n                m.d.comb",
            "with m.If(0):\n                m.d.comb",
        ),
        fault_depth=90,
    ),
    proof(
        "serial line",
        lambda: answers.uart(4),
        "bmc",
        66,
        ("uart", "bits.eq(Cat(self.i.payload, 1))", "bits.eq(Cat(self.i.payload, 0))"),
        fault_depth=50,
    ),
    proof(
        "readback",
        lessons.readback,
        "prove",
        3,
        ("readback", "lane.eq(0), fetched.eq(0), self", "lane.eq(0), self"),
    ),
    proof(
        "fill",
        lessons.fill,
        "prove",
        3,
        ("fill", "Cat(self.word[self._bits :], self.i.payload)", "Cat(self.i.payload, self.word)"),
        ("fill", "self.busy & ~full", "self.busy"),
    ),
)

_STRICT = ("dense", "(potential > threshold)", "(potential >= threshold)")
_TWICE = ("neurons", "state.exceeds & ~state.fired & present", "state.exceeds & present")
_HAZARD = ("neurons", "in_d.eq(same(self.i, c))", "in_d.eq(0)")

NEURONS = (
    proof(
        "dense, step",
        lambda: layers.dense("step"),
        "prove",
        2,
        _STRICT,
        ("dense", "address.eq(address + n_pre)", "address.eq(address + 1)"),
        fault_depth=14,
    ),
    proof(
        "dense, step, output",
        lambda: layers.dense("step", is_output=True, weight_bits=1),
        "prove",
        2,
        ("dense", "shown = present &", "shown ="),
        fault_depth=14,
    ),
    proof(
        "dense, step, one block",
        lambda: layers.dense("step", n_post=2, is_output=True),
        "prove",
        2,
        ("dense", "Mux(clears, 0, kept)[:bits]", "kept[:bits]"),
        fault_depth=14,
    ),
    proof("dense, ramp", lambda: layers.dense("ramp"), "prove", 2, _HAZARD, fault_depth=16),
    proof(
        "dense, ramp, output, one block",
        lambda: layers.dense("ramp", n_post=2, is_output=True),
        "prove",
        2,
        ("state", "slope = Mux(does[Op.COMPARE], before, 0)", "slope = before"),
        _TWICE,
        fault_depth=16,
    ),
    proof(
        "dense, triangle",
        lambda: layers.dense("triangle"),
        "prove",
        2,
        (
            "state",
            "weight = Mux(self.c.knee, ~(weight << 1), weight)",
            "weight = Mux(self.c.knee, ~weight, weight)",
        ),
        fault_depth=16,
    ),
    proof(
        "dense, phased",
        lambda: layers.dense("phased"),
        "prove",
        2,
        (
            "neurons",
            "(d.op == Op.COMPARE) & (d.drive | (not self._layer.phased))",
            "(d.op == Op.COMPARE)",
        ),
        ("dense", "Mux(touched | drive, Op.COMPARE, Op.PASS)", "Mux(touched, Op.COMPARE, Op.PASS)"),
        fault_depth=16,
    ),
    proof(
        "conv, filters of 2 x 2",
        lambda: layers.conv(1, seed=1, **_SMALL),
        "bmc",
        19,
        ("walk", "order.index(tap) * weight_step", "order.index(tap)"),
    ),
    proof(
        "conv, filter of 1 x 1",
        lambda: layers.conv(1, seed=1, height=1, width=2, channels=2, filters=1, size=1),
        "bmc",
        17,
        ("neurons", "in_c.eq(same(self.i, b))", "in_c.eq(0)"),
    ),
    proof(
        "conv, two rows",
        lambda: layers.conv(1, seed=1, height=3, width=2, channels=1, filters=1, size=2),
        "bmc",
        16,
        ("walk", "row_weight + self._row_weights", "row_weight + 1"),
    ),
    proof(
        "conv, stride and padding",
        lambda: layers.conv(
            1, seed=1, height=1, width=3, channels=1, filters=1, size=2, stride=2, padding=1
        ),
        "bmc",
        16,
        ("walk", "max(1, len(reached)) * slots - 1", "len(reached) * slots"),
    ),
)

PROGRESS = (
    proof(
        "progress, dense, step",
        lambda: layers.dense_progress("step", cycles=11),
        "prove",
        12,
        ("dense", "started & (~a.valid | last)", "started & last"),
        fault_depth=26,
    ),
    *(
        proof(
            f"progress, dense, {psp}",
            lambda psp=psp: layers.dense_progress(psp, cycles=14),
            "prove",
            15,
            ("neurons", "in_c.eq(0), in_d.eq(in_c)", "in_c.eq(0), in_d.eq(in_d)"),
            fault_depth=26,
        )
        for psp in ("ramp", "triangle", "phased")
    ),
    proof(
        "progress, conv, walk",
        lambda: slots.walk(1, cycles=26, **_SMALL),
        "prove",
        27,
        ("walk", "(run_left == 0) & (rows_left == 0)", "(run_left == 0) & (rows_left == 1)"),
        fault_depth=40,
    ),
    proof(
        "progress, conv, neurons",
        lambda: slots.neurons(1, cycles=12, **_SMALL),
        "prove",
        13,
        ("neurons", "in_c.eq(0), in_d.eq(in_c)", "in_c.eq(0), in_d.eq(in_d)"),
    ),
    proof(
        "progress, learning unit",
        lambda: lessons.teacher((2, 2), shape="1x2-2-2", window="psp", cycles=32, **_TINY),
        "bmc",
        38,
        (
            "teacher",
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
        ("readout", "answers.eq(~self.decided), self.finished", "answers.eq(0), self.finished"),
        fault_depth=40,
    ),
)

ARITHMETIC = (
    proof(
        "scaled errors",
        lambda: rule.normalise(5, 3),
        "prove",
        4,
        ("normalise", "(1 << length) >> 1", "(1 << length) >> 2"),
        fault_depth=8,
    ),
    proof(
        "errors of outputs",
        lambda: rule.output_errors(3, 3, 1, 2),
        "bmc",
        17,
        ("output_errors", "earliest - margin, 0", "earliest, 0"),
        ("output_errors", "wanted.eq(label_time + margin)", "wanted.eq(label_time)"),
    ),
    proof(
        "errors passed down",
        lambda: rule.passed_down("ramp"),
        "bmc",
        16,
        ("update", "Mux(control[4].first, 0, self.passed)", "self.passed"),
    ),
    proof(
        "errors passed down, phased, binary",
        lambda: rule.passed_down("ramp", phased=True, weight_bits=1),
        "bmc",
        16,
        ("update", "early & (step != 0) if", "early if"),
    ),
    proof(
        "change, ramp",
        lambda: rule.update("ramp", window="psp", output_shift=2, n_halvings=2),
        "prove",
        6,
        ("update", "(noise_of_3 + lane)", "noise_of_3"),
        ("update", "Mux(total < least, least, total)", "total"),
        fault_depth=8,
    ),
    proof(
        "change, shift to the left, phased",
        lambda: rule.update("ramp", phased=True, window="psp", output_shift=-2, n_halvings=3),
        "prove",
        6,
        ("update", "(dithered << left) >> whole", "dithered >> whole"),
        fault_depth=8,
    ),
    proof(
        "change, binary",
        lambda: rule.update(
            "step", weight_bits=1, window="box", anticausal_shift=1, output_shift=3
        ),
        "prove",
        6,
        ("update", "extra = Mux(early, 0, anticausal or 0)", "extra = 0"),
        fault_depth=8,
    ),
    proof(
        "change, exponential",
        lambda: rule.update("ramp", window="exponential", tau_log2=1, anticausal_shift=2),
        "prove",
        6,
        ("update", "(abs(ahead) >> learning.tau_log2)", "(ahead >> learning.tau_log2)"),
        fault_depth=8,
    ),
    proof(
        "change, more than 15 places",
        lambda: rule.update("ramp", window="exponential", anticausal_shift=15, output_shift=14),
        "prove",
        6,
        (
            "update",
            "right = Mux(shift > MAX_SHIFT, MAX_SHIFT, Mux",
            "right = Mux(shift > MAX_SHIFT, 0, Mux",
        ),
        fault_depth=8,
    ),
)

PROOFS = STREAMS + NEURONS + PROGRESS + ARITHMETIC
