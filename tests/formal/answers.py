"""What the core answers: the decision of docs/contract.md, section 6; the whole core; the line."""

from typing import Any

from amaranth.hdl import Cat, Const, Mux, Signal, signed
from formal.bench import PATIENCE, Bench
from samples import learning_params, random_network

from hwgen.hdl.core import SpikeCore
from hwgen.hdl.io.readout import Readout
from hwgen.hdl.io.spike_count import SpikeCount
from hwgen.hdl.link.uart import Receiver, Transmitter
from hwgen.network.design import Design
from hwgen.protocol.tokens import Kind

BITS = 2  # of potentials
N_CLASSES = 3


def best(valid: Any, potentials: list[Any]) -> Any:
    """Which of those that are valid has the largest potential, of equals the lowest index."""
    label = Const(0, 2)
    for k in reversed(range(len(potentials))):
        others = [j for j in range(len(potentials)) if j != k]
        beats = [
            ~valid[j] | (potentials[j] < potentials[k] if j < k else potentials[j] <= potentials[k])
            for j in others
        ]
        label = Mux(valid[k] & Cat(beats).all(), k, label)
    return label


def readout() -> Bench:
    """Any tokens in their order, of three classes."""
    bench = Bench(resets=False)
    m = bench.m
    m.submodules.dut = dut = Readout(n_classes=N_CLASSES, potential_bits=BITS)
    token, out = dut.i.payload, dut.o.payload
    taken, given = bench.offers(dut.i), bench.takes(dut.o, PATIENCE)
    kind, index = token.kind, token.index
    is_spike, is_potential = kind == Kind.SPIKE, kind == Kind.POTENTIAL
    is_step, is_end = kind == Kind.END_OF_STEP, kind == Kind.END_OF_SAMPLE

    fired, now, shown = Signal(N_CLASSES), Signal(N_CLASSES), Signal(N_CLASSES)
    potentials = [Signal(signed(BITS), name=f"potential_{k}") for k in range(N_CLASSES)]
    step, decided = Signal(8), Signal()
    bench.given(index < N_CLASSES)
    bench.given(~is_spike | ~((fired | (1 << index)) == fired) & ~shown.any())
    bench.given(~is_potential | ~((shown | (1 << index)) == shown) & ~now.any())
    bench.given(~is_step | ~shown.any())
    bench.given(~is_end | shown.all())
    with m.If(taken & (is_spike | is_potential)):
        for k, potential in enumerate(potentials):
            with m.If(index == k):
                m.d.sync += potential.eq(token.potential)
    with m.If(taken & is_spike):
        m.d.sync += [fired.eq(fired | 1 << index), now.eq(now | 1 << index)]
    with m.If(taken & is_potential):
        m.d.sync += shown.eq(shown | 1 << index)
    with m.If(taken & is_step):
        m.d.sync += [now.eq(0), step.eq(step + 1), decided.eq(decided | now.any())]
    with m.If(taken & is_end):
        m.d.sync += [fired.eq(0), shown.eq(0), step.eq(0), decided.eq(0)]

    due, label, by_spike, when = Signal(), Signal(2), Signal(), Signal(8)
    decides = taken & ~decided & ((is_step & now.any()) | is_end)
    with m.If(given):
        m.d.sync += due.eq(0)
    with m.If(decides):
        m.d.sync += [due.eq(1), by_spike.eq(is_step), when.eq(step)]
        m.d.sync += label.eq(best(Mux(is_end, shown, now), potentials))
    bench.always(~decides | ~due | given)  # never two at once
    bench.always(~dut.o.valid | due)
    same = (out.label == label) & (out.step == when) & (out.by_spike == by_spike)
    bench.always(~dut.o.valid | same)
    bench.within(2, due & ~dut.o.valid)
    bench.within(4, dut.i.valid & ~dut.i.ready)
    bench.count(taken & is_end, dut.finished, most=1)
    return bench


