"""The whole road once, on the embedded digits: recipe to bitstream, every rung compared."""

import statistics
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hwgen.boards import board as board_module
from hwgen.build import synthesis
from hwgen.build.synthesis import SynthResult
from hwgen.data.for_network import data_of
from hwgen.data.inputs import encoded
from hwgen.estimate.design import for_board
from hwgen.files import exclusive, short, write_atomic
from hwgen.flows import train
from hwgen.flows.train import TrainResult
from hwgen.hdl.verilog import to_verilog
from hwgen.model import folder as model_folder
from hwgen.model.folder import ModelFolder
from hwgen.progress import SILENT, Reporter
from hwgen.report import results
from hwgen.verification import cosim
from hwgen.verification.job import Job
from hwgen.verification.passes import stalled_then_fast
from hwgen.verification.result import EqualityResult

RECIPE, BOARD = "digits", "icebreaker"
PARTS = ("train, SSTDP", train.TEST, "cosim, icarus", "synth")  # as a `Reporter` hears them
N_STALLED = 60  # samples also run with stalls; the whole test set runs at full speed


@dataclass(frozen=True, kw_only=True)
class DemoResult:
    """Results of the four steps. `rtl_accuracy` is that of the simulated Verilog's decisions."""

    training: TrainResult
    verilog: Path
    cosim: EqualityResult
    rtl_accuracy: float
    synth: SynthResult

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"cosim": self.cosim.to_json(), "synth": self.synth.to_json()}

    def rows(self) -> list[tuple[str, str]]:
        """The closing table."""
        accuracy, cycles = self.training.accuracy, self.cosim.latency_cycles
        n = self.training.evaluation.n_images
        return [
            ("accuracy, float weights", f"{100 * accuracy['float, test']:.2f} %"),
            ("accuracy, fake-quantized", f"{100 * accuracy['fake-quantized, test']:.2f} %"),
            ("accuracy, golden integers", f"{100 * accuracy['golden, test']:.2f} %"),
            ("accuracy, Verilog", f"{100 * self.rtl_accuracy:.2f} % of {n} test images"),
            (
                "mismatches golden / Verilog",
                f"{self.cosim.n_mismatches} of {self.cosim.n_compared} compared",
            ),
            (
                "cycles to decision",
                f"mean {statistics.mean(cycles):.0f}, worst {max(cycles)}",
            ),
            ("LUT", str(self.synth.luts)),
            ("BRAM", str(self.synth.brams)),
            ("Fmax", f"{self.synth.fmax_hz / 1e6:.1f} MHz (clock {self.synth.clock_hz / 1e6:g})"),
            ("Verilog", str(self.verilog)),
            ("bitstream", str(short(self.synth.bitstream))),
            ("model card", str(self.training.folder / "card.md")),
        ]


def run(out: Path, *, overwrite: bool = False, reporter: Reporter = SILENT) -> DemoResult:
    """Train, write Verilog, co-simulate the whole test set, place and route; all below `out`.

    overwrite: as of `hwgen.flows.train.train`. reporter: told each of `PARTS`, and what is done in
    it. Raises `HwgenError` if another run is at work in `out`.
    """
    with exclusive(out):
        return _run(out, overwrite, reporter)


def _run(out: Path, overwrite: bool, reporter: Reporter) -> DemoResult:
    training, _, cosimulation, synth = PARTS
    reporter.phase(training)
    folder = ModelFolder(out / "model")
    recipe = model_folder.find_recipe(RECIPE)
    trained = train.train(recipe, folder.path, overwrite=overwrite, reporter=reporter)
    params = folder.params()
    target = board_module.load(BOARD)
    design = for_board(params, target)
    verilog = out / "hwgen_core.v"
    write_atomic(verilog, to_verilog(design))
    test = data_of(params, "test")
    job = Job(
        design=design.in_memory_blocks(),
        inputs=encoded(test, params.spec),
        build_dir=out / "cosim",
        passes=stalled_then_fast(0.2, n_stalled=N_STALLED),
    )
    reporter.phase(cosimulation)
    compared = cosim.run(job, reporter=reporter)
    compared.check()
    results.record(folder, compared)
    reporter.phase(synth)
    built = synthesis.build(
        design,
        target,
        build_dir=out / "synth",
        early_exit=True,
        reporter=reporter,
    )
    results.record(folder, built)
    n_right = int((test.labels == compared.decisions).sum())
    return DemoResult(
        training=trained,
        verilog=verilog,
        cosim=compared,
        rtl_accuracy=n_right / len(test),
        synth=built,
    )
