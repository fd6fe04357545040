"""What `hwgen cosim` and `hwgen verify` say of a core with a fault."""

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from planting import Mutant, Network, PlantingError, network, text_of

from hwgen.errors import ToolError
from hwgen.network.design import Design
from hwgen.toolchain import cxxrtl
from hwgen.verification import cosim, verify
from hwgen.verification.job import Job
from hwgen.verification.mismatch import Mismatch
from hwgen.verification.passes import Pass, learning_passes, stalled_then_fast

STALL = 0.2
BURSTS = Pass(stall=0.02, stall_burst=300)
N_FEW = 60  # samples in a simulator, and training samples


@dataclass(frozen=True)
class Verdict:
    """`found` says what differs and where; empty: nothing does. `error`: that is no verdict."""

    found: str = ""
    error: str = ""

    def __str__(self) -> str:
        return self.error or self.found or "nothing found"


@dataclass(frozen=True)
class Outcome:
    mutant: Mutant
    cosim: Verdict
    verify: Verdict
    seconds: float

    @property
    def ok(self) -> bool:
        """Both say what is expected, and neither stumbles."""
        both = (self.cosim, self.verify)
        caught = self.mutant.expected == "caught"
        return all(bool(one.found) == caught and not one.error for one in both)

    @property
    def message(self) -> str:
        return (
            f"{self.mutant.name}: expected to be {self.mutant.expected}\n"
            f"    cosim: {self.cosim}\n    verify: {self.verify}"
        )


def judge(mutant: Mutant, folder: Path) -> Outcome:
    """`folder` keeps compiled cores; what else is written there is removed."""
    started = time.monotonic()
    try:
        text = text_of(mutant)
    except PlantingError as error:
        nothing = Verdict(error=str(error))
        return Outcome(mutant, nothing, nothing, time.monotonic() - started)
    net = network(mutant.net)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as work:
        simulated = _simulated(net, text, Path(work) / "cosim")
        compiled = _compiled(net, text, Path(work) / "verify", folder / "cxxrtl")
    return Outcome(mutant, simulated, compiled, time.monotonic() - started)


def _inference(
    net: Network, text: str, build_dir: Path, passes: tuple[Pass, ...], n: int | None = None
) -> Job:
    return Job(
        design=Design(net.params, net.lanes),
        inputs=net.inputs[:n],
        build_dir=build_dir,
        passes=passes,
        verilog=text,
    )


def _training_samples(net: Network, text: str, build_dir: Path) -> Job:
    design, samples = Design(net.params, net.lanes), net.training_samples(N_FEW)
    return Job(
        design=design.all_loaded() if net.spram else design,
        inputs=samples.inputs,
        build_dir=build_dir,
        labels=samples.labels,
        passes=learning_passes(STALL),
        verilog=text,
    )


def _simulated(net: Network, text: str, build_dir: Path) -> Verdict:
    if net.params.spec.learning:
        job = _training_samples(net, text, build_dir)
    else:
        job = _inference(net, text, build_dir, stalled_then_fast(STALL), n=N_FEW)
    with mock.patch.object(cosim, "simulate", _without_pictures):
        try:
            return _verdict(cosim.run(job).mismatch)
        except ToolError as error:
            return Verdict(error=str(error))


_simulate = cosim.simulate


def _without_pictures(*arguments: Any, waves: bool = False, **options: Any) -> Any:
    """A mismatch is not simulated once more to record a waveform: that decides nothing."""
    if waves:
        raise ToolError("no waveform")
    return _simulate(*arguments, **options)


def _compiled(net: Network, text: str, build_dir: Path, cache: Path) -> Verdict:
    """With stalls; with long ones; then, as cosim does, with early exit and without stalls."""
    # For so few cycles a compiler that does not optimise is faster.
    flags = tuple(flag.replace("-O3", "-O0") for flag in cxxrtl._FLAGS)
    with (
        mock.patch.object(cxxrtl, "_user_cache", return_value=cache),
        mock.patch.object(cxxrtl, "_FLAGS", flags),
    ):
        try:
            if net.params.spec.learning:
                return _verdict(verify.run(_training_samples(net, text, build_dir)).mismatch)
            for one in (Pass(stall=STALL), BURSTS, Pass(early_exit=True)):
                result = verify.run(_inference(net, text, build_dir, (one,)), n_processes=1)
                if result.mismatch:
                    break
            return _verdict(result.mismatch)
        except ToolError as error:
            return Verdict(error=str(error))


def _verdict(mismatch: Mismatch | None) -> Verdict:
    return Verdict(found=str(mismatch).partition(", waveform")[0] if mismatch else "")
