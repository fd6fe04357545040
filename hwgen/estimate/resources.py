"""What a design will take and how fast it will be, before any tool runs.

Two sums of a few terms, whose coefficients come from designs that nextpnr has routed: those of
`benchmarks/resources.json`, and what stands in the `results.json` of the models that ship. Memory
blocks need no such sum: `hwgen.estimate.memories` counts them.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from math import log2
from typing import Any

from hwgen import schema
from hwgen.boards.board import Board, Family
from hwgen.boards.board import load as load_board
from hwgen.errors import HwgenError, ResultsError
from hwgen.estimate import memories
from hwgen.estimate.design import for_board
from hwgen.estimate.regression import Model, damaged, fitted, table
from hwgen.model import folder as model_folder
from hwgen.network.design import Design
from hwgen.network.layers.kinds import WeightedSpec
from hwgen.network.layers.neurons import Lif, n_signed_digits
from hwgen.network.spec import NetworkSpec
from hwgen.protocol.memory import n_blocks, n_sprams
from hwgen.protocol.words import VERSION
from hwgen.reading import regular

_ROW_WORDS: dict[Family, int] = {"ice40": 512, "ecp5": 2048, "gowin": 2048}


@dataclass(frozen=True)
class _Row:
    """A routed design; `luts` is None where it was routed with another link."""

    board: str
    lanes: tuple[int, ...]
    luts: int | None
    fmax_hz: int
    spec: NetworkSpec
    memory_tables: tuple[int, ...] = (0, 0)  # `memories.memory_tables`
    spram: tuple[int, ...] = ()  # layers whose weights lie there


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """`luts_error`, `fmax_error`: relative, typical of designs predicted from all others.

    luts: tables. brams, sprams: block RAMs and SPRAM blocks. fmax_hz: at worst-case conditions,
    as nextpnr has it.
    """

    lanes: tuple[int, ...]
    luts: int
    luts_error: float
    brams: int
    fmax_hz: int
    fmax_error: float
    sprams: int = 0
    loaded_layers: tuple[int, ...] = ()  # of a network that does not learn: weights in SPRAM


def predict(design: Design, board: Board) -> Prediction:
    """From the parameters alone.

    Raises `ResultsError` if the measured table is damaged. LUTs and Fmax are estimates, memory
    blocks are counted.
    """
    params, lanes, spram = design.params, design.lanes, design.loaded_layers
    tables, period = models()
    speed = speed_of(board)
    # A speed grade that nobody has routed: the slowest known of its family promises nothing too
    # much.
    if speed not in period.factors:
        same = [name for name in period.factors if name.startswith(board.family)]
        speed = max(same, key=lambda name: period.factors[name])
    # Of a network that learns shadows lie in SPRAM, not loaded weights; they are counted apart.
    weighted = [] if params.spec.learning else _weighted(params.spec, lanes)
    held = memories.memory_tables(design, board)
    loaded = [row for row in weighted if row[0] in spram]
    ns = period(_period_features(params.spec, lanes, board.family, spram), speed)
    blocks = sum(memories.memory_blocks(design, board)) + memories.LINK_BLOCKS
    return Prediction(
        lanes=lanes,
        luts=round(tables(_table_features(params.spec, lanes, spram, held), board.family)),
        luts_error=tables.typical_error,
        brams=blocks,
        fmax_hz=round(1e9 / ns),
        fmax_error=period.typical_error,
        sprams=memories.learning_sprams(params, lanes, board)
        + sum(n_sprams(layer, n) for _, layer, n in loaded if layer.takes_vector),
        loaded_layers=tuple(index for index, _, _ in loaded),
    )


def speed_of(board: Board) -> str:
    """Boards of one name here are equally fast: their parts are of one kind and speed grade.

    The name of a group of the regression: family and speed grade.
    """
    if board.family == "ecp5":
        return f"ecp5 {board.part.split('-')[-1][:1]}"
    kind = board.part.split("-")[0].removeprefix("iCE40")
    # iCE40 UP, LP or HX; GW1N or GW2A, with the speed grade.
    return f"{board.family} {kind[:2] if board.family == 'ice40' else kind[:4] + board.part[-5:]}"


@cache
def models() -> tuple[Model, Model]:
    """Of tables, and of the period in ns. Raises `ResultsError`.

    Fitted once a process.
    """
    rows = [*_measured(), *_shipped()]
    boards = {row.board: load_board(row.board) for row in rows}
    counted = [row for row in rows if row.luts is not None]
    tables = fitted(
        [_table_features(r.spec, r.lanes, r.spram, r.memory_tables) for r in counted],
        [float(r.luts or 0) for r in counted],
        [boards[r.board].family for r in counted],
    )
    period = fitted(
        [_period_features(r.spec, r.lanes, boards[r.board].family, r.spram) for r in rows],
        [1e9 / r.fmax_hz for r in rows],
        [speed_of(boards[r.board]) for r in rows],
    )
    return tables, period


def _measured() -> list[_Row]:
    """The rows of the table."""
    try:
        return [_row(entry, entry["spec"], entry["board"]) for entry in table("routed")]
    except (KeyError, TypeError) as error:
        raise damaged(error) from None


def _shipped() -> list[_Row]:
    """Results of the models that ship; damaged ones say nothing."""
    rows = []
    for name in model_folder.shipped():
        folder = model_folder.find(name)
        try:
            entries = json.loads(regular(folder.path / "results.json").read_text())
            params = folder.params()
            spec = params.spec.to_json()
            for key, entry in entries.items():
                if key.startswith("synth "):
                    row = _row(entry, spec, key.removeprefix("synth "))
                    target = load_board(row.board)
                    design = for_board(params, target, row.lanes)
                    held = memories.memory_tables(design, target)
                    rows.append(replace(row, memory_tables=held, spram=design.loaded_layers))
        except (OSError, ValueError, KeyError, TypeError, AttributeError, HwgenError):
            continue
    return rows


def _row(entry: dict[str, Any], spec: Any, board: str) -> _Row:
    network = schema.parse(NetworkSpec, spec, where="a routed design", error=ResultsError)
    luts = entry["luts"] if entry.get("protocol") == VERSION else None
    spram = tuple(entry.get("loaded_layers", ()))
    held = tuple(entry.get("memory_tables", (0, 0)))
    return _Row(board, tuple(entry["lanes"]), luts, entry["fmax_hz"], network, held, spram)


def _weighted(spec: NetworkSpec, lanes: Sequence[int]) -> list[tuple[int, WeightedSpec, int]]:
    return [
        (index, layer, n)
        for index, (layer, n) in enumerate(zip(spec.layers, lanes, strict=True))
        if layer.has_weights
    ]


def _table_features(
    spec: NetworkSpec, lanes: Sequence[int], spram: Sequence[int], memory_tables: Sequence[int]
) -> list[float]:
    """Link, registers and readout; bits of adders; walks of convolutions and pools; bits of layers
    that learn; that there are any; outputs; that weights are loaded; bits of adders that leak;
    memories in tables, and rows of blocks."""
    adders, learning = 0.0, 0.0
    for index, layer, n in _weighted(spec, lanes):
        adders += n * (layer.potential_bits + layer.slope_bits + _more_adders(layer))
        if spec.learning and index in spec.learning_layers:
            learning += n * spec.learning.shadow_bits
    walks = len(spec.layers) - len(spec.dense_layers)
    leaky = sum(n * x.potential_bits for _, x, n in _weighted(spec, lanes) if x.neuron.fires_again)
    learns = bool(spec.learning)
    loads = bool(spram) and not learns
    return [1, adders, walks, learning, learns, spec.n_classes, loads, leaky, *memory_tables]


def _more_adders(layer: WeightedSpec) -> int:
    """Bits of adders, or of what costs as much, that a lane has for what its neuron does besides.

    A bias is an adder; a leak has one for each signed digit but the first; the bits of values are
    placed by a shifter, of a multiplexer a bit and level, and their current is added once more.
    """
    neuron, bits = layer.neuron, layer.potential_bits
    n_adders = int(layer.bias_bits > 0)
    if isinstance(neuron, Lif):
        n_adders += n_signed_digits(neuron.leak_times) - 1 + neuron.takes_values
    shifted = (layer.weight_bits + layer.input_bits) * layer.input_bits.bit_length()
    return n_adders * bits + shifted * (layer.input_bits > 0)


def _period_features(
    spec: NetworkSpec, lanes: Sequence[int], family: Family, spram: Sequence[int]
) -> list[float]:
    """Constant; levels of multiplexers behind the weights; the longest carry; bits of a state word
    that fan out; that weights are learnt; feature maps."""
    weighted = _weighted(spec, lanes)
    rows = (0 if i in spram else _rows(layer, n, family) for i, layer, n in weighted)
    # A multiplexer of n + 1 rows is a tree: its depth is a logarithm, and the path is as long as
    # that.
    levels = max(log2(1 + n) for n in rows)
    carry = max(layer.potential_bits for _, layer, _ in weighted)
    # A control signal that fans out to more bits is buffered in more levels.
    widest = max(log2(n * layer.potential_bits) for _, layer, n in weighted)
    feature_maps = any(not layer.takes_vector for _, layer, _ in weighted)
    return [1, levels, carry, widest, float(bool(spec.learning)), float(feature_maps)]


def _rows(layer: WeightedSpec, lanes: int, family: Family) -> int:
    """Rows of block RAMs, beyond the first, among which a weight is selected."""
    words = layer.n_fan_in * n_blocks(layer.n_thresholds, lanes)
    return (words - 1) // _ROW_WORDS[family]
