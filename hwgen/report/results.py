"""Results on record beside a model: `results.json`."""

import json
import statistics
from pathlib import Path
from typing import Any

from hwgen.build.synthesis import SynthResult
from hwgen.data.for_network import check_recordable
from hwgen.errors import ResultsError
from hwgen.evaluation.accuracy import Evaluation
from hwgen.files import exclusive, reason, write_atomic
from hwgen.model.folder import PARAMS_NAME, ModelFolder
from hwgen.network.params import Params
from hwgen.protocol.words import VERSION
from hwgen.reading import regular
from hwgen.report.card import lanes_text, render
from hwgen.verification.result import EqualityResult

RESULTS = "results.json"
_COSIM_KEPT = (
    *("digest", "simulator", "lanes", "n_samples", "n_compared", "n_mismatches"),
    *("cycles_per_sample", "latency_cycles"),
)
_VERIFY_KEPT = (
    *("digest", "lanes", "early_exit", "n_samples", "n_correct", "n_compared", "n_mismatches"),
    *("n_undecided", "cycles_per_sample", "latency_mean", "latency_worst"),
)


def record(
    folder: ModelFolder,
    result: Evaluation | EqualityResult | SynthResult,
) -> None:
    """Add a result to the model's `results.json` and write its card anew.

    Results of other params than those in the folder are dropped: they say nothing about these.
    Raises `DataError` if it is an accuracy, but not of the model's own test set; `ResultsError` if
    the result is of other params than the folder holds now, or of a file that has no card.
    """
    with exclusive(folder.path, wait=True):  # another run may add to the same file
        params = _own(folder, result.digest)
        if isinstance(result, Evaluation):
            check_recordable(params, result)
        path = folder.path / RESULTS
        kept = of(folder, params)
        if isinstance(result, Evaluation):
            kept["evaluation"] = result.to_json()
        elif isinstance(result, EqualityResult):
            name, entry = _equality(result)
            kept[name] = entry
        else:
            kept[f"synth {result.board}"] = _synth(result)
        try:
            text = render(params, kept)
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            raise ResultsError(
                f"{path}: damaged ({type(error).__name__}: {reason(error)}): the card cannot be "
                "written; remove it, and record again"
            ) from None
        write_atomic(path, json.dumps(kept, indent=1, sort_keys=True) + "\n")
        write_atomic(folder.card_path, text)


def write_card(folder: ModelFolder) -> None:
    """Write the model's card anew, of what is on record. Raises `ParamsError`."""
    with exclusive(folder.path, wait=True):
        params = folder.params()
        write_atomic(folder.card_path, render(params, of(folder, params)))


def _own(folder: ModelFolder, digest: str) -> Params:
    """The params whose card the folder has. Raises `ResultsError` if `digest` is of others."""
    require_card(folder)
    params = folder.params()
    if params.digest != digest:
        raise ResultsError(
            f"{folder.params_path}: holds {params.digest[:16]} now, but the result is of "
            f"{digest[:16]}: the file was replaced meanwhile; nothing is recorded, run it again"
        )
    return params


def require_card(folder: ModelFolder) -> None:
    """Raise `ResultsError` if the folder's card is of another parameter file."""
    if not folder.has_card:
        raise ResultsError(
            f"{folder.params_path}: --record is refused: the card is of the folder's "
            f"{PARAMS_NAME}; leave --record out"
        )


def of(folder: ModelFolder, params: Params) -> dict[str, Any]:
    """What is on record of these params in their folder, by kind and lanes, or board."""
    return {key: x for key, x in _read(folder.path / RESULTS).items() if _is_of(x, params)}


def _is_of(entry: Any, params: Params) -> bool:
    return isinstance(entry, dict) and entry.get("digest") == params.digest


def _read(path: Path) -> dict[str, Any]:
    try:
        table = json.loads(regular(path).read_text())
    except (OSError, ValueError, RecursionError):  # absent or damaged: it is made anew
        return {}
    return table if isinstance(table, dict) else {}


def _equality(result: EqualityResult) -> tuple[str, dict[str, Any]]:
    """What is kept of a comparison with golden, and its key: kind, lanes, how."""
    told, lanes = result.to_json(), lanes_text(result.lanes)
    early_exit, stall = result.options.early_exit, result.options.stall
    mode = ", early exit" * early_exit + f", stall {stall:g}" * (stall > 0)
    if result.learning:
        kept = {name: told[name] for name in told if name not in ("mismatch", "seconds")}
        return f"learning {result.backend} {lanes}{mode}", kept
    if result.backend == "cxxrtl":
        return f"verify {lanes}{mode}", {name: told[name] for name in _VERIFY_KEPT}
    cycles = result.latency_cycles
    figures = {
        "cycles_mean": statistics.mean(cycles) if cycles else None,
        "cycles_worst": max(cycles, default=None),
    }
    return f"cosim {lanes}", {name: told[name] for name in _COSIM_KEPT} | figures


def _synth(result: SynthResult) -> dict[str, Any]:
    return {
        "digest": result.digest,
        "part": result.part,
        "lanes": result.lanes,
        "luts": result.luts.used,
        "ffs": result.ffs.used,
        "brams": result.brams.used,
        "brams_capacity": result.brams.capacity,
        "luts_capacity": result.luts.capacity,
        "sprams": result.sprams.used,
        "dsps": result.dsps.used,
        "fmax_hz": result.fmax_hz,
        "clock_hz": result.clock_hz,
        "protocol": VERSION,
    }
