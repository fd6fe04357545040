"""The core with a learning unit against golden's: every weight after every sample."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from amaranth.back import rtlil
from amaranth.hdl import Signal
from hdl_layers import random_times, use_hostile_banks
from hdl_streams import LIMIT_CYCLES, collect, drive, simulate, until
from samples import learning_params, random_network

from hwgen.golden.online import OnlineNetwork
from hwgen.hdl.core import SpikeCore
from hwgen.hdl.learning.error_feedback import BackpropagatedErrors
from hwgen.hdl.learning.output_errors import OutputErrors
from hwgen.hdl.learning.update import Update
from hwgen.hdl.weights.shadows import SpramShadows
from hwgen.network import learning_unit
from hwgen.network.design import Design
from hwgen.protocol.memory import packed, unpacked
from hwgen.protocol.tokens import Kind

N_STEPS = 6
N_SAMPLES = 14
CHANGE, ERROR, TWIN, PACKED = Update._change, Update._error, SpramShadows._twin, packed


@pytest.fixture(autouse=True)
def hostile_banks(monkeypatch):
    use_hostile_banks(monkeypatch)


def labelled_payloads(inputs, labels, rng):
    """Tokens of samples; label -1 is none."""
    for times, label in zip(inputs, labels, strict=True):
        for step in range(N_STEPS):
            for index in rng.permutation(np.flatnonzero(times == step)):
                yield {"kind": Kind.SPIKE, "index": int(index)}
            yield {"kind": Kind.END_OF_STEP, "index": 0}
        yield {"kind": Kind.END_OF_SAMPLE, "index": int(label) + 1}


def shadows_of(ctx, layer, spec, lanes, shadow_bits):
    """The shadows in a layer's memory, [n_pre, n_post]."""
    n_blocks = -(-spec.n_post // lanes)
    found = np.zeros((spec.n_pre, n_blocks * lanes), np.int64)
    mask, half = 2**shadow_bits - 1, 2 ** (shadow_bits - 1)
    for block in range(n_blocks):
        for pre in range(spec.n_pre):
            word = ctx.get(layer.store.memory.data[block * spec.n_pre + pre])
            for lane in range(lanes):
                value = word >> lane * shadow_bits & mask
                found[pre, block * lanes + lane] = value - 2 * (value & half)
    return found[:, : spec.n_post]


async def fill(ctx, core, params, lanes, stall, seed):
    """Send all shadows to a core that begins with none."""
    n_layers = len(params.spec.layers)
    for index in params.spec.learning_layers:
        layer, bits = params.spec.layers[index], params.spec.learning.shadow_bits
        await drive(ctx, core.i, [{"kind": Kind.POTENTIAL, "index": n_layers + index}], stall, seed)
        values = packed(params.shadows[index], layer, lanes[index])
        assert (abs(values) < 2 ** (bits - 1)).all()
        await drive(ctx, core.fill, values.tolist(), stall, seed)


def run(params, lanes, inputs, labels, *, stall=0.0, seed=0, spram=False):
    """Returns results, and the shadows of all learning layers after each sample with a label."""
    design = Design(params, lanes)
    core = SpikeCore(design.all_loaded() if spram else design)
    spec, results, learnt = params.spec, [], []
    payloads = labelled_payloads(inputs, labels, np.random.default_rng(seed))

    async def main(ctx):
        if spram:
            await fill(ctx, core, params, lanes, stall, seed)
        await drive(ctx, core.i, payloads, stall, seed)
        await until(ctx, lambda: len(results) == len(inputs), LIMIT_CYCLES, "results")
        n_lessons = int((np.array(labels) >= 0).sum())
        await until(ctx, lambda: len(learnt) == n_lessons, LIMIT_CYCLES, "training samples")

    async def take(ctx):
        await collect(ctx, core.o, results, stall, seed + 1)

    async def watch(ctx):
        while True:
            _, _, done = await ctx.tick().sample(core._features[0]._unit.learnt)
            if done:
                if spram:  # the last word is written a cycle later
                    await ctx.tick()
                learnt.append(
                    [
                        shadows_of(
                            ctx,
                            core._layers[index],
                            spec.layers[index],
                            lanes[index],
                            spec.learning.shadow_bits,
                        )
                        for index in spec.learning_layers
                    ]
                )

    simulate(core, main, take, watch)
    return results, learnt


def check(params, inputs, labels, results, learnt):
    online, training_samples, n_changes = OnlineNetwork(params), iter(learnt), 0
    for sample, (times, label) in enumerate(zip(inputs, labels, strict=True)):
        if label < 0:
            assert results[sample]["label"] == online.decide(times)
            continue
        before = online.params.digest
        trace = online.train_sample(times, int(label))
        assert results[sample]["label"] == trace.decisions[0], f"sample {sample}"
        assert results[sample]["step"] == trace.decision_steps[0], f"sample {sample}"
        for index, found in zip(params.spec.learning_layers, next(training_samples), strict=True):
            expected = online.shadows(index)
            assert found.tolist() == expected.tolist(), f"sample {sample}, layer {index}"
        n_changes += online.params.digest != before
    assert n_changes > 3


def some_samples(params, seed=4):
    inputs = random_times(seed, N_SAMPLES, params.spec.input.n_inputs, N_STEPS)
    return inputs, np.random.default_rng(seed).integers(0, params.spec.n_classes, N_SAMPLES)


@pytest.mark.parametrize(
    ("shape", "lanes", "psp", "bits", "options"),
    [
        ("1x9-7-4", (4, 4), "phased/ramp", 4, {"window": "psp"}),
        ("1x9-8-4", (2, 1), "phased/ramp", 1, {"window": "psp", "shadow_bits": 5}),
        ("1x9-7-6-4", (7, 2, 2), "phased/phased/ramp", 8, {"window": "psp", "output_shift": -2}),
        ("1x9-7-4", (2, 4), "step", 4, {"window": "box", "anticausal_shift": 1}),
        ("1x9-7-4", (1, 2), "ramp", 3, {"window": "box"}),
        (
            *("1x9-6-5-4", (2, 5, 4), "ramp/phased/step", 4),
            {"window": "exponential", "anticausal_shift": 1, "tau_log2": 1},
        ),
        ("1x9-7-4", (7, 4), "phased/ramp", 4, {"window": "exponential"}),
        ("1x9-7-4", (3, 4), "phased/ramp", 4, {"layers": "last"}),
        ("6x6-2C3-P2-5-4", (2, 1, 3, 2), "phased/phased/ramp", 4, {"layers": "last"}),
    ],
)
@pytest.mark.parametrize("stall", [0.0, 0.5])
def test_learns_as_golden_does(shape, lanes, psp, bits, options, stall):
    learning = {"shadow_bits": 10, "hidden_shift": 2, "output_shift": 1, "halve_log2": 2}
    params = learning_params(psp, bits, shape, **(learning | {"n_halvings": 2} | options))
    inputs, labels = some_samples(params)
    labels[5] = -1  # not learnt
    check(params, inputs, labels, *run(params, lanes, inputs, labels, stall=stall))


@pytest.mark.parametrize("stall", [0.0, 0.5])
@pytest.mark.parametrize(
    ("shape", "lanes", "layers"),
    [
        ("1x9-7-4", (4, 2), "all"),
        ("1x9-7-4", (7, 4), "all"),
        ("1x9-7-4", (3, 1), "last"),
        ("1x9-8-7-4", (2, 1, 4), "all"),
    ],
)
def test_shadows_in_memories_with_one_port(shape, lanes, layers, stall, monkeypatch):
    monkeypatch.setattr(SpramShadows, "_twin", undefined_behind_a_write)
    psp = "phased/" * (len(lanes) - 1) + "ramp"
    learning = {"shadow_bits": 10, "hidden_shift": 2, "output_shift": 1, "layers": layers}
    params = learning_params(psp, 4, shape, **learning)
    inputs, labels = some_samples(params)
    check(params, inputs, labels, *run(params, lanes, inputs, labels, stall=stall, spram=True))


def undefined_behind_a_write(self, m, read_en, address, writes, data):
    """The twin; behind a write, what it reads is wrong, as in the data sheet."""
    shown = Signal.like(self.word)
    TWIN(SimpleNamespace(memory=self.memory, word=shown), m, read_en, address, writes, data)
    wrote = Signal()
    with m.If(writes | read_en):
        m.d.sync += wrote.eq(writes)
    m.d.comb += self.word.eq(shown ^ wrote.replicate(len(shown)))


@pytest.mark.parametrize("plant", ["one word a cycle", "a value is lost"])
def test_a_fault_of_such_a_memory_is_found(plant, monkeypatch):
    params = learning_params("phased/ramp", 4, "1x9-7-4", shadow_bits=10)
    inputs, labels = some_samples(params)
    if plant == "one word a cycle":
        monkeypatch.setattr(SpramShadows, "cycles_per_word", 1)
    else:
        monkeypatch.setitem(globals(), "packed", lambda *given: np.roll(PACKED(*given), 1))
    with pytest.raises(AssertionError):
        check(params, inputs, labels, *run(params, (2, 4), inputs, labels, spram=True))


@pytest.mark.parametrize(("lanes", "layers"), [((2, 4), "all"), ((3, 2), "last")])
def test_weights_come_back_out(lanes, layers):
    """Asked for while samples are still inside; also what is not to be answered."""
    params = learning_params("phased/ramp", 4, "1x9-7-4", shadow_bits=9, layers=layers)
    inputs, labels = some_samples(params)
    core = SpikeCore(Design(params, lanes))
    results, words = [], []
    tokens = list(labelled_payloads(inputs, labels, np.random.default_rng(1)))
    online = OnlineNetwork(params)
    online.learn(inputs, labels)
    asked = [*params.spec.learning_layers]

    async def main(ctx):
        inside = [tokens[0], {"kind": Kind.POTENTIAL, "index": asked[-1]}, *tokens[1:]]
        await drive(ctx, core.i, inside, 0.0, 0)
        for index in [9, *asked]:  # layer 9 does not exist
            await drive(ctx, core.i, [{"kind": Kind.POTENTIAL, "index": index}], 0.0, 0)
        await drive(
            ctx, core.i, labelled_payloads(inputs[:1], [-1], np.random.default_rng(1)), 0, 0
        )
        await until(ctx, lambda: len(results) == len(inputs) + 1, LIMIT_CYCLES, "results")

    async def take(ctx):
        await collect(ctx, core.o, results, 0.0, 1)

    async def take_words(ctx):
        await collect(ctx, core.shadows, words, 0.5, 1)

    simulate(core, main, take, take_words)
    values, ends = [w["shadow"] for w in words], [n for n, w in enumerate(words) if w["last"]]
    assert len(ends) == len(asked)
    read, start = {}, 0
    for index, end in zip(asked, ends, strict=True):
        layer = params.spec.layers[index]
        read[index] = unpacked(np.array(values[start : end + 1]), layer, lanes[index])
        start = end + 1
    adopted = learning_unit.with_learned_weights(params, read)
    assert adopted.digest == online.params.digest
    assert adopted.provenance["parent"] == params.digest
    assert results[-1]["label"] == online.decide(inputs[0])


def rounds_down(monkeypatch):
    monkeypatch.setattr(Update, "_change", lambda self, *given: CHANGE(self, *given[:2], 0))


def never_stops(monkeypatch):
    monkeypatch.setattr("hwgen.hdl.learning.update.shadow_limits", lambda *_: (-(2**20), 2**20))


def counts_later_inputs(monkeypatch):
    def fault(self, lane, step):
        error, ahead = ERROR(self, lane, step)
        return error, ahead + 1

    monkeypatch.setattr(Update, "_error", fault)


def moves_what_cannot(monkeypatch):
    init = Update.__init__

    def fault(self, layer, learning, *, below, **others):
        below = replace(below, phased=False) if below else None
        init(self, layer, learning, below=below, **others)

    monkeypatch.setattr(Update, "__init__", fault)


def forgets_to_clear_errors(monkeypatch):
    whole = BackpropagatedErrors._go

    def fault(self, m, reads):
        whole(self, m, reads)
        m.d.sync += self.block.eq(0)

    monkeypatch.setattr(BackpropagatedErrors, "_go", fault)


def margin_too_small(monkeypatch):
    init = OutputErrors.__init__
    monkeypatch.setattr(
        OutputErrors,
        "__init__",
        lambda self, *, margin, **others: init(self, margin=margin - 1, **others),
    )


def dither_stands_still(monkeypatch):
    monkeypatch.setattr("hwgen.hdl.learning.unit.TAPS", 0)


@pytest.mark.parametrize(
    "plant",
    [
        rounds_down,
        never_stops,
        counts_later_inputs,
        moves_what_cannot,
        forgets_to_clear_errors,
        margin_too_small,
        dither_stands_still,
    ],
)
def test_a_planted_fault_is_found(plant, monkeypatch):
    params = learning_params(
        "phased/ramp", 4, "1x9-7-4", shadow_bits=8, hidden_shift=2, output_shift=2
    )
    inputs, labels = some_samples(params)
    plant(monkeypatch)
    with pytest.raises(AssertionError):
        check(params, inputs, labels, *run(params, (2, 4), inputs, labels))


def test_a_core_without_the_unit_has_none_of_it():
    params = learning_params("phased/ramp", 4, "1x9-7-4")
    text = rtlil.convert(SpikeCore(Design(params, (2, 4), learning_unit=False)), name="core")
    assert "teacher" not in text
    assert "teacher" in rtlil.convert(SpikeCore(Design(params, (2, 4))), name="core")
    with pytest.raises(ValueError, match=r"spec\.learning"):
        SpikeCore(Design(random_network(3, "1x9-7-4"), (2, 4), learning_unit=True))


def test_lanes_that_do_not_split_an_index_are_refused():
    params = learning_params("phased/ramp", 4, "1x9-7-4")
    with pytest.raises(ValueError, match="power of two"):
        SpikeCore(Design(params, (3, 4)))
