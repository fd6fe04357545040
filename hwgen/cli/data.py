"""The verb `data`: a look at data of one's own."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from hwgen.cli import options as shared
from hwgen.cli.console import facts, out
from hwgen.cli.verb import Answer, verb
from hwgen.errors import HwgenError
from hwgen.files import write_atomic

if TYPE_CHECKING:
    from hwgen.data.own import Own


@dataclass(frozen=True, kw_only=True)
class DataOptions:
    path: Annotated[Path, typer.Argument(help="A folder, a .npz, or the beginning of IDX names.")]
    height: Annotated[int, typer.Option(help="Scale pictures to it; with --width.")] = 0
    width: Annotated[int, typer.Option(help="Scale pictures to it; with --height.")] = 0
    colour: Annotated[bool, typer.Option("--colour", help="Red, green and blue.")] = False
    sheet: Annotated[
        Path | None, typer.Option(help="Write a picture of some samples of each class.")
    ] = None
    seed: shared.Seed = 0
    json: shared.Json = False


@verb
def data(options: DataOptions) -> Answer:
    """Look at your own data: classes, sizes, values, parts, and what a recipe says of them.

    Example: `hwgen data photos --height 28 --width 28 --sheet photos.png`
    """
    from hwgen.data import own

    if bool(options.height) != bool(options.width):
        raise HwgenError("--height and --width go together: give both or none")
    shared.output(options.sheet)
    size = (options.height, options.width) if options.height else None
    whole = own.load(options.path, size=size, colour=options.colour)
    if options.sheet:
        from io import BytesIO

        from hwgen.data.contact_sheet import contact_sheet

        buffer = BytesIO()
        contact_sheet(whole, seed=options.seed).save(buffer, "png")
        write_atomic(options.sheet, buffer.getvalue())
    table = _summary(options, whole)
    return Answer(json=table, print_result=lambda: _print_result(options, table))


def _summary(options: DataOptions, whole: "Own") -> dict[str, Any]:
    counts = np.bincount(whole.labels, minlength=len(whole.classes)).tolist()
    height, width, *colours = whole.images.shape[1:]
    return {
        "path": str(options.path),
        "n": len(whole.labels),
        "classes": dict(zip(whole.classes, counts, strict=True)),
        "height": height,
        "width": width,
        "channels": sum(colours) or 1,
        "least": int(whole.images.min()),
        "most": int(whole.images.max()),
        "n_test": None if whole.is_test is None else int(whole.is_test.sum()),
        "digest": whole.digest,
    }


def _print_result(options: DataOptions, table: dict[str, Any]) -> None:
    counts = table["classes"].items()
    parts = f"{table['n_test']} in its own test part"
    if table["n_test"] is None:
        parts = "no test part: a fifth of each class is drawn by the recipe's seed"
    facts(
        str(options.path),
        [
            ("images", f"{table['n']}, {table['height']}x{table['width']}x{table['channels']}"),
            ("values", f"{table['least']}..{table['most']} of 0..255"),
            ("classes", f"{len(counts)}: " + ", ".join(f"{name} ({n})" for name, n in counts)),
            ("parts", parts),
            ("digest", table["digest"][:16]),
        ],
    )
    lines = ["[data]", f'path = "{options.path}"']
    if options.height:
        lines += [f"height = {options.height}", f"width = {options.width}"]
    lines += ["colour = true"] * options.colour
    out.print("in a recipe:\n\n" + "\n".join(lines), markup=False)
    if options.sheet:
        out.print(f"\nsamples: {options.sheet}", markup=False)
