"""All that is needed to go on with a course of on-chip learning as if it had never stopped.

A parameter file of the weights so far; its provenance says how far the run is.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from hwgen.errors import DataError, ParamsError
from hwgen.files import reason, verify_checksum, with_checksum
from hwgen.network import params_file
from hwgen.network.params import Params

_KEY = "halfway"


@dataclass(frozen=True, kw_only=True)
class CurvePoint:
    """Of a learning curve. Accuracies are fractions."""

    n_learnt: int
    test_accuracy: float
    # Of the samples since the last point, each before it was learnt; None: there were none.
    online_accuracy: float | None
    n_updates: int  # samples that changed a weight, so far


@dataclass(frozen=True, kw_only=True)
class RunState:
    """`state` is that of the dither; `config` says which run it is."""

    params: Params
    state: int
    curve: tuple[CurvePoint, ...]
    seconds: float
    config: Mapping[str, Any]

    @property
    def n_learnt(self) -> int:
        """Samples learnt so far."""
        return self.curve[-1].n_learnt


def save(state: RunState, path: Path) -> None:
    """Write; the file appears whole or not at all.

    The file is a parameter file, with all this in its provenance, with a checksum.
    """
    kept = {
        "digest": state.params.digest,
        "state": state.state,
        "curve": [asdict(point) for point in state.curve],
        "seconds": state.seconds,
        "plan": dict(state.config),
    }
    provenance = dict(state.params.provenance) | {_KEY: with_checksum(kept)}
    params_file.save(replace(state.params, provenance=provenance), path)


def load(path: Path, config: Mapping[str, Any]) -> RunState | None:
    """None if there is no such file. Raises `DataError` if it is damaged or of another run.

    config: of the run that wants to go on.
    """
    if not path.exists():
        return None
    try:
        params = params_file.load(path)
        kept = verify_checksum(params.provenance.get(_KEY))
        if kept["digest"] != params.digest:
            raise ValueError("it is of other weights")
        found = RunState(
            params=params,
            state=int(kept["state"]),
            curve=tuple(CurvePoint(**point) for point in kept["curve"]),
            seconds=float(kept["seconds"]),
            config=kept["plan"],
        )
    except (ParamsError, KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{path}: not a whole checkpoint: {reason(error)}; delete it to start anew"
        ) from None
    if found.config != dict(config):
        differs = sorted(k for k in config if found.config.get(k) != config[k])
        raise DataError(
            f"{path}: of another learning run (other {', '.join(differs)}); delete it to start anew"
        )
    return found
