"""Estimates before any tool runs. Expected numbers are worked out by hand beside them."""

from dataclasses import replace

import pytest
from samples import learning_params, random_network, random_params

from hwgen.boards import board
from hwgen.errors import BoardError
from hwgen.estimate import lanes as estimate_lanes
from hwgen.estimate import memories
from hwgen.estimate.block_rams import n_brams
from hwgen.estimate.design import for_board

ICEBREAKER, ULX3S = board.load("icebreaker"), board.load("ulx3s_85f")


def test_memory_blocks_of_a_network_for_the_up5k() -> None:
    params = random_params(0, (400, 224, 10), uniform=True)
    # Layer 0: 400 * 28 words of 8 bits in 512 x 8: 21.9; state 8 * (10 + 1) bits in 16 a block: 6.
    # Layer 1: 224 words of 10 bits in 256 x 16; its state is in registers.
    assert memories.memory_blocks(for_board(params, ICEBREAKER, (8, 10)), ICEBREAKER) == [22 + 6, 1]


def test_thresholds_of_their_own_cost_memory() -> None:
    # Layer 0: 12 * 250 words of 8 bits in 512 x 8; state 250 * 8 * (5 + 1) bits, 16 a block;
    # thresholds 250 * 8 * 5 bits, 16 a block. Layer 1 has a lane for each neuron.
    params = random_params(0, (12, 2000, 4))
    assert memories.memory_blocks(for_board(params, ICEBREAKER, (8, 4)), ICEBREAKER) == [
        6 + 3 + 3,
        2,
    ]
    # 28 thresholds of 80 bits cost less in tables than 5 blocks.
    params = random_params(0, (400, 224, 10))
    assert memories.memory_blocks(for_board(params, ICEBREAKER, (8, 10)), ICEBREAKER) == [22 + 6, 1]


@pytest.mark.parametrize(
    ("family", "n_words", "width", "written", "expected"),
    [
        # What yosys 0.70 made of memories of this size.
        ("ice40", 576, 56, True, 11),  # 3 rows of 56 bits, 16 a block
        ("ice40", 784, 10, False, 3),
        ("ice40", 25, 8, False, 0),  # constant, and less in tables
        ("ice40", 28, 80, False, 0),
        ("ice40", 400, 8, False, 1),
        ("ice40", 128, 80, True, 5),
        ("ice40", 144, 8, True, 1),
        ("ice40", 11_200, 8, False, 22),
        ("ice40", 28, 88, True, 6),
        ("ice40", 264, 9, True, 2),
        ("ice40", 152, 9, True, 1),
        ("ecp5", 14_896, 32, False, 27),  # 30 rows of 32 bits, 36 a block
        ("ecp5", 19, 384, True, 0),  # tables of 16 x 4 bits
        ("ecp5", 576, 180, True, 10),
        ("ecp5", 576, 280, True, 16),
        ("ecp5", 128, 260, True, 8),
        ("ecp5", 128, 360, True, 10),
        ("ecp5", 1000, 80, False, 5),
        ("ecp5", 4480, 128, False, 32),
        ("ecp5", 144, 20, True, 1),
        ("ecp5", 16, 40, True, 0),
    ],
)
def test_blocks_as_yosys_chooses_them(
    family: board.Family, n_words: int, width: int, written: bool, expected: int
) -> None:
    assert n_brams(n_words, width, family, written=written) == expected


