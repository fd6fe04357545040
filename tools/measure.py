"""Figures of the code itself: sizes, parameters, docstrings, comments, modules at the root.

    python tools/measure.py [FOLDER]

Prints a table, and what is over the limits of docs/architecture.md; exit code 1 if anything is.
"""

import ast
import io
import sys
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MAX_LINES, MAX_FUNCTION, MAX_PARAMETERS, MAX_AT_ROOT = 400, 60, 8, 8
MIN_DOCSTRINGS, MIN_COMMENTS = 15.0, 2.0  # percent of lines


@dataclass
class Function:
    where: str
    n_lines: int
    n_parameters: int  # without self and cls


def functions(path: Path, tree: ast.AST, comments: list[int]) -> Iterator[Function]:
    """All functions and methods of a file, nested ones, too; `comments`: numbers of such lines."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            named = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            own = [a for a in named if a.arg not in ("self", "cls")]
            extra = bool(node.args.vararg) + bool(node.args.kwarg)
            n_lines = (node.end_lineno or node.lineno) - node.lineno + 1
            # Comments cost no length: else they would be the first to go.
            n_lines -= sum(node.lineno <= n <= (node.end_lineno or 0) for n in comments)
            yield Function(f"{path}:{node.lineno} {node.name}", n_lines, len(own) + extra)


def docstring_lines(tree: ast.AST) -> int:
    """Lines of docstrings of modules, classes and functions."""
    n = 0
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            value = first.value if isinstance(first, ast.Expr) else None
            if first and isinstance(value, ast.Constant) and isinstance(value.value, str):
                n += (first.end_lineno or first.lineno) - first.lineno + 1
    return n


def comment_lines(text: str) -> list[int]:
    """Numbers of lines that are a comment and nothing else."""
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    found = (t for t in tokens if t.type == tokenize.COMMENT and t.line.lstrip().startswith("#"))
    return [token.start[0] for token in found]


def main() -> int:
    root = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[1] / "hwgen")
    sizes, found, n_doc, n_comment = [], [], 0, 0
    over: list[str] = []
    for path in sorted(root.rglob("*.py")):
        text = path.read_text()
        tree = ast.parse(text)
        sizes.append(len(text.splitlines()))
        name = path.relative_to(root.parent)
        comments = comment_lines(text)
        found += functions(name, tree, comments)
        n_doc += docstring_lines(tree)
        n_comment += len(comments)
        if sizes[-1] > MAX_LINES:
            over.append(f"{name}: {sizes[-1]} lines")
    at_root = [p.stem for p in root.glob("*.py") if not p.stem.startswith("__")]
    over += [f"{f.where}: {f.n_lines} lines" for f in found if f.n_lines > MAX_FUNCTION]
    over += [
        f"{f.where}: {f.n_parameters} parameters" for f in found if f.n_parameters > MAX_PARAMETERS
    ]
    if len(at_root) > MAX_AT_ROOT:
        over.append(f"{len(at_root)} modules at the root")
    total = sum(sizes)
    doc, comment = 100 * n_doc / total, 100 * n_comment / total
    over += [f"docstrings are {doc:.1f} % of lines"] * (doc < MIN_DOCSTRINGS)
    over += [f"comments are on {comment:.1f} % of lines"] * (comment < MIN_COMMENTS)
    print(f"files                 {len(sizes)}, {total} lines, mean {total / len(sizes):.0f}")
    print(f"longest file          {max(sizes)} lines")
    print(f"functions             {len(found)}, longest {max(f.n_lines for f in found)} lines")
    print(f"most parameters       {max(f.n_parameters for f in found)}")
    print(f"docstrings, comments  {doc:.1f} %, {comment:.1f} % of lines")
    print(f"modules at the root   {len(at_root)}")
    print("\n".join(["over the limits:", *over] if over else ["nothing is over the limits"]))
    return int(bool(over))


if __name__ == "__main__":
    sys.exit(main())
