"""Verbs from a parameter file to hardware: verilog, cosim, build."""

import statistics
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from hwgen.cli import lessons, options
from hwgen.cli.console import bar, err, facts, out, phases, print_json
from hwgen.errors import HwgenError
from hwgen.model import folder as model_module
from hwgen.model.folder import ModelFolder
from hwgen.network.params import Params
from hwgen.protocol.register_map import BUSES, TOPS, Bus

if TYPE_CHECKING:
    from hwgen.boards.board import Board

DEFAULT_LANES = 16  # where no board decides
_UPDATED = {"dense": "neurons", "conv2d": "filters", "pool2d": "lane, as it pools"}
Record = Annotated[
    bool, typer.Option("--record", help="Add the result to the model's folder and to its card.")
]
BoardOption = Annotated[
    str, typer.Option(help="Board whose default lanes to use (`hwgen boards`).")
]


def parse_lanes(text: str, params: Params, board: str = "") -> tuple[int, ...]:
    """Lanes from '16,10', or the default for these params and, if named, this board."""
    layers = params.spec.layers
    if not text and board:
        from hwgen.boards import board as board_module
        from hwgen.estimate import lanes as estimate_lanes

        return estimate_lanes.default_lanes(params, board_module.load(board))
    if not text:
        return tuple(min(DEFAULT_LANES, layer.max_lanes) for layer in layers)
    parts = text.split(",")
    if len(parts) != len(layers) or not all(part.strip().isdecimal() for part in parts):
        raise HwgenError(f"--lanes is {text!r}, expected {len(layers)} numbers as in 16,10")
    lanes = tuple(int(part) for part in parts)
    for index, (number, layer) in enumerate(zip(lanes, layers, strict=True)):
        if not 1 <= number <= layer.max_lanes:
            raise HwgenError(
                f"--lanes is {text!r}: layer {index} has {layer.max_lanes} "
                f"{_UPDATED[layer.kind]}, so its lanes must be 1..{layer.max_lanes}, not {number}"
            )
    return lanes


def in_spram(lanes: tuple[int, ...], params: Params, board: str) -> tuple[int, ...]:
    """Layers whose weights lie in SPRAM in a core for this board, if there is one."""
    from hwgen.boards import board as board_module
    from hwgen.estimate import memories

    return memories.spram_layers(params, lanes, board_module.load(board)) if board else ()


def verilog(
    model: options.Model,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write. Default: NAME.v here.")
    ] = None,
    lanes: options.Lanes = "",
    board: BoardOption = "",
    wrapper: Annotated[
        str, typer.Option(help="axi or wishbone: the core with a bus, a .core and a .h beside it.")
    ] = "",
    json: options.Json = False,
) -> None:
    """Write the core of a model as Verilog, module `hwgen_core`.

    With `--wrapper`, module `hwgen_axi` or `hwgen_wishbone` (docs/soc.md); and beside it a
    description for FuseSoC and a C header.

    Example: `hwgen verilog mnist-binary --lanes 32,10 -o core.v`
    """
    from hwgen.files import write_atomic
    from hwgen.hdl.verilog import TOP, to_verilog

    if wrapper and wrapper not in BUSES:
        raise HwgenError(f"--wrapper is {wrapper!r}, expected axi or wishbone")
    params = model_module.find(model).params()
    chosen = parse_lanes(lanes, params, board)
    path = output or Path(f"{params.name}.v")
    if wrapper:
        # On a bus, only weights that learn can be in SPRAM.
        spram = bool(params.spec.learning and in_spram(chosen, params, board))
        _wrapped(params, chosen, wrapper, path, spram=spram, json=json)
        return
    with phases("verilog") as phase:
        phase("elaborate")
        text = to_verilog(params, chosen, spram=in_spram(chosen, params, board))
        write_atomic(path, text)
    result = {"path": path, "top": TOP, "digest": params.digest, "lanes": chosen}
    if json:
        print_json(result | {"n_lines": text.count("\n")})
    else:
        out.print(f"{path}: module {TOP}, {text.count(chr(10))} lines, params {params.digest[:16]}")


def _wrapped(
    params: Params, lanes: tuple[int, ...], bus: Bus, path: Path, *, spram: bool, json: bool
) -> None:
    from hwgen.build import ip_core

    with phases("verilog") as phase:
        phase("elaborate")
        written = ip_core.write(params, lanes, bus, path, spram=spram)
    if json:
        about = {"top": TOPS[bus], "digest": params.digest, "lanes": lanes}
        files = {"path": path, "core": written.core, "header": written.header}
        print_json(files | about | {"n_lines": written.n_lines})
        return
    out.print(
        f"{path}: module {TOPS[bus]}, {written.n_lines} lines, params {params.digest[:16]}; "
        f"{written.core.name} for FuseSoC, {written.header.name} for C"
    )


