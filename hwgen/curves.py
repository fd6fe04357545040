"""Pictures of learning curves."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from hwgen.errors import ToolError
from hwgen.files import write_atomic
from hwgen.halfway import Point


def draw(
    curves: Mapping[str, Sequence[Point]], path: Path, title: str = "", *, part: str = "test"
) -> None:
    """Accuracy over samples learnt, a line for each name; the same SVG each time. `part`: of the
    data set that it was measured on."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ToolError(f"no matplotlib to draw {path} ({error}); pip install matplotlib") from None
    import matplotlib

    with matplotlib.rc_context({"svg.hashsalt": "hwgen", "font.size": 9}):
        figure = Figure(figsize=(6, 3.6), layout="constrained")
        axes = figure.subplots()
        for name, curve in curves.items():
            samples = [point.n_learnt for point in curve]
            accuracy = [100 * point.test_accuracy for point in curve]
            axes.plot(samples, accuracy, marker=".", label=f"{name}: {accuracy[-1]:.2f} %")
        axes.set_xlabel("samples learnt")
        axes.set_ylabel(f"{part} accuracy, %")
        axes.set_title(title)
        axes.grid(alpha=0.3)
        axes.legend(loc="lower right")
        image = io.BytesIO()
        figure.savefig(image, format=path.suffix[1:], metadata={"Date": None})
    write_atomic(path, image.getvalue())
