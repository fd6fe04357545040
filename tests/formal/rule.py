"""The arithmetic of learning against docs/learning.md, stated here once more."""

from typing import Any

from amaranth.hdl import Array, Const, Mux, Signal, signed
from formal.bench import Bench

from hwgen.hdl.learning.normalise import Normalise
from hwgen.hdl.learning.output_errors import OutputErrors
from hwgen.hdl.learning.update import Update, error_bits
from hwgen.network.layers.dense import DenseSpec
from hwgen.network.layers.kinds import narrowest
from hwgen.network.learning import LearningSpec
from hwgen.protocol.tokens import Kind


def ago(bench: Bench, value: Any, n_cycles: int) -> Any:
    for _ in range(n_cycles):
        value = bench.before(value)
    return value


def magnitude(value: Any) -> Any:
    return Mux(value < 0, -value, value)


def bit_length(value: Any, most: int) -> Any:
    """Bits of a number that is not negative, up to `most`."""
    length: Any = Const(0)
    for n in range(1, most + 1):
        length = Mux(value >= 2 ** (n - 1), n, length)
    return length


def scaled(error: Any, length: Any, n: int, most: int) -> Any:
    """e >> (L - n), halves rounded up, or e << (n - L)."""
    value: Any = Const(0)
    for bits in range(1, most + 1):
        down = bits - n
        one = (error + 2 ** (down - 1)) >> down if down > 0 else error << -down
        value = Mux(length == bits, one, value)
    return value


def normalise(width: int, bits: int) -> Bench:
    """Any errors, any number of them; then each of them scaled."""
    bench = Bench()
    m = bench.m
    m.submodules.dut = dut = Normalise(width=width, bits=bits)
    inside = bench.opened(dut)
    inputs = (dut.start, dut.strobe, dut.seen, dut.error)
    m.d.comb += [port.eq(bench.free(port.shape())) for port in inputs]
    largest = Signal(width + 1)
    seen = magnitude(dut.seen)
    with m.If(dut.start):
        m.d.sync += largest.eq(0)
    with m.Elif(dut.strobe & (seen > largest)):
        m.d.sync += largest.eq(seen)
    length = Signal(range(width + 1))
    m.d.comb += length.eq(bit_length(largest, width))
    bench.always(dut.any == (largest != 0))
    # Two cycles after an error that is one of those seen, if no other is seen meanwhile.
    wanted = Signal(signed(width + bits + 2))
    m.d.comb += wanted.eq(scaled(dut.error, length, bits, width))
    counts = ago(bench, ~(dut.start | dut.strobe) & (magnitude(dut.error) <= largest), 2)
    changes = bench.before(dut.start | dut.strobe)
    bench.always(~counts | changes | (dut.scaled == ago(bench, wanted, 2)))
    bench.lemma(bit_length(inside["magnitudes"], width) == length)
    return bench


def changed(
    shadow: Any,
    error: Any,
    *,
    layer: DenseSpec,
    learning: LearningSpec,
    rate: Any,
    late: Any,
    noise: Any,
) -> Any:
    """A shadow weight after an update. `late`: reference time less the input's; `rate`: the shift
    of the rate; `noise`: state + i + j."""
    causal = late >= 0
    a = learning.anticausal_shift
    if learning.window == "psp":
        grade, extra = Mux(causal, late + 1 if layer.psp == "ramp" else 1, 0), Const(0)
    else:
        grade = Mux(causal, 1, 0 if a is None else -1)
        extra = Mux(causal, 0, a or 0)
        if learning.window == "exponential":
            extra = extra + Mux(causal, late >> learning.tau_log2, -late >> learning.tau_log2)
    product = error * grade
    shift = rate + extra
    change = (product + noise[:15]) >> 15  # at most
    for q in range(-15, 15):
        one = product << -q if q < 0 else (product + noise[:q]) >> q
        change = Mux(shift == q, one, change)
    greatest = 2 ** (learning.shadow_bits - 1) - 1
    least = -greatest
    if layer.weight_bits > 1:
        least = -(greatest + 1) + 2 ** (learning.shadow_bits - layer.weight_bits)
    total = shadow + change
    return Mux(total > greatest, greatest, Mux(total < least, least, total))


