"""Proofs of the neuron's equation."""

from formal import answers, layers, pool
from formal.proof import proof

_SMALL = {"height": 2, "width": 3, "channels": 1, "filters": 2, "size": 2}

_STRICT = ("layers/dense", "(potential > threshold)", "(potential >= threshold)")
_TWICE = ("neurons/pipeline", "state.exceeds & ~state.fired & present", "state.exceeds & present")
_HAZARD = ("neurons/pipeline", "in_d.eq(same(self.i, c))", "in_d.eq(0)")

NEURONS = (
    proof(
        "dense, step",
        lambda: layers.dense("step"),
        "prove",
        2,
        _STRICT,
        ("layers/dense", "address.eq(address + n_pre)", "address.eq(address + 1)"),
        fault_depth=14,
    ),
    proof(
        "dense, step, output",
        lambda: layers.dense("step", is_output=True, weight_bits=1),
        "prove",
        2,
        ("layers/dense", "shown = present &", "shown ="),
        fault_depth=14,
    ),
    proof(
        "dense, step, one block",
        lambda: layers.dense("step", n_post=2, is_output=True),
        "prove",
        2,
        ("layers/dense", "Mux(clears, 0, kept)[:bits]", "kept[:bits]"),
        fault_depth=14,
    ),
    proof("dense, ramp", lambda: layers.dense("ramp"), "prove", 2, _HAZARD, fault_depth=16),
    proof(
        "dense, ramp, output, one block",
        lambda: layers.dense("ramp", n_post=2, is_output=True),
        "prove",
        2,
        ("neurons/single_spike", "slope = Mux(does[Op.COMPARE], before, 0)", "slope = before"),
        _TWICE,
        fault_depth=16,
    ),
    proof(
        "dense, triangle",
        lambda: layers.dense("triangle"),
        "prove",
        2,
        (
            "neurons/single_spike",
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
            "neurons/pipeline",
            "(d.op == Op.COMPARE) & (d.drive | (not self._layer.neuron.two_phase))",
            "(d.op == Op.COMPARE)",
        ),
        (
            "layers/dense",
            "Mux(touched | sweeps, Op.COMPARE, Op.PASS)",
            "Mux(touched, Op.COMPARE, Op.PASS)",
        ),
        fault_depth=16,
    ),
    proof(
        "conv, filters of 2 x 2",
        lambda: layers.conv(1, seed=1, **_SMALL),
        "bmc",
        19,
        ("layers/walk", "order.index(tap) * weight_step", "order.index(tap)"),
    ),
    proof(
        "conv, filter of 1 x 1",
        lambda: layers.conv(1, seed=1, height=1, width=2, channels=2, filters=1, size=1),
        "bmc",
        17,
        ("neurons/pipeline", "in_c.eq(same(self.i, b))", "in_c.eq(0)"),
    ),
    proof(
        "conv, two rows",
        lambda: layers.conv(1, seed=1, height=3, width=2, channels=1, filters=1, size=2),
        "bmc",
        16,
        ("layers/walk", "row_weight + self._row_weights", "row_weight + 1"),
    ),
    proof(
        "conv, stride and padding",
        lambda: layers.conv(
            1, seed=1, height=1, width=3, channels=1, filters=1, size=2, stride=2, padding=1
        ),
        "bmc",
        16,
        ("layers/walk", "max(1, len(reached)) * slots - 1", "len(reached) * slots"),
    ),
)

_LEAKY = {"reset": "subtract", "leak_shift": 1, "n_steps": 2}

MULTI_SPIKE = (
    proof(
        "dense, reset to zero",
        lambda: layers.dense("zero"),
        "prove",
        2,
        ("neurons/multi_spike", "else before > threshold", "else before >= threshold"),
        fault_depth=16,
    ),
    proof(
        "dense, reset to zero, output, one block",
        lambda: layers.dense("zero", n_post=2, is_output=True),
        "prove",
        2,
        ("neurons/multi_spike", "clears |= above & ~adds", "clears |= 0"),
        fault_depth=16,
    ),
    proof(
        "dense, reset by subtraction",
        lambda: layers.dense("subtract"),
        "prove",
        2,
        _HAZARD,
        fault_depth=16,
    ),
    proof(
        "dense, reset by subtraction, output, one block",
        lambda: layers.dense("subtract", n_post=2, is_output=True),
        "prove",
        2,
        ("neurons/multi_spike", "(before - threshold)[", "(before - threshold - 1)["),
        ("neurons/multi_spike", "Cat(~adds, Mux(adds", "Cat(0, Mux(adds"),
        ("neurons/multi_spike", "clears = self.c.op == Op.CLEAR", "clears = 0"),
        fault_depth=16,
    ),
    proof(
        "dense, bias, fires at its threshold",
        lambda: layers.dense("subtract", bias_bits=2, fires="at", leak_shift=0),
        "prove",
        2,
        ("neurons/multi_spike", "(before + bias)[", "(before - bias)["),
        ("neurons/multi_spike", "before >= threshold if", "before > threshold if"),
        ("layers/dense", "Const(1) if neuron.moves_from_rest else drive", "drive"),
        fault_depth=16,
    ),
    proof(
        "dense, three quarters leak before the reset, fractions",
        lambda: layers.dense(
            "subtract",
            n_post=2,
            is_output=True,
            leak_shift=2,
            leak_times=3,
            order="leak, reset",
            fraction_bits=1,
        ),
        "prove",
        2,
        ("neurons/multi_spike", 'full if neuron.order == "leak, reset" else before', "before"),
        ("neurons/leak", "total - term if sign < 0", "total + term if sign < 0"),
        ("neurons/multi_spike", "Cat(Const(0, neuron.fraction_bits), weight)", "Cat(weight)"),
        fault_depth=16,
    ),
    proof(
        "dense, values",
        lambda: layers.dense("subtract", input_bits=2, fraction_bits=1),
        "prove",
        2,
        ("memory/lane_words", "(field << plane)[:wide]", "field[:wide]"),
        ("neurons/multi_spike", "(Op.PASS, Op.ADD) if self", "(Op.PASS,) if self"),
        _HAZARD,
        fault_depth=16,
    ),
    proof(
        "dense, values, bias, one block",
        lambda: layers.dense(
            "zero", n_pre=1, n_post=2, weight_bits=1, input_bits=2, bias_bits=2, fires="at"
        ),
        "prove",
        2,
        ("neurons/multi_spike", "(before + flow)[", "(before - flow)["),
        fault_depth=16,
    ),
    proof(
        "conv, filter of 1 x 1, reset",
        lambda: layers.conv(1, seed=2, height=1, width=2, channels=1, filters=1, size=1, **_LEAKY),
        "bmc",
        17,
        ("neurons/pipeline", "in_c.eq(same(self.i, b))", "in_c.eq(0)"),
    ),
    proof(
        "pool, each step",
        lambda: pool.pool(each_step=True),
        "prove",
        9,
        (
            "layers/pool",
            "Kind.END_OF_STEP if each_step else",
            "Kind.END_OF_SAMPLE if each_step else",
        ),
    ),
    proof(
        "spike count",
        answers.spike_count,
        "bmc",
        15,
        ("io/spike_count", "(token.potential > potential)", "(token.potential >= potential)"),
        ("io/spike_count", "*(each.eq(0) for each in counts)", ""),
    ),
)