def cosim(
    model: options.Model,
    samples: Annotated[
        int, typer.Option(help="How many; more than the vectors hold come from the test set.")
    ] = 20,
    stall: options.Stall = 0.2,
    simulator: Annotated[str, typer.Option(help="icarus or verilator.")] = "icarus",
    learning: options.Learning = False,
    lanes: options.Lanes = "",
    board: BoardOption = "",
    seed: options.Seed = 0,
    data_dir: options.DataDir = None,
    build_dir: options.BuildDir = None,
    record: Record = False,
    json: options.Json = False,
) -> None:
    """Compare the core, in a Verilog simulator, with golden: every spike, potential and decision.

    Samples run twice: with random stalls and everything compared, then at full speed with early
    exit for the cycle counts. Exit code 1 on a mismatch. With `--learning` a core that learns gets
    labels, and its weights are read and compared, too.

    Example: `hwgen cosim mnist-binary --samples 20`
    """
    from hwgen.verification import cosim as flow

    if simulator not in ("icarus", "verilator"):
        raise HwgenError(f"--simulator is {simulator!r}, expected icarus or verilator")
    if samples < 1:
        raise HwgenError(f"--samples is {samples}, expected at least 1")
    folder = model_module.find(model)
    params = folder.params()
    chosen = parse_lanes(lanes, params, board)
    if learning:
        lessons.cosim(
            folder,
            chosen,
            n=samples,
            simulator=simulator,
            spram=bool(in_spram(chosen, params, board)),
            stall=stall,
            seed=seed,
            data_dir=data_dir,
            build_dir=build_dir,
            record=record,
            json=json,
        )
        return
    inputs = _inputs(folder, params, samples, data_dir)
    with bar(f"cosim, {simulator}") as progress:
        result = flow.run(
            params,
            inputs,
            lanes=chosen,
            build_dir=build_dir or Path("build") / f"{params.name}-cosim",
            simulator=simulator,  # type: ignore[arg-type]
            stall=stall,
            seed=seed,
            on_progress=progress,
        )
    if record:
        from hwgen.report import results

        results.record(folder, result)
    if json:
        print_json(result.to_json())
    elif not result.mismatch:
        cycles = result.latency_cycles
        facts(
            f"{params.name} on {simulator}, lanes {','.join(map(str, chosen))}",
            [
                ("verdict", f"0 mismatches of {result.n_compared} compared"),
                ("samples", result.n_samples),
                ("cycles to decision", f"mean {statistics.mean(cycles):.0f}, worst {max(cycles)}"),
                ("cycles per sample", f"{result.cycles_per_sample:.0f}, back to back"),
                ("time", f"{result.seconds:.1f} s"),
            ],
        )
    result.check()


def _inputs(
    folder: ModelFolder, params: Params, n: int, data_dir: Path | None
) -> NDArray[np.uint8]:
    """Input spikes: from the model's vectors if they are enough, else from the test set."""
    from hwgen.data.for_network import check_input, own_test_set
    from hwgen.data.inputs import encoded

    if folder.vectors_path.is_file():
        vectors = folder.vectors(params)
        if n <= len(vectors.labels):
            return vectors.inputs[:n]
    tests = own_test_set(params, data_dir)
    check_input(params, tests)
    return encoded(tests, params.spec, slice(n))


def build_folder(params: Params, board: "Board") -> Path:
    """Where `build` puts a design, and `flash` looks for it, if nothing else is said."""
    return Path("build") / f"{params.name}-{board.name}"


def build(
    model: options.Model,
    board: Annotated[str, typer.Option(help="Name (`hwgen boards`) or path of a .toml.")],
    lanes: options.Lanes = "",
    early_exit: Annotated[
        bool, typer.Option(help="Stop reading a sample once it is decided; same decisions.")
    ] = True,
    clock_mhz: options.ClockMhz = None,
    seed: Annotated[int, typer.Option(help="Seed of the placer.")] = 1,
    build_dir: options.BuildDir = None,
    record: Record = False,
    json: options.Json = False,
) -> None:
    """Synthesise, place and route, and write a bitstream: core, weights and serial line.

    A design that does not fit is refused, with numbers, before place and route.

    Example: `hwgen build mnist-up5k --board icebreaker`
    """
    from hwgen.boards import board as board_module
    from hwgen.build import synthesis as flow
    from hwgen.files import short

    target = board_module.load(board)
    folder = model_module.find(model)
    params = folder.params()
    with phases(f"build for {target.name}") as phase:
        result = flow.build(
            params,
            target,
            lanes=parse_lanes(lanes, params, board),
            build_dir=build_dir or build_folder(params, target),
            early_exit=early_exit,
            clock_hz=round(clock_mhz * 1e6) if clock_mhz else None,
            seed=seed,
            on_phase=phase,
        )
    if record:
        from hwgen.report import results

        results.record(folder, result)
    if json:
        print_json(result.to_json())
        return
    facts(
        f"{params.name} on {target.name} ({target.part})",
        [
            ("LUT", result.luts),
            ("FF", result.ffs),
            ("BRAM", result.brams),
            ("SPRAM", result.sprams),
            ("DSP", result.dsps),
            ("Fmax", f"{result.fmax_hz / 1e6:.1f} MHz (clock {result.clock_hz / 1e6:g} MHz)"),
            ("lanes", ",".join(map(str, result.lanes))),
            ("time", f"{result.seconds:.1f} s"),
            ("bitstream", short(result.bitstream)),
        ],
    )
    if result.loaded_layers:
        err.print(_spram_line(result.loaded_layers, result.sprams.used), markup=False)
    err.print(f"status: {target.status}: routed here, not tried on a board", markup=False)


def _spram_line(layers: tuple[int, ...], n_blocks: int) -> str:
    which = f"layer{'s' * (len(layers) > 1)} {', '.join(map(str, layers))}"
    return (
        f"weights of {which} do not fit BRAM: they lie in {n_blocks} SPRAM blocks, "
        "and `hwgen run` loads them"
    )
