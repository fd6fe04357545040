"""A model in Python: what the verbs of the command line do with one, as methods."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

import numpy as np
from numpy.typing import NDArray

from hwgen.files import free_folder, stem
from hwgen.model import folder as model_folder
from hwgen.model.folder import ModelFolder
from hwgen.network import params_file
from hwgen.network.design import Design
from hwgen.network.params import Params
from hwgen.progress import SILENT, Reporter

if TYPE_CHECKING:
    from hwgen.api.samples import Data
    from hwgen.build.synthesis import SynthResult
    from hwgen.data.dataset import Dataset, Split
    from hwgen.estimate.check import Check
    from hwgen.evaluation.accuracy import Evaluation
    from hwgen.host.run import RunResult
    from hwgen.protocol.register_map import Bus
    from hwgen.toolchain.simulator import Simulator
    from hwgen.verification.result import EqualityResult

DEFAULT_LANES = 16  # where no board decides


class Hardware(TypedDict, total=False):
    """Which core: `board`, whose default lanes are taken; or `lanes`, one a layer."""

    lanes: Sequence[int] | None
    board: str | None


class Comparison(Hardware, total=False):
    """samples: how many (default: all, or, of `cosim`, 20). stall: chance of an idle cycle at each
    end. early_exit: as bitstreams have it. seed: of all that is random. n_processes: of `verify`.
    resume: keep what an interrupted run found equal. simulator: of `cosim`, "icarus" or
    "verilator". build_dir: a work folder; reporter: hears how far it is."""

    samples: int | None
    stall: float
    early_exit: bool
    seed: int
    n_processes: int | None
    resume: bool
    simulator: "Simulator"
    build_dir: Path | None
    data_dir: Path | None
    reporter: Reporter


class Build(TypedDict, total=False):
    """lanes: one a layer, if not the board's default. early_exit: answer as soon as a spike decides
    (default: yes). clock_mhz: of the core, if not the board's. seed: of the placer, and `seeds`:
    how many are tried. build_dir, reporter: as of `Comparison`."""

    lanes: Sequence[int] | None
    early_exit: bool
    clock_mhz: float | None
    seed: int
    seeds: int
    build_dir: Path | None
    reporter: Reporter


def hz(mhz: float | None) -> int | None:
    """A clock in Hz; None if none is given."""
    return round(mhz * 1e6) if mhz else None


@dataclass(frozen=True)
class Model:
    """Parameters, and the folder that they are from, if they are from one.

    Results are the dataclasses that `--json` prints; in a notebook they show themselves as tables.
    """

    params: Params
    folder: ModelFolder | None = None

    @classmethod
    def load(cls, name_or_path: str) -> "Model":
        """A folder, a parameter file, or the name of a shipped model. Raises `ParamsError`."""
        folder = model_folder.find(name_or_path)
        return cls(folder.params(), folder)

    def save(self, folder: Path | str) -> "Model":
        """Write the parameter file into a folder. Returns the model of that folder."""
        kept = ModelFolder(Path(folder))
        params_file.save(self.params, kept.params_path)
        return Model(self.params, kept)

    def design(self, **hardware: Unpack[Hardware]) -> Design:
        """The core to be made: for a board, or with up to 16 lanes a layer. Raises ValueError if
        lanes are not those of the network, `BoardError` if there is no such board."""
        lanes, board = hardware.get("lanes"), hardware.get("board")
        if board:
            from hwgen.boards import board as board_module
            from hwgen.estimate.design import for_board

            return for_board(self.params, board_module.load(board), lanes)
        few = tuple(min(DEFAULT_LANES, layer.max_lanes) for layer in self.params.spec.layers)
        return Design(self.params, tuple(lanes) if lanes else few)

    def dataset(
        self, data: "Data | None" = None, *, split: "Split" = "test", data_dir: Path | None = None
    ) -> "Dataset":
        """Samples: see `hwgen.api.samples.dataset_of`. Raises `DataError`."""
        from hwgen.api.samples import dataset_of

        return dataset_of(self.params, data, split=split, data_dir=data_dir)

    def evaluate(
        self,
        data: "Data | None" = None,
        *,
        data_dir: Path | None = None,
        reporter: Reporter = SILENT,
    ) -> "Evaluation":
        """Golden's accuracy on a whole test set; `data` as of `dataset`."""
        from hwgen.evaluation import accuracy

        return accuracy.evaluate(self.params, self.dataset(data, data_dir=data_dir), reporter)

    def decide(self, images: NDArray[Any]) -> NDArray[np.int64]:
        """Golden's classes int64 [n] of images [n, height, width], or with channels behind."""
        from hwgen.data.inputs import encode_images
        from hwgen.golden import Golden

        if not len(images):
            return np.zeros(0, np.int64)
        given = self.dataset((images, np.zeros(len(images), np.int64)))
        return Golden(self.params).decide(encode_images(given.images, self.params.spec))

    def verify(self, data: "Data | None" = None, **options: Unpack[Comparison]) -> "EqualityResult":
        """The compiled core against golden: every spike, potential and decision.

        data: as of `dataset`; None, of a model that names no data set: its vectors. A difference is
        in the result; its `check()` raises it.
        """
        from hwgen.verification import verify
        from hwgen.verification.job import Job
        from hwgen.verification.passes import Pass

        inputs, truths = self._samples(data, options.get("samples"), options.get("data_dir"))
        kind = Pass(stall=options.get("stall", 0.0), early_exit=options.get("early_exit", False))
        job = Job(
            design=self._of(options).in_memory_blocks(),
            inputs=inputs,
            build_dir=options.get("build_dir") or self._work("verify"),
            truths=truths,
            passes=(kind,),
            seed=options.get("seed", 0),
        )
        return verify.run(
            job,
            n_processes=options.get("n_processes"),
            resume=options.get("resume", False),
            reporter=options.get("reporter", SILENT),
        )

    def cosim(self, data: "Data | None" = None, **options: Unpack[Comparison]) -> "EqualityResult":
        """The core in a Verilog simulator against golden: with stalls, then at full speed.

        data: as of `dataset`; None: the model's vectors, if they are enough.
        """
        from hwgen.verification import cosim
        from hwgen.verification.job import Job
        from hwgen.verification.passes import stalled_then_fast

        job = Job(
            design=self._of(options).in_memory_blocks(),
            inputs=self._vectors_or(data, options.get("samples") or 20, options.get("data_dir")),
            build_dir=options.get("build_dir") or self._work("cosim"),
            passes=stalled_then_fast(options.get("stall", 0.2)),
            seed=options.get("seed", 0),
        )
        simulator = options.get("simulator", "icarus")
        return cosim.run(job, simulator, reporter=options.get("reporter", SILENT))

    def verilog(self, *, bus: "Bus | None" = None, **hardware: Unpack[Hardware]) -> str:
        """The core as Verilog; with a bus, "axi" or "wishbone", as an IP core (docs/soc.md)."""
        from hwgen.hdl.verilog import soc_verilog, to_verilog

        design = self.design(**hardware)
        if not bus:
            return to_verilog(design)
        return soc_verilog(design.on_bus(), bus)

    def estimate(
        self, board: str, *, lanes: Sequence[int] | None = None, clock_mhz: float | None = None
    ) -> "Check":
        """What the core will take of a board, its clock, the time of an image: in a second."""
        from hwgen.boards import board as board_module
        from hwgen.estimate import check

        design = self.design(lanes=lanes, board=board)
        folder = self.folder or ModelFolder(Path())
        return check.run(folder, design, board_module.load(board), clock_hz=hz(clock_mhz))

    def build(self, board: str, **options: Unpack[Build]) -> "SynthResult":
        """Synthesise, place and route, and write a bitstream. Raises `BoardError`, `ToolError`."""
        from hwgen.boards import board as board_module
        from hwgen.build import synthesis
        from hwgen.build.placement import Seeds

        target = board_module.load(board)
        return synthesis.build(
            self.design(lanes=options.get("lanes"), board=board),
            target,
            build_dir=options.get("build_dir") or self._work(stem(target.name)),
            early_exit=options.get("early_exit", True),
            clock_hz=hz(options.get("clock_mhz")),
            seeds=Seeds(first=options.get("seed", 1), count=options.get("seeds", 1)),
            reporter=options.get("reporter", SILENT),
        )

    def run(
        self,
        data: "Data | None" = None,
        *,
        port: str = "",
        board: str = "icebreaker",
        samples: int = 20,
        reporter: Reporter = SILENT,
    ) -> "RunResult":
        """Samples on a board at a serial port, or, without one, on the compiled board; each answer
        beside golden's. data: as of `dataset`."""
        from hwgen.api.connection import run_on_board
        from hwgen.host.run import of_dataset

        batch = of_dataset(self.params, self.dataset(data), samples)
        return run_on_board(self.design(board=board), batch, board, port, reporter)

    def _of(self, options: Comparison) -> Design:
        return self.design(lanes=options.get("lanes"), board=options.get("board"))

    def _work(self, what: str) -> Path:
        """A folder that no other run has."""
        return free_folder(Path("build") / f"{stem(self.params.name)}-{what}")

    def _inputs(self, chosen: "Dataset", n: int | None) -> NDArray[np.uint8]:
        from hwgen.data.for_network import check_input
        from hwgen.data.inputs import encoded

        check_input(self.params, chosen)
        return encoded(chosen, self.params.spec, slice(n))

    def _samples(
        self, data: "Data | None", n: int | None, data_dir: Path | None
    ) -> tuple[NDArray[np.uint8], NDArray[np.int64] | None]:
        """The first n: inputs, and labels, if anybody has said any."""
        from hwgen.data import own_samples

        if data is None and self.folder and own_samples.has_only_vectors(self.folder, self.params):
            return own_samples.of_vectors(self.folder, self.params, n), None
        chosen = self.dataset(data, data_dir=data_dir)
        return self._inputs(chosen, n), chosen.labels[:n]

    def _vectors_or(self, data: "Data | None", n: int, data_dir: Path | None) -> NDArray[np.uint8]:
        """Inputs of the model's vectors if they are enough, and nothing else is said."""
        if data is None and self.folder and self.folder.vectors_path.is_file():
            vectors = self.folder.vectors(self.params)
            if n <= len(vectors.labels):
                return vectors.inputs[:n]
        return self._samples(data, n, data_dir)[0]
