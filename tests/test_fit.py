"""Estimates before any tool runs. Expected numbers are worked out by hand beside them."""

import pytest
from samples import random_params

from hwgen import board, fit
from hwgen.errors import BoardError

ICEBREAKER, ULX3S = board.load("icebreaker"), board.load("ulx3s_85f")


def test_memory_blocks_of_a_network_for_the_up5k() -> None:
    params = random_params(0, (400, 224, 10), uniform=True)
    # Layer 0: 400 * 28 words of 8 bits in 512 x 8: 21.9; state 8 * (10 + 1) bits in 16 a block: 6.
    # Layer 1: 224 words of 10 bits in 256 x 16; its state is in registers.
    assert fit.memory_blocks(params, (8, 10), ICEBREAKER) == [22 + 6, 1]


def test_thresholds_of_their_own_cost_memory() -> None:
    params = random_params(0, (400, 224, 10))
    # Another 8 * 10 bits in 16 a block for layer 0; layer 1 has a lane for each neuron.
    assert fit.memory_blocks(params, (8, 10), ICEBREAKER) == [22 + 6 + 5, 1]


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
    assert fit.default_lanes(random_params(0, sizes, uniform=True), ICEBREAKER) == expected


def test_default_lanes_on_the_ecp5() -> None:
    assert fit.default_lanes(random_params(0, (784, 600, 10)), ULX3S) == (32, 10)


def test_weights_beyond_the_memory_are_refused_at_once() -> None:
    params = random_params(0, (784, 600, 10))
    with pytest.raises(BoardError) as caught:
        fit.check_memory(params, ICEBREAKER)
    # 784 * 600 + 600 * 10 bits; 30 blocks of 4096.
    assert str(caught.value) == (
        "icebreaker: 784-600-10 does not fit: its weights are 476400 bits, the block memory of "
        "iCE40UP5K-SG48 holds 122880; use a smaller network, fewer weight bits, or a larger board"
    )
    fit.check_memory(params, ULX3S)
