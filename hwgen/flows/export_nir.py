"""From a model to a NIR file for a framework, golden's spikes beside it, and the verdict."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hwgen.errors import NirError
from hwgen.files import write_atomic
from hwgen.golden import Golden
from hwgen.model.folder import ModelFolder
from hwgen.network.layers.neurons import Lif
from hwgen.network.params import Params
from hwgen.nir import dialects, export, reading, samples, verdict
from hwgen.nir.export import RULES, Target
from hwgen.nir.samples import Samples
from hwgen.nir.verdict import Verdict
from hwgen.progress import SILENT, Reporter

_N_RANDOM = 16


@dataclass(frozen=True, kw_only=True)
class ExportResult:
    """What came out. warnings: what a framework will do otherwise. verdict: the rule of the
    framework on the written graph, beside golden; None of neurons that fire once."""

    path: Path
    data_path: Path
    warnings: tuple[str, ...]
    verdict: Verdict | None

    def to_json(self) -> dict[str, Any]:
        """A table of plain values."""
        told = self.verdict.to_json() if self.verdict else None
        return asdict(self) | {"verdict": told}


def export_nir(
    folder: ModelFolder,
    path: Path,
    target: Target,
    *,
    lossy: bool = False,
    seed: int = 0,
    reporter: Reporter = SILENT,
) -> ExportResult:
    """Write `path` and, beside it, NAME.spikes.nir.

    lossy: even if the framework's spikes will be others. seed: of random samples, of a model
    without vectors. Raises `NirError` with the reasons if the framework cannot be this network.
    """
    params = folder.params()
    found = export.objections(params, target)
    if found.lossy and not lossy:
        raise NirError(
            f"{params.name}: {target} cannot be this network: {'; also '.join(found.lossy)}; "
            "--lossy writes it nevertheless"
        )
    graph = export.to_graph(params, target)
    given = _samples(folder, params, seed)
    trace = Golden(params).run(given.inputs)
    told = None
    if params.spec.multi_spike:
        nodes = reading.from_nir(graph)
        neurons = [layer.neuron for layer in params.spec.weighted]
        resets = [neuron.reset for neuron in neurons if isinstance(neuron, Lif)]
        rule = dialects.rule(RULES[target], reset=resets[0] if resets else "zero")
        told, _ = verdict.compare(params, nodes, rule, given, reporter)
    data_path = path.with_name(f"{path.stem}.spikes{path.suffix or '.nir'}")
    write_atomic(path, export.file_of(graph))
    if params.spec.multi_spike:
        data = export.to_data(params, given.inputs, list(trace.spike_times))
        write_atomic(data_path, export.file_of(data))
    return ExportResult(
        path=path,
        data_path=data_path,
        warnings=(*found.lossy, *found.rounded),
        verdict=told,
    )


def _samples(folder: ModelFolder, params: Params, seed: int) -> Samples:
    """The model's vectors; of one without, random ones."""
    if folder.vectors_path.is_file():
        vectors = folder.vectors(params)
        return Samples(source="the model's vectors", inputs=vectors.inputs)
    return samples.random(params.spec.input, params.spec.n_steps, _N_RANDOM, seed)