def update(psp: str, *, phased: bool = False, weight_bits: int = 2, **rule: Any) -> Bench:
    """Any shadows, errors, times, dither and halvings: what is written four cycles later."""
    bench = Bench()
    m, n_steps, lanes = bench.m, 4, 2
    layer = _layer(psp, phased, weight_bits, n_post=4, n_steps=n_steps)
    learning = LearningSpec(shadow_bits=6, error_bits=2, **rule)
    m.submodules.dut = dut = Update(
        layer, learning, lanes=lanes, n_steps=n_steps, is_output=True, below=None
    )
    inside = bench.opened(dut)
    for port in (dut.start, dut.count, dut.neuron, dut.step, dut.errors, dut.word):
        m.d.comb += port.eq(bench.free(port.shape()))
    for port in (dut.state, dut.halvings):
        m.d.comb += port.eq(bench.fixed(port.shape()))
    bench.given((dut.neuron < layer.n_pre) & (dut.halvings <= learning.n_halvings))

    # A cycle behind the input and the block come the word and the errors.
    step, place = bench.before(dut.step), bench.before(dut.neuron + dut.block * lanes)
    address = ago(bench, dut.block * layer.n_pre + dut.neuron, 4)
    goes = bench.lasts(Const(1)) >= 4  # the pipeline is full
    size, bits = error_bits(learning), learning.shadow_bits
    for lane in range(lanes):
        field = dut.errors.word_select(lane, len(dut.errors) // lanes)
        late, noise = Signal(signed(8)), Signal(18)
        reference = Const(n_steps - 1) if phased else field[size:]
        m.d.comb += [late.eq(reference - step), noise.eq(dut.state + place + lane)]
        after = Signal(signed(bits), name=f"after_{lane}")
        m.d.comb += after.eq(
            changed(
                dut.word.word_select(lane, bits).as_signed(),
                field[:size].as_signed(),
                layer=layer,
                learning=learning,
                rate=learning.output_shift + dut.halvings,
                late=late,
                noise=noise,
            )
        )
        written = dut.write_word.word_select(lane, bits).as_signed()
        bench.always(~goes | (written == ago(bench, after, 3)))
    bench.always(~goes | (dut.write_address == address))
    bench.lemma(inside["_issue.neurons_before"] == inside["_issue.block"] * lanes)
    bench.lemma(inside["_issue.words_before"] == inside["_issue.block"] * layer.n_pre)
    return bench


def _layer(psp: str, phased: bool, weight_bits: int, *, n_post: int, n_steps: int) -> DenseSpec:
    layer = DenseSpec(
        n_pre=2, n_post=n_post, weight_bits=weight_bits, potential_bits=0, psp=psp, phased=phased
    )
    return narrowest(layer, n_steps)


def passed_down(psp: str, *, phased: bool = False, weight_bits: int = 2) -> Bench:
    """An update of up to two inputs and of three neurons, of any errors, times and shadows: each
    synapse is written once, and the layer below gets the sum of weight times error."""
    bench = Bench(resets=False)
    m, n_steps, lanes, n_blocks, bits = bench.m, 2, 2, 2, 4
    layer = _layer(psp, phased, weight_bits, n_post=3, n_steps=n_steps)
    learning = LearningSpec(shadow_bits=bits, error_bits=2, window="psp")
    m.submodules.dut = dut = Update(
        layer, learning, lanes=lanes, n_steps=n_steps, is_output=True, below=layer
    )
    n_words, width, size = layer.n_pre * n_blocks, len(dut.errors), error_bits(learning)
    words = Array(bench.fixed(lanes * bits, f"word_{n}") for n in range(n_words))
    errors = Array(bench.fixed(width, f"errors_{n}") for n in range(n_blocks))
    steps = Array(bench.fixed(1, f"step_{n}") for n in range(layer.n_pre))
    swapped, count = bench.fixed(1, "swapped"), bench.fixed(dut.count.shape(), "count")
    bench.given(errors[1].word_select(1, width // lanes)[:size] == 0)  # there is no fourth neuron
    bench.given(count <= layer.n_pre)
    if weight_bits > 1:  # no weight is the least number of its bits
        least = 2 ** (bits - weight_bits) - 2 ** (bits - 1)
        for word in words:
            for lane in range(lanes):
                bench.given(word.word_select(lane, bits).as_signed() >= least)
    start = bench.free(1, "start")
    bench.given(~start | ~(dut.busy | bench.before(start)))
    m.d.comb += [dut.start.eq(start), dut.count.eq(count)]
    m.d.sync += [
        dut.neuron.eq(dut.at ^ swapped),
        dut.step.eq(steps[dut.at]),
        dut.errors.eq(errors[dut.block]),
        dut.word.eq(words[dut.address]),
    ]

    watched = bench.fixed(range(n_words), "address")
    n_written, n_passed = Signal(2), Signal(2)
    with m.If(start):
        m.d.sync += [n_written.eq(0), n_passed.eq(0)]
    with m.Else():
        writes = dut.write_en & (dut.write_address == watched)
        m.d.sync += [n_written.eq(n_written + writes), n_passed.eq(n_passed + dut.passed_en)]
    ends = bench.before(dut.busy) & ~dut.busy
    place = (watched % layer.n_pre) ^ swapped  # of the input in the log
    bench.always(~dut.write_en | (dut.write_address < n_words))
    bench.always(~ends | (n_written == (place < count)))
    bench.always(~ends | (n_passed == count))
    bench.within(n_words + 8, dut.busy)

    entry = dut.passed_at
    neuron, step = entry ^ swapped, steps[entry]
    total: Any = Const(0)
    for post in range(layer.n_post):
        block, lane = divmod(post, lanes)
        field = errors[block].word_select(lane, width // lanes)
        error = field[:size].as_signed()
        bench.given(magnitude(error) <= 2**learning.error_bits)
        shadow = words[block * layer.n_pre + neuron].word_select(lane, bits).as_signed()
        reference = Const(n_steps - 1) if phased else field[size:]
        weight = Mux(shadow < 0, -1, 1) if weight_bits == 1 else shadow >> (bits - weight_bits)
        reaches = (step <= reference) & ((step != 0) | (not phased))
        total = total + Mux(reaches, weight * error, 0)
    bench.always(~dut.passed_en | ((entry == n_passed) & (dut.passed == total)))
    return bench


def output_errors(n_classes: int, n_steps: int, margin: int, bits: int) -> Bench:
    """Any spike times of a sample, any label."""
    bench = Bench(resets=False)
    m = bench.m
    m.submodules.dut = dut = OutputErrors(
        n_classes=n_classes, n_steps=n_steps, margin=margin, bits=bits
    )
    for port in (dut.strobe, dut.kind, dut.index, dut.start):
        m.d.comb += port.eq(bench.free(port.shape()))
    label = bench.fixed(dut.label.shape(), "label")
    m.d.comb += dut.label.eq(label)
    times = [Signal(range(n_steps + 1), init=n_steps, name=f"t_{k}") for k in range(n_classes)]
    step, ended, learns = Signal(range(n_steps + 1)), Signal(), Signal()
    is_spike, is_step = dut.kind == Kind.SPIKE, dut.kind == Kind.END_OF_STEP
    bench.given((label < n_classes) & (dut.index < n_classes) & (dut.kind != Kind.POTENTIAL))
    bench.given(~(dut.strobe & learns))
    bench.given(~dut.start | (ended & ~learns & ~dut.strobe))
    bench.given(~(dut.strobe & is_step) | ended | (step < n_steps))
    bench.given(~(dut.strobe & is_spike) | ended | (step < n_steps))
    with m.If(dut.strobe):
        m.d.sync += [ended.eq(dut.kind == Kind.END_OF_SAMPLE)]
        with m.If(ended):
            m.d.sync += [step.eq(is_step), *(time.eq(n_steps) for time in times)]
        with m.Elif(is_step):
            m.d.sync += step.eq(step + 1)
        for k, time in enumerate(times):
            with m.If(is_spike & (dut.index == k)):
                m.d.sync += time.eq(Mux(ended, 0, step))
    with m.If(dut.start):
        m.d.sync += learns.eq(1)
    with m.Elif(dut.done):
        m.d.sync += learns.eq(0)

    label_time = Array(times)[label]
    earliest: Any = Const(n_steps)
    for k, time in enumerate(times):
        earliest = Mux((label != k) & (time < earliest), time, earliest)
    errors = []
    for k, time in enumerate(times):
        limit = Mux(label_time + margin < n_steps, label_time + margin, n_steps)
        aim = Mux(earliest > margin, earliest - margin, 0)
        of_label = Mux(time > aim, time - aim, 0)
        of_other = Mux(time < limit, time - limit, 0)
        error = Signal(signed(8), name=f"e_{k}")
        m.d.comb += error.eq(Mux(label == k, of_label, of_other))
        errors.append(error)
    largest: Any = Const(0)
    for error in errors:
        largest = Mux(magnitude(error) > largest, magnitude(error), largest)
    most = n_steps.bit_length()
    length = Signal(4)
    m.d.comb += length.eq(bit_length(largest, most))
    wanted = Signal(signed(12))
    m.d.comb += wanted.eq(scaled(Array(errors)[dut.neuron], length, bits, most))
    time = Array(times)[dut.neuron]
    n_written = Signal(range(n_classes + 1))
    with m.If(dut.start):
        m.d.sync += n_written.eq(0)
    with m.Elif(dut.write_en):
        m.d.sync += n_written.eq(n_written + 1)
    bench.always(~dut.write_en | (learns & (dut.neuron == n_written) & (dut.scaled == wanted)))
    bench.always(~dut.write_en | (dut.time == Mux(time == n_steps, n_steps - 1, time)))
    bench.always(~dut.done | (n_written == n_classes))
    bench.always(~dut.done | (dut.any == (largest != 0)))
    bench.within(3 * n_classes + 4, learns & ~dut.done)
    return bench
