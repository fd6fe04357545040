"""Model cards: what was measured on a model, kept in `results.json` and shown in `card.md`."""

from collections.abc import Sequence
from typing import Any

import hwgen
from hwgen.evaluation.operations import RATE_CODE, multiply_accumulates
from hwgen.network.params import Params
from hwgen.nir.verdict import rows as verdict_rows

_ACCURACIES = (
    "float: shadow weights before rounding, which training does not aim at; fake-quantized: the "
    "integers, in torch; golden: the integers, in numpy, as the hardware computes them."
)


def render(params: Params, results: dict[str, Any]) -> str:
    """The card, in Markdown."""
    made = params.origin
    lines = [
        f"# {params.name}",
        "",
        made.get("description", ""),
        "",
        f"- network: {params.spec.shape}, weights {precision(params)}, "
        f"{params.spec.n_steps} steps, {params.spec.n_synapses} synapses",
        *_data(made),
        f"- params: `{params.digest}`",
        _origin(params),
    ]
    if made.get("accuracy"):
        lines += ["", "| accuracy | |", "|---|---|"]
        lines += [f"| {name} | {100 * v:.2f} % |" for name, v in made["accuracy"].items()]
    if made.get("accuracy") and "course" not in made:
        lines += ["", _ACCURACIES]
    if "nir" in made:
        lines += _import_lines(made["nir"])
    if evaluation := results.get("evaluation"):
        lines += _evaluation_lines(evaluation) + _work_lines(params, evaluation)
    simulated, verified, built = (_of(results, kind) for kind in ("cosim", "verify", "synth"))
    if simulated:
        lines += _cosim_lines(simulated)
    if verified:
        lines += _verify_lines(verified)
    learnt = _of(results, "learning")
    if learnt:
        lines += _learning_lines(learnt)
    if built:
        lines += _synth_lines(built, simulated) + _speed_of_learning(built, learnt)
    lines += ["", f"Written by hwgen {hwgen.__version__}; do not edit.", ""]
    return "\n".join(lines)


def precision(params: Params) -> str:
    """Of the weights of each layer that has some, in words."""
    bits = [layer.weight_bits for layer in params.spec.weighted]
    return " / ".join("binary" if n == 1 else f"{n} bits" for n in bits)


def _origin(params: Params) -> str:
    made = params.origin
    if "nir" in made:
        return f"- imported from `{made['nir']['file']}`, NIR of {made['nir']['from']}"
    if "course" not in made:
        minutes, device = made.get("training_s", 0) / 60, made.get("device")
        return f"- trained by: `hwgen train {params.name}` ({minutes:.0f} minutes on {device})"
    course, learning = made["course"], params.spec.learning
    how = ""
    if learning:
        how = (
            f", {'all layers' if learning.layers == 'all' else 'the last layer'}, "
            f"{learning.shadow_bits}-bit shadow weights, window {learning.window!r}"
        )
    return (
        f"- learnt on chip, in golden's integers: {course['n_samples']:,} samples of "
        f"{course['dataset']}, of which {course['n_updates']:,} changed a weight{how}; from "
        f"`{made['parent'][:16]}`"
    )


def _data(made: dict[str, Any]) -> list[str]:
    """Of an imported network nobody knows the seed, and maybe not the data."""
    name = made.get("data", {}).get("name")
    if "nir" not in made:
        return [f"- data: {name}, seed {made.get('seed')}"]
    return [f"- data: {name}"] if name else []


def _import_lines(made: dict[str, Any]) -> list[str]:
    """The verdict of an import, and what integers changed."""
    lines = [
        "",
        "## The same network?",
        "",
        f"The file's own rule, in float, beside golden, on {made['verdict']['source']}; spikes are "
        "compared step by step, neuron by neuron.",
        "",
        "| | |",
        "|---|---|",
    ]
    lines += [f"| {name} | {value} |" for name, value in verdict_rows(made["verdict"])]
    texts = [change.get("text") for change in made.get("changes", []) if isinstance(change, dict)]
    if texts:
        lines += ["", "What integers changed:", "", *(f"- {text}" for text in texts)]
    return lines


def _evaluation_lines(evaluation: dict[str, Any]) -> list[str]:
    return [
        "",
        f"Golden on the whole test set: {evaluation['n_correct']} of {evaluation['n_images']} "
        f"images right{_undecided(evaluation)}; "
        f"{100 * evaluation['decided_by_spike']:.2f} % decided by a spike, at step "
        f"{evaluation['decision_step']:.2f} on average, the others by the potential at the end. "
        f"{evaluation['n_input_spikes']:.1f} input spikes and {evaluation['n_spikes']:.1f} spikes "
        "an image.",
    ]


def _undecided(entry: dict[str, Any]) -> str:
    """What a card says of undecided samples, if there are any; older results do not know."""
    n = entry.get("n_undecided", 0)
    return f", {n} undecided" if n else ""


def _work_lines(params: Params, evaluation: dict[str, Any]) -> list[str]:
    if "n_synaptic_ops" not in evaluation:  # recorded by an older hwgen
        return []
    ours, rate = evaluation["n_synaptic_ops"], evaluation["n_rate_additions"]
    return [
        "",
        "## Work for an image",
        "",
        "| | mean over the test set |",
        "|---|---|",
        f"| synaptic additions | {ours:,.0f} |",
        *(
            [f"| additions of a rate code, {params.spec.n_steps} steps | {rate:,.0f} |"]
            if rate
            else []
        ),
        f"| multiply-accumulates of an artificial network of this shape "
        f"| {multiply_accumulates(params.spec):,} |",
        "",
        "Whole samples, without early exit." + (f" {RATE_CODE}" if rate else ""),
    ]


