"""Pictures of a report, as SVG text that stands alone in a page."""

import io
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hwgen.network.spikes import fire
from hwgen.onchip.checkpoint import CurvePoint
from hwgen.report import curves

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BLUE, ORANGE, GREY = "#2b6cb0", "#dd6b20", "#718096"
_HEADER = re.compile(r"^.*?(?=<svg)", re.DOTALL)


def _figure(width: float, height: float) -> "Figure":
    return curves.new_figure(width, height, what="the report")


def _svg(figure: "Figure", label: str) -> str:
    """`label` says in words what is seen, and makes the names inside the picture its own."""
    import matplotlib

    text = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": label, "font.size": 9, "svg.fonttype": "none"}):
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None})
    svg = _HEADER.sub("", text.getvalue(), count=1)
    return svg.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1)


def confusion(counts: Sequence[Sequence[int]]) -> str:
    """Rows are labels, columns decisions; colours are of each row's share, on a root scale."""
    table = np.array(counts, float)
    share = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    n = len(table)
    figure = _figure(min(7.5, 1.6 + 0.5 * n), min(7, 1.2 + 0.42 * n))
    axes = figure.subplots()
    axes.pcolormesh(np.sqrt(share), cmap="Blues", vmin=0, vmax=1, edgecolors="white", linewidth=1)
    axes.invert_yaxis()
    axes.set(xlabel="decision", ylabel="label", xticks=[], yticks=[])
    axes.set_xticks(np.arange(n) + 0.5, [str(i) for i in range(n)])
    axes.set_yticks(np.arange(n) + 0.5, [str(i) for i in range(n)])
    axes.tick_params(length=0)
    if n <= 20:
        for (row, column), count in np.ndenumerate(table):
            if count:
                colour = "white" if share[row, column] > 0.4 else "black"
                axes.text(
                    column + 0.5,
                    row + 0.5,
                    f"{count:.0f}",
                    ha="center",
                    va="center",
                    fontsize=7.5,
                    color=colour,
                )
    for side in axes.spines.values():
        side.set_visible(False)
    return _svg(figure, "Confusion matrix")


def raster(
    image: NDArray[np.uint8],
    layers: Sequence[NDArray[np.uint8]],
    names: Sequence[str],
    n_steps: int,
) -> str:
    """An image [height, width], and when each neuron of each layer has fired: spike times [n], or
    spikes [n_steps, n]."""
    sizes = np.sqrt([spikes.shape[-1] for spikes in layers])
    shares = sizes.clip(sizes.max() / 4)
    figure = _figure(8.2, 3.2 + 0.3 * len(layers))
    grid = figure.add_gridspec(len(layers), 2, width_ratios=(1, 2.4), height_ratios=shares)
    shown = figure.add_subplot(grid[:, 0])
    shown.imshow(image, cmap="gray", interpolation="nearest")
    shown.set(xticks=[], yticks=[], title="the image")
    axes = None
    for row, (spikes, name) in enumerate(zip(layers, names, strict=True)):
        axes = figure.add_subplot(grid[row, 1], sharex=axes)
        steps, fired = np.nonzero([fire(spikes, step) for step in range(n_steps)])
        n = spikes.shape[-1]
        axes.scatter(steps, fired, s=30 if n <= 40 else 2.5, marker="s", color=BLUE)
        axes.set(xlim=(-0.5, n_steps - 0.5), ylim=(-1, n), yticks=[0, n - 1])
        axes.set_ylabel(name, rotation=0, ha="right", va="center")
        axes.grid(axis="x", color="#e2e8f0", linewidth=0.6)
        axes.set_xticks(range(0, n_steps, 1 + n_steps // 20))
        axes.tick_params(labelbottom=row == len(layers) - 1)
    assert axes is not None
    axes.set_xlabel("step")
    return _svg(figure, "Spikes of a sample")


def steps(counts: Sequence[int]) -> str:
    """How many samples were decided in each step; the last: by the potential, in the end."""
    *by_spike, in_the_end = counts
    figure = _figure(5.2, 2.6)
    axes = figure.subplots()
    axes.bar(range(len(by_spike)), by_spike, color=BLUE, label="by a spike")
    axes.bar([len(by_spike)], [in_the_end], color=GREY, label="by the potential")
    shown = range(0, len(by_spike), 1 + len(by_spike) // 12)
    axes.set_xticks([*shown, len(by_spike) + 0.3], [*map(str, shown), "end"])
    axes.set(xlabel="step of the decision", ylabel="samples")
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    return _svg(figure, "Steps of decisions")


def cycles(values: Sequence[int]) -> str:
    """Clock cycles from the first event of a sample to its decision."""
    figure = _figure(5.2, 2.6)
    axes = figure.subplots()
    axes.hist(values, bins=min(40, max(5, len(values) // 4)), color=ORANGE)
    axes.set(xlabel="clock cycles to the decision", ylabel="samples", xlim=(0, None))
    axes.spines[["top", "right"]].set_visible(False)
    return _svg(figure, "Clock cycles to the decision")


def curve(name: str, points: Sequence[CurvePoint]) -> str:
    """What was wrong of the test set, over the samples learnt."""
    figure = _figure(6, 3.6)
    curves.plot(figure.subplots(), {name: points})
    return _svg(figure, "Learning curve")