def spike_count() -> Bench:
    """Any tokens in their order, of three classes that fire once a step, up to `most` times."""
    bench, most = Bench(resets=False), 2
    m = bench.m
    m.submodules.dut = dut = SpikeCount(n_classes=N_CLASSES, potential_bits=BITS)
    token, out = dut.i.payload, dut.o.payload
    taken, given = bench.offers(dut.i), bench.takes(dut.o, PATIENCE)
    kind, index = token.kind, token.index
    is_spike, is_potential = kind == Kind.SPIKE, kind == Kind.POTENTIAL
    is_step, is_end = kind == Kind.END_OF_STEP, kind == Kind.END_OF_SAMPLE

    now, n_shown, step = Signal(N_CLASSES), Signal(range(N_CLASSES + 1)), Signal(8)
    # The potential and, above it, how often a class has fired: what is compared, as one number.
    potentials = [Signal(signed(BITS), name=f"potential_{k}") for k in range(N_CLASSES)]
    counts = [Signal(range(most + 1), name=f"fired_{k}") for k in range(N_CLASSES)]
    bench.given(index < N_CLASSES)
    bench.given(~is_spike | ~((now | (1 << index)) == now) & (n_shown == 0) & (step < most))
    bench.given(~is_potential | (index == n_shown) & ~now.any())
    bench.given(~is_step | (n_shown == 0) & (step < most))
    bench.given(~is_end | (n_shown == N_CLASSES))
    with m.If(taken & is_spike):
        m.d.sync += now.eq(now | 1 << index)
    with m.If(taken & is_potential):
        m.d.sync += n_shown.eq(n_shown + 1)
    with m.If(taken & is_step):
        m.d.sync += [now.eq(0), step.eq(step + 1)]
    with m.If(taken & is_end):
        m.d.sync += [n_shown.eq(0), step.eq(0), *(count.eq(0) for count in counts)]
    for k in range(N_CLASSES):
        with m.If(taken & is_spike & (index == k)):
            m.d.sync += counts[k].eq(counts[k] + 1)
        with m.If(taken & is_potential & (index == k)):
            m.d.sync += potentials[k].eq(token.potential)

    due, label, when = Signal(), Signal(2), Signal(8)
    scores = [
        (count << BITS) + potential for count, potential in zip(counts, potentials, strict=True)
    ]
    with m.If(given):
        m.d.sync += due.eq(0)
    with m.If(taken & is_end):
        m.d.sync += [due.eq(1), when.eq(step)]
        m.d.sync += label.eq(best(Const(-1, N_CLASSES), scores))
    bench.always(~(taken & is_end) | ~due | given)  # never two at once
    bench.always(~dut.o.valid | due)
    bench.always(~dut.o.valid | ((out.label == label) & (out.step == when) & ~out.by_spike))
    bench.within(2, due & ~dut.o.valid)
    bench.within(4, dut.i.valid & ~dut.i.ready)
    bench.count(taken & is_end, dut.finished, most=1)
    return bench


def uart(divisor: int) -> Bench:
    """Any bytes through the transmitter and the receiver."""
    bench = Bench(resets=False)
    m = bench.m
    m.submodules.transmitter = transmitter = Transmitter(divisor)
    m.submodules.receiver = receiver = Receiver(divisor)
    m.d.comb += receiver.rx.eq(transmitter.tx)
    taken, given = bench.offers(transmitter.i), bench.takes(receiver.o, PATIENCE)
    relay = bench.relays(taken, transmitter.i.payload, given, receiver.o.payload, most=3)
    bench.always(~(receiver.framing | receiver.overrun))
    bench.within(10 * divisor + 2, (relay.inside != 0) & ~given)
    return bench


def receiver(divisor: int) -> Bench:
    """Any line: a byte stays until it is taken."""
    bench = Bench()
    bench.m.submodules.dut = dut = Receiver(divisor)
    bench.m.d.comb += dut.rx.eq(bench.free())
    bench.takes(dut.o)
    return bench


def core(shape: str, lanes: tuple[int, ...], *, cycles: int, **network: Any) -> Bench:
    """A whole core: each END_OF_SAMPLE that is taken is answered, in so many cycles, and each token
    is taken in so many."""
    bench = Bench(resets=False)
    m = bench.m
    learns = "window" in network
    params = (learning_params if learns else random_network)(seed=1, shape=shape, **network)
    m.submodules.dut = dut = SpikeCore(Design(params, lanes))
    m.d.comb += dut.early_exit.eq(bench.fixed())
    taken, given = bench.offers(dut.i), bench.takes(dut.o, PATIENCE)
    ends = taken & (dut.i.payload.kind == Kind.END_OF_SAMPLE)
    answered, ended = Signal(4), Signal(4)
    m.d.sync += [answered.eq(answered + given), ended.eq(ended + ends)]
    ahead = Signal(signed(5))  # answers may come before the end of their sample
    m.d.comb += ahead.eq(answered - ended)
    if hasattr(dut, "shadows"):
        bench.takes(dut.shadows, PATIENCE)
    bench.always(ahead <= 1)
    bench.within(cycles, (ahead < 0) & ~given)
    bench.within(cycles, dut.i.valid & ~dut.i.ready)
    return bench