@pytest.mark.parametrize(
    ("board_name", "shape", "psp", "tau_steps", "bits", "uniform", "lanes", "expected"),
    [
        # What yosys 0.70 counted: sums, spikes, weights, list of spikes, places of the input; tags.
        # And a queue before a layer that spends several cycles on a spike.
        (
            *("icebreaker", "28x28-8C5-P2-16C5-P2-10", "step", 0, 1, True),
            (8, 1, 8, 1, 10),
            [11 + 2 + 3, 2, 5 + 1 + 1 + 1, 1, 1],
        ),
        (
            *("ulx3s_85f", "28x28-20C5-P2-40C5-P2-200-10", "ramp", 0, 4, False),
            (20, 1, 20, 1, 32, 10),
            [10 + 16 + 1, 2, 8 + 10 + 5 + 1, 1, 32 + 1, 2],
        ),
        (
            *("icebreaker", "16x16-8C3p1-P2-16C3s2-10", "triangle/step/triangle", 2, 2, False),
            (4, 1, 8, 10),
            [3 + 4 + 2 + 1, 1, 5 + 1 + 1 + 1, 2 + 1],
        ),
    ],
)
def test_memory_blocks_of_pictures(
    board_name: str, shape: str, psp: str, tau_steps: int, bits: int, uniform: bool,
    lanes: tuple[int, ...], expected: list[int],
) -> None:  # fmt: skip
    net = random_network(
        1, shape, psp=psp, tau_steps=tau_steps, weight_bits=bits, n_steps=8, uniform=uniform
    )
    assert (
        memories.memory_blocks(
            for_board(net, board.load(board_name), lanes), board.load(board_name)
        )
        == expected
    )


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        # The second convolution is slowest.
        ("28x28-20C5-P2-40C5-P2-200-10", (20, 1, 40, 1, 8, 10)),
        ("28x28-64C5-P2-20", (64, 1, 20)),  # an output layer of more than 16 is like the others
    ],
)
def test_default_lanes_of_pictures(shape: str, expected: tuple[int, ...]) -> None:
    assert estimate_lanes.default_lanes(random_network(0, shape), ULX3S) == expected


def test_the_triangle_needs_no_list_if_no_knee_comes() -> None:
    lanes = (4, 10)
    early, late = (
        random_network(0, "16x16-8C3-10", psp="triangle/step", tau_steps=tau, n_steps=8)
        for tau in (7, 8)
    )
    more = memories.memory_blocks(for_board(early, ICEBREAKER, lanes), ICEBREAKER)[0]
    assert more == memories.memory_blocks(for_board(late, ICEBREAKER, lanes), ICEBREAKER)[0] + 2


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ((400, 224, 10), (8, 10)),
        ((64, 5, 10), (5, 10)),
        ((64, 96, 26), (8, 8)),  # an output layer of more than 16 is like the others
        ((64, 10), (10,)),
        ((400, 232, 10), (4, 10)),  # 8 lanes: 23 + 6 + 1 = 30 and the FIFO; 4: 23 + 3 + 1
    ],
)
def test_default_lanes_on_the_up5k(sizes: tuple[int, ...], expected: tuple[int, ...]) -> None:
    assert (
        estimate_lanes.default_lanes(random_params(0, sizes, uniform=True), ICEBREAKER) == expected
    )


def test_default_lanes_on_the_ecp5() -> None:
    assert estimate_lanes.default_lanes(random_params(0, (784, 600, 10)), ULX3S) == (32, 10)


@pytest.mark.parametrize(
    ("board", "how", "expected", "spram"),
    [
        # 4 blocks of 16 bits: 4 lanes of 16, 8 of 8, all 10 of 6. Beside 22 blocks of weights, 6 of
        # state, the log and the FIFO there is none left for a queue, which less than all need.
        (ICEBREAKER, {"shadow_bits": 16, "layers": "last"}, (4, 4), True),
        (ICEBREAKER, {"shadow_bits": 8, "layers": "last"}, (4, 8), True),
        (ICEBREAKER, {"shadow_bits": 6, "layers": "last"}, (8, 10), True),
        # Nowhere is there room for 400 x 224 of 16 bits; layers that learn have half the lanes.
        (ICEBREAKER, {"shadow_bits": 16, "layers": "all"}, (4, 10), False),
        (ULX3S, {"shadow_bits": 16, "layers": "all"}, (16, 10), False),
        (ULX3S, {"shadow_bits": 16, "layers": "last"}, (32, 10), False),
    ],
)
def test_weights_that_learn_in_spram(board, how, expected, spram) -> None:
    params = learning_params("step", 1, "20x20-224-10", **how)
    lanes = estimate_lanes.default_lanes(params, board)
    assert lanes == expected
    assert (memories.learning_sprams(params, lanes, board) > 0) == spram


def test_weights_beyond_the_memory_are_refused_at_once() -> None:
    params = random_params(0, (784, 600, 10))
    board = replace(ICEBREAKER, capacity=replace(ICEBREAKER.capacity, spram=0))
    with pytest.raises(BoardError) as caught:
        memories.check_memory(params, board)
    # 784 * 600 + 600 * 10 bits; 30 blocks of 4096.
    assert str(caught.value) == (
        "icebreaker: 784-600-10 does not fit: its weights are 476400 bits, the block memory of "
        "iCE40UP5K-SG48 holds 122880; use a smaller network, fewer weight bits, or a larger board"
    )
    memories.check_memory(params, ULX3S)
