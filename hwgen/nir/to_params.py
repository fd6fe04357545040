"""From a file to params: what was asked, what was assumed, and what was lost on the way."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwgen.errors import NirError, ParamsError
from hwgen.network.change import Change
from hwgen.network.layers.kinds import LayerSpec
from hwgen.network.layers.pool2d import PoolSpec
from hwgen.network.params import Params
from hwgen.network.spec import InputSpec, NetworkSpec, Readout
from hwgen.nir import chain, dialects, quantise, samples
from hwgen.nir.chain import Given, PoolLayer
from hwgen.nir.dialects import Rule
from hwgen.nir.graph import Node
from hwgen.nir.quantise import Place, Wanted


@dataclass(frozen=True, kw_only=True)
class Made:
    """Params of a file. assumed: lines that no file says; changes: what integers changed."""

    params: Params
    assumed: tuple[str, ...]
    changes: tuple[Change, ...]


def to_params(
    nodes: Sequence[Node], rule: Rule, given: InputSpec, n_steps: int, name: str, wanted: Wanted
) -> Made:
    """Params of the nodes from Input to Output. Raises `NirError` if no core can be that network.

    given: how samples become the spikes of its input. n_steps: of a sample.
    """
    scale = samples.scale(given)
    found = chain.layers(nodes, rule, Given(given.post, scale))
    specs: list[LayerSpec] = []
    weights: list[NDArray[np.int8]] = []
    thresholds: list[NDArray[np.int32]] = []
    biases: list[NDArray[np.int32]] = []
    changes: list[Change] = []
    nothing = np.zeros(0, np.int32)
    for index, real in enumerate(found):
        if isinstance(real, PoolLayer):
            specs.append(PoolSpec(**real.pre._asdict(), size=real.size))
            weights.append(np.zeros(0, np.int8))
            thresholds.append(nothing)
            biases.append(nothing)
            continue
        is_last, where = index == len(found) - 1, f"layer {index}"
        planes = given.n_planes if given.encoding == "direct" and index == 0 else 0
        place = Place(where=where, is_last=is_last, input_bits=planes)
        made = quantise.layer(real, rule, n_steps, wanted, place)
        specs.append(made.spec)
        weights.append(made.weights)
        thresholds.append(made.thresholds)
        biases.append(made.biases)
        changes += made.changes
    last = found[-1]
    fires = isinstance(last, PoolLayer) or last.thresholds is not None
    readout: Readout = "spike_count" if fires else "potential"
    spec = NetworkSpec(n_steps=n_steps, input=given, layers=tuple(specs), readout=readout)
    params = Params(
        name=name,
        spec=spec,
        weights=tuple(weights),
        thresholds=tuple(thresholds),
        biases=tuple(biases),
    )
    try:
        params.check(name)
    except ParamsError as error:
        raise NirError(f"no core can be this network: {error}") from None
    return Made(params=params, assumed=tuple(_assumed(rule, params)), changes=tuple(changes))


def _assumed(rule: Rule, params: Params) -> Iterator[str]:
    """What was said by the user, or by a row of the table, in a line each."""
    dialect = rule.dialect
    yield f"a neuron is {dialect.title}'s, with a step of {rule.dt:g} s"
    sign = ">=" if dialect.fires == "at" else ">"
    how = "to where it rests" if rule.reset == "zero" else "by subtraction of the threshold"
    when = ", after the leak" if rule.reset == "subtract" and dialect.order != "reset, leak" else ""
    yield f"it fires where its potential is {sign} v_threshold; then it is reset {how}{when}"
    given = params.spec.input
    yield (
        f"a sample has {params.spec.n_steps} steps of {given.post} inputs (height x width x "
        f"channels), encoding {given.encoding}; readout {params.spec.readout}"
    )


def missing(nodes: Sequence[Node], asked: Mapping[str, object]) -> str:
    """What no file says, and the user must: a clause; "" if all is said.

    asked: options and what they hold; None is not said.
    """
    row = dialects.DIALECTS.get(str(asked.get("--from")))
    lacking = [
        name
        for name, value in asked.items()
        if value is None and (name != "--reset" or (row and row.reset is None))
    ]
    if not lacking:
        return ""
    told = f"{', '.join(lacking)}: NIR does not say it, and hwgen does not guess"
    if "--from" in lacking:
        looks = dialects.guess(nodes)
        told += f"; --from is one of {', '.join(dialects.DIALECTS)}"
        told += f"; the numbers look like {looks}" if looks else ""
    if "--reset" in lacking and row:
        told += f"; {row.title} writes v_reset 0 for subtract, which is its default, and for zero"
    return told
