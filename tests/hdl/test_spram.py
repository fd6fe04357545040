"""Weights in SPRAM, loaded over the line: golden's answers, refusals, planted faults, choices."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from bad_lines import BadLine
from formal.planted import Fault, planted
from samples import learning_params, random_network, random_params, random_spike_times
from stand_ins import needs

from hwgen.boards import board as board_module
from hwgen.build import synthesis
from hwgen.errors import BoardError, LinkError
from hwgen.estimate import lanes as estimate_lanes
from hwgen.estimate import memories
from hwgen.estimate.design import for_board
from hwgen.golden import Golden
from hwgen.hdl.bus.words import WordCore
from hwgen.hdl.core import SpikeCore
from hwgen.hdl.weights.shadows import SpramShadows
from hwgen.host import Device, simulated
from hwgen.host import run as flow
from hwgen.host.simulated import SimulatedBoard
from hwgen.network.design import Design
from hwgen.network.layers.dense import DenseSpec
from hwgen.network.params import Params
from hwgen.protocol import words as protocol_words
from hwgen.protocol.memory import loaded_words, n_sprams
from hwgen.protocol.words import Register
from hwgen.verification import gate_level
from hwgen.verification.job import Job

ICEBREAKER = board_module.load("icebreaker")
ULX3S = board_module.load("ulx3s_85f")
LANES = (7, 3)  # words of 21 bits: two pieces; of 9 bits: one


@pytest.fixture(scope="module")
def params() -> Params:
    return random_network(3, "1x20-12-5", weight_bits=3)


@pytest.fixture(scope="module")
def library(params: Params) -> Path:
    needs("yosys")
    return simulated.compile_board(Design(params, LANES).all_loaded())


def agrees(device: Device, params: Params, n: int = 60) -> bool:
    """Whether n samples have golden's decisions and steps."""
    inputs = random_spike_times(9, n, params)
    trace, got = Golden(params).run(inputs), device.run(inputs)
    return np.array_equal(got.decisions, trace.decisions) and np.array_equal(
        got.steps, trace.decision_steps
    )


@pytest.mark.parametrize("rate", [0.0, 1 / 300])
def test_answers_are_goldens_once_loaded(library: Path, params: Params, rate: float) -> None:
    line = BadLine(SimulatedBoard(library), rate, seed=1)
    with Device(line, params, lanes=LANES) as device:
        assert device.unloaded == (0, 1)
        assert device.load() == (0, 1)
        assert device.unloaded == ()
        assert agrees(device, params)
        assert device.load() == ()
        assert device.counters(60)[Register.DROPPED] == 0
    assert (line.n_hurt > 0) == (rate > 0)


@pytest.mark.parametrize(
    ("shape", "how", "lanes", "spram", "loaded"),
    [
        ("1x20-12-5", {"weight_bits": 1}, (12, 5), (0,), (0,)),
        ("1x20-12-5", {"psp": "ramp/step", "weight_bits": 4}, (5, 2), (1,), (1,)),
        ("4x4-3C3-P2-8-5", {"weight_bits": 2}, (3, 1, 4, 5), (2, 3), (2, 3)),
    ],
)
def test_layers_one_by_one(shape, how, lanes, spram, loaded) -> None:
    needs("yosys")
    params = random_network(4, shape, **how)
    library = simulated.compile_board(Design(params, lanes, spram))
    batch = flow.Batch(names=[], inputs=random_spike_times(9, 40, params), classes=None)
    with Device(SimulatedBoard(library), params, lanes=lanes) as device:
        assert device.unloaded == loaded
        assert flow.run(device, params, batch).n_different == 0


SPRAM_MODEL = """
module SB_SPRAM256KA(input [13:0] ADDRESS, input [15:0] DATAIN, input [3:0] MASKWREN, input WREN,
    input CHIPSELECT, input CLOCK, input STANDBY, input SLEEP, input POWEROFF,
    output reg [15:0] DATAOUT);
  reg [15:0] words [0:16383];
  always @(posedge CLOCK) if (CHIPSELECT) begin
    if (WREN) words[ADDRESS] <= DATAIN;
    DATAOUT <= WREN ? 16'hBAD5 : words[ADDRESS];
  end
endmodule
"""


@pytest.mark.parametrize(
    "fault", [None, Fault("weights/shadows", "m.d.sync += row_read.eq(row)", "pass")]
)
def test_the_part_s_own_memory_in_rows(fault: Fault | None, monkeypatch) -> None:
    """20 480 words, so that two memories stand one behind the other."""
    needs("yosys")
    params, lanes = random_params(7, (512, 40, 4)), (1, 4)
    of_core = simulated.uart_verilog
    monkeypatch.setattr(SpramShadows, "_twin", SpramShadows._blocks)
    monkeypatch.setattr(
        simulated, "uart_verilog", lambda *args, **how: of_core(*args, **how) + SPRAM_MODEL
    )
    with planted(fault):
        library = simulated.compile_board(Design(params, lanes).all_loaded())
    with Device(SimulatedBoard(library), params, lanes=lanes) as device:
        device.load()
        assert agrees(device, params, 20) == (fault is None)


def test_a_netlist_loads_its_weights(tmp_path: Path) -> None:
    for tool in ("yosys", "nextpnr-ice40", "icepack", "iverilog"):
        needs(tool)
    params = random_params(5, (64, 24, 4), uniform=True)
    lanes = (8, 4)
    enough = sum(memories.memory_blocks(Design(params, lanes), ICEBREAKER)) + memories.LINK_BLOCKS
    small = replace(ICEBREAKER, capacity=replace(ICEBREAKER.capacity, bram=enough - 1))
    built = synthesis.build(for_board(params, small, lanes), small, build_dir=tmp_path, divisor=4)
    assert (built.loaded_layers, built.sprams.used) == ((0,), 1)
    inputs = random_spike_times(2, 3, params)
    job = Job(design=for_board(params, small, lanes), inputs=inputs, build_dir=tmp_path / "sim")
    found = gate_level.run_netlist(job, built=built, board=small)
    found.check()
    assert (found.n_samples, found.compared["decisions"]) == (3, 9)


