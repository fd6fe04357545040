"""Pictures of learning curves."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hwgen.errors import ToolError
from hwgen.files import write_atomic
from hwgen.onchip.checkpoint import CurvePoint

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LEAST = 0.01  # per cent; none at all is drawn here, where the axis can still show it
_TICKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 3, 5, 10, 20, 50, 100)


def draw(
    curves: Mapping[str, Sequence[CurvePoint]], path: Path, title: str = "", *, part: str = "test"
) -> None:
    """Errors over samples learnt, a line for each name; the same SVG each time. `part`: of the data
    set that they were measured on."""
    figure = new_figure(6, 3.6, what=str(path))
    import matplotlib

    with matplotlib.rc_context({"svg.hashsalt": "hwgen", "font.size": 9}):
        axes = figure.subplots()
        plot(axes, curves, part=part)
        axes.set_title(_plain(title))
        image = io.BytesIO()
        figure.savefig(image, format=path.suffix[1:], metadata={"Date": None})
    write_atomic(path, image.getvalue())


def _plain(name: str) -> str:
    """A name as matplotlib takes it for what it is: between two $ is a formula."""
    return name.replace("$", r"\$")


def new_figure(width: float, height: float, *, what: str) -> "Figure":
    """Of so many inches, to draw `what`. Raises `ToolError` without matplotlib."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ToolError(f"no matplotlib to draw {what} ({error}); pip install matplotlib") from None
    return Figure(figsize=(width, height), layout="constrained")


def plot(axes: "Axes", curves: Mapping[str, Sequence[CurvePoint]], *, part: str = "test") -> None:
    """Errors over samples learnt, a line for each name."""
    from matplotlib.ticker import NullLocator

    for name, curve in curves.items():
        samples = [point.n_learnt for point in curve]
        wrong = [max(_LEAST, 100 * (1 - point.test_accuracy)) for point in curve]
        accuracy = 100 * curve[-1].test_accuracy
        axes.plot(samples, wrong, marker=".", label=f"{_plain(name)}: {accuracy:.2f} % right")
    axes.set_xlabel("samples learnt")
    axes.set_ylabel(f"wrong, % of the {part} set")
    axes.set_yscale("log")
    low, high = axes.get_ylim()
    axes.set_yticks([tick for tick in _TICKS if low <= tick <= high])
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_locator(NullLocator())
    axes.grid(alpha=0.3)
    axes.legend(loc="upper right")
