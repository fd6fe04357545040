"""What a bench is asked to do: a design, samples, passes; as an object, and as a folder."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwgen.errors import ToolError
from hwgen.files import save_array, write_atomic
from hwgen.hdl.verilog import to_verilog
from hwgen.network import params_file
from hwgen.network.design import Design
from hwgen.network.params import Params
from hwgen.verification.passes import Pass


@dataclass(frozen=True, kw_only=True, eq=False)
class Job:
    """Samples for a core, each to be compared with golden.

    `inputs`: spike times uint8 [n, n_inputs], or, of a multi-spike network, spikes
    uint8 [n, n_steps, n_inputs]. `labels`: int64 [n], some of them `NO_LABEL`: for a core
    that learns, whose weights are compared, too; None: inference. `truths`: int [n], to count right
    decisions. `verilog` replaces the generated text (to plant a fault).

    Raises ValueError of labels for a core that cannot learn.
    """

    design: Design
    inputs: NDArray[np.uint8]
    build_dir: Path
    labels: NDArray[np.integer] | None = None
    truths: NDArray[np.integer] | None = None
    passes: tuple[Pass, ...] = (Pass(),)
    seed: int = 0
    verilog: str | None = None

    def __post_init__(self) -> None:
        n = len(self.inputs)
        object.__setattr__(self, "build_dir", self.build_dir.resolve())
        object.__setattr__(self, "passes", tuple(one.of(n) for one in self.passes))
        if self.learns and not self.design.learns:
            raise ValueError("labels are for a core with a learning unit")

    @property
    def params(self) -> Params:
        return self.design.params

    @property
    def learns(self) -> bool:
        """Whether the core trains on the samples."""
        return self.labels is not None

    @property
    def n_in_all(self) -> int:
        """Samples of all passes."""
        return sum(one.n_samples or 0 for one in self.passes)

    def require_samples(self, verb: str) -> None:
        """Raise `ToolError` if there is nothing to compare."""
        if not len(self.inputs):
            raise ToolError(
                f"{verb}: no samples given: nothing would be compared; give at least one"
            )

    def require_no_fill(self, verb: str) -> None:
        """Raise ValueError of inference in a core that waits for a host to fill it.

        The benches of the core itself fill one that is to learn, and no other.
        """
        if self.design.is_filled and not self.learns:
            raise ValueError(
                f"{verb}: layers {list(self.design.loaded_layers)!r} wait for a host to load their "
                "weights, which this bench does not do; give a design without loaded_layers"
            )

    def text(self) -> str:
        """The Verilog of the core; to generate it may take seconds."""
        return self.verilog or to_verilog(self.design)

    def write(
        self, text: str, *, library: Path | None = None, pins: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Write the folder: core.v, params.safetensors, inputs.npy, labels.npy, job.json.

        `text`: what is simulated, mostly that of `text`; `library`: what it was compiled to;
        `pins`: how a bench reaches a core that is not simulated by itself. Returns what is in
        job.json, which is the same only of the same job; its `id` is a sum of all that the job is.
        """
        labels = None if self.labels is None else np.asarray(self.labels, np.int64)
        job = {
            "library": str(library or ""),
            "digest": self.params.digest,
            "lanes": list(self.design.lanes),
            "filled": self.design.is_filled,
            "seed": self.seed,
            "passes": [asdict(one) for one in self.passes],
            "inputs": hashlib.sha256(self.inputs.tobytes()).hexdigest(),
        } | dict(pins or {})
        asked = json.dumps(job, sort_keys=True).encode() + text.encode()
        asked += b"" if labels is None else labels.tobytes()
        job["id"] = hashlib.sha256(asked).hexdigest()
        write_atomic(self.build_dir / "core.v", text)
        write_atomic(self.build_dir / "job.json", json.dumps(job))
        params_file.save(self.params, self.build_dir / "params.safetensors")
        save_array(self.build_dir / "inputs.npy", self.inputs)
        if labels is not None:
            save_array(self.build_dir / "labels.npy", labels)
        return job