def _of(results: dict[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    """Results of a kind by lanes (cosim, verify) or board (synth)."""
    start = f"{kind} "
    return {
        key.removeprefix(start): results[key] for key in sorted(results) if key.startswith(start)
    }


def lanes_text(lanes: Sequence[int]) -> str:
    return ",".join(map(str, lanes))


def _cosim_lines(simulated: dict[str, dict[str, Any]]) -> list[str]:
    lines = [
        "",
        "## Equality",
        "",
        "Verilog against golden. Mean and worst: cycles from the first event of an image to its "
        "decision, in a stream without gaps, so that it waits for those before it. Back to back: "
        "cycles of the whole stream, an image.",
        "",
        "| lanes | simulator | images | compared | mismatches | mean | worst | back to back |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {lanes} | {r['simulator']} | {r['n_samples']} | {r['n_compared']:,} "
        f"| {r['n_mismatches']} | {r['cycles_mean']:,.0f} | {r['cycles_worst']:,} "
        f"| {r['cycles_per_sample']:,.0f} |"
        for lanes, r in simulated.items()
    ]
    return lines


def _verify_lines(verified: dict[str, dict[str, Any]]) -> list[str]:
    lines = [
        "",
        "## Equality over a whole set",
        "",
        "The Verilog, compiled, against golden: spikes, final potentials, decisions and counters; "
        "with early exit, up to the decisions. Right: of the core's decisions. Mean and worst: "
        "cycles from an image's first event to its decision. Back to back: cycles an image.",
        "",
        "| lanes | images | right | compared | mismatches | mean | worst | back to back |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {lanes} | {r['n_samples']} | {'-' if r['n_correct'] is None else r['n_correct']}"
        f"{_undecided(r)} "
        f"| {r['n_compared']:,} | {r['n_mismatches']} | {r['latency_mean']:,.0f} "
        f"| {r['latency_worst']:,} | {r['cycles_per_sample']:,.0f} |"
        for lanes, r in verified.items()
    ]
    return lines


def _learning_lines(learnt: dict[str, dict[str, Any]]) -> list[str]:
    lines = [
        "",
        "## Learning",
        "",
        "Verilog, learning samples of the training set, against golden: all weights that learn, "
        "spikes, final potentials, decisions, counters. Lessons: samples with a label; updates: "
        "lessons that wrote weights. Mean and worst: cycles from the end of a sample to the "
        "next token taken, of updates. Back to back: cycles a sample, learning.",
        "",
        "| bench, lanes | samples | lessons | updates | weights | compared | mismatches | mean "
        "| worst | weights a cycle | back to back |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {name} | {r['n_samples']} | {r['n_lessons']} | {r['n_updates']} | {r['n_shadows']} "
        f"| {r['n_compared']:,} | {r['n_mismatches']} | {r['update_cycles_mean']:,.0f} "
        f"| {r['update_cycles_worst']:,} | {r['weights_per_cycle']:.1f} "
        f"| {r['cycles_per_sample']:,.0f} |"
        for name, r in learnt.items()
    ]
    return lines


def _synth_lines(
    built: dict[str, dict[str, Any]], simulated: dict[str, dict[str, Any]]
) -> list[str]:
    lines = [
        "",
        "## Placed and routed",
        "",
        "With the serial link, by yosys and nextpnr; not tried on a board.",
        "",
        "| board | part | lanes | LUT | FF | BRAM | DSP | Fmax | images/s |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for board, r in built.items():
        lines.append(
            f"| {board} | {r['part']} | {lanes_text(r['lanes'])} "
            f"| {r['luts']} of {r['luts_capacity']} | {r['ffs']} "
            f"| {r['brams']} of {r['brams_capacity']} | {r['dsps']} "
            f"| {r['fmax_hz'] / 1e6:.1f} MHz | {_images_per_s(r, simulated)} |"
        )
    lines += ["", "images/s: Fmax over the cycles of an image, with early exit, back to back."]
    return lines


def _speed_of_learning(
    built: dict[str, dict[str, Any]], learnt: dict[str, dict[str, Any]]
) -> list[str]:
    """What the cycles of updates are at the routed clock, where both were measured."""
    lines = []
    for board, r in built.items():
        of_lanes = [x for x in learnt.values() if x["lanes"] == list(r["lanes"])]
        if of_lanes:
            x, mhz = of_lanes[0], r["fmax_hz"] / 1e6
            spram = f", weights in {r['sprams']} SPRAM blocks" if r["sprams"] else ""
            lines.append(
                f"- {board}{spram}: an update takes {x['update_cycles_mean'] / mhz:,.1f} us on "
                f"average at {mhz:.1f} MHz, {x['weights_per_cycle'] * mhz:,.1f} million weights/s"
            )
    return ["", "Learning at Fmax:", "", *lines] if lines else []


def _images_per_s(built: dict[str, Any], simulated: dict[str, dict[str, Any]]) -> str:
    """Known only for the lanes that were simulated."""
    cosim = simulated.get(lanes_text(built["lanes"]))
    return f"{built['fmax_hz'] / cosim['cycles_per_sample']:,.0f}" if cosim else "-"