def test_without_weights_it_refuses(library: Path, params: Params) -> None:
    with Device(SimulatedBoard(library), params) as device:
        with pytest.raises(LinkError, match=r"weights of layer 0, 1 are not loaded; call load\(\)"):
            agrees(device, params)
        with pytest.raises(ValueError, match="depends on the lanes: give them"):
            device.load()
        # Whoever does not ask is told: every spike is counted as one that means nothing.
        words = [0x0003, 0x4000, 0x0001, 0x0002, 0x8000]
        device.line.exchange(words, 1)
        assert device.counters(1)[Register.DROPPED] == 3


def test_other_lanes_are_refused(library: Path, params: Params) -> None:
    other = (4, 5)
    with (
        Device(SimulatedBoard(library), params, lanes=other) as device,
        pytest.raises(LinkError, match=r"^the core has other lanes than 4,5; give --lanes"),
    ):
        device.load()


class Kept(SimulatedBoard):
    """Goes on when a host has left it."""

    def close(self) -> None:
        pass


def test_weights_stay_from_session_to_session(library: Path, params: Params) -> None:
    board = Kept(library)
    with Device(board, params, lanes=LANES, session=1) as device:
        device.load()
    with Device(board, params, session=2) as device:
        assert device.unloaded == ()
        assert agrees(device, params)
        # A session ends in the middle of a layer: that one must be loaded again.
        layer = params.spec.layers[1]
        assert isinstance(layer, DenseSpec)
        words = loaded_words(params.weights[1], layer, LANES[1])
        device.line.exchange([protocol_words.shadows_request(1, write=True), *words[:-1]], 0)
    with Device(board, params, lanes=LANES, session=3) as device:
        assert device.unloaded == (1,)
        assert device.load() == (1,)
        assert agrees(device, params)


FAULTS = [
    Fault(  # one word to a wrong address
        "weights/loader",
        "write_address.eq(fill.address)",
        "write_address.eq(fill.address ^ (fill.address == 5))",
    ),
    Fault(
        "weights/loader",
        "fill.word[-len(store.write_word) :]",
        "fill.word[: len(store.write_word)]",
    ),
    Fault("weights/loader", "fill.which.eq(position)", "fill.which.eq(0)"),
    Fault(
        "weights/fill",
        "Cat(self.word[self._bits :], self.i.payload)",
        "Cat(self.i.payload, self.word)",
    ),
]


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_faults_of_loading_are_found(fault: Fault, params: Params) -> None:
    needs("yosys")
    with planted(fault):
        library = simulated.compile_board(Design(params, LANES).all_loaded())
    with Device(SimulatedBoard(library), params, lanes=LANES) as device:
        try:
            device.load()
            assert not agrees(device, params)
        except LinkError:
            pass  # refused, or hangs


def test_a_word_swapped_by_the_host_is_found(library: Path, params: Params, monkeypatch) -> None:
    def swapped(weights, layer, lanes):
        words = loaded_words(weights, layer, lanes)
        words[4], words[5] = words[5], words[4]
        return words

    monkeypatch.setattr("hwgen.host.device.loaded_words", swapped)
    with Device(SimulatedBoard(library), params, lanes=LANES) as device:
        device.load()
        assert not agrees(device, params)


@pytest.mark.parametrize(
    ("sizes", "lanes", "layers"),
    [
        ((400, 224, 10), (8, 10), ()),  # fits BRAM
        ((784, 600, 10), (16, 10), (0,)),  # 784 x 38 words of 16 bits: two of four
        ((784, 1000, 10), (16, 10), (0,)),  # 784 x 63: all four
        ((400, 400, 400, 10), (16, 16, 10), (0, 1)),
        ((784, 2000, 10), (8, 10), ()),  # fits nothing
    ],
)
def test_what_goes_to_spram(sizes, lanes, layers) -> None:
    params = random_params(0, sizes, uniform=True, weight_bits=1)
    assert estimate_lanes.default_lanes(params, ICEBREAKER) == lanes
    assert memories.spram_layers(params, lanes, ICEBREAKER) == layers
    assert memories.spram_layers(params, lanes, ULX3S) == ()


def test_blocks_beside_and_behind_one_another() -> None:
    layer = random_params(0, (784, 600), weight_bits=1).spec.layers[0]
    assert isinstance(layer, DenseSpec)
    assert [n_sprams(layer, lanes) for lanes in (8, 16, 32, 64)] == [4, 2, 2, 4]


def test_weights_beyond_both_memories_are_refused_at_once() -> None:
    with pytest.raises(BoardError, match=r"1588000 bits, the block memory of .* holds 1171456"):
        memories.check_memory(random_params(0, (784, 2000, 10), weight_bits=1), ICEBREAKER)


def test_what_cannot_be_loaded(params: Params) -> None:
    with pytest.raises(ValueError, match=r"^layers \[2\] in SPRAM, but dense ones are \[0, 1\]"):
        SpikeCore(Design(params, LANES, (2,)))
    with pytest.raises(ValueError, match=r"^a core whose weights are loaded has no bus yet"):
        WordCore(SpikeCore(Design(params, LANES).all_loaded()))
    learns = learning_params("step", 1, "1x4-3-3")
    core = SpikeCore(Design(learns, (2, 3)).all_loaded())
    assert tuple(core.fillable_layers) == tuple(learns.spec.learning_layers)
