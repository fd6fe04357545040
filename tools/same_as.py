"""Shows that nothing observable has changed since another commit, however files have moved.

    python tools/same_as.py COMMIT [--models NAME,NAME] [--jobs 2]
    python tools/same_as.py COMMIT --write hashes.json
    python tools/same_as.py --against hashes.json

Makes, with the package of COMMIT (in a worktree) and with that of this tree, what users see of each
model that ships and of each network of the conformance kit, and compares sha256 of all of it:
digests, Verilog, designs for boards as far as synthesis, wrappers, vectors as read and as made
anew, cards, reports, predictions, help. Versions and paths are taken out before. Exit code 0: all
equal; 1: something differs, or is on one side only; 2: it could not be done.

Both sides run this file, by the same interpreter, and call the command line, which stays when
modules move. Two things no verb gives (cards, and vectors made anew): their functions are found by
the words of their definition, wherever they lie.
"""

import argparse
import contextlib
import hashlib
import importlib
import io
import json
import os
import re
import runpy
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
COMMON = "cli"  # what is of no model, among the models
VERBS = (
    *("demo", "train", "evaluate", "learn", "verilog", "cosim", "verify", "check", "build"),
    *("flash", "run", "report", "info", "models", "boards", "vectors"),
)
WRAPPED = (
    "digits-learn",
    "mnist-up5k",
    "dense-step",
    "learn-last",
)  # small, with and without learning
# Commands that fail at once in place of tools that take minutes: `hwgen build` has then written
# all that synthesis is given.
NO_TOOL = "false"
# Definitions of what no verb gives.
DEFINED = {
    "card": r"def (?P<name>render)\(params: Params, results",
    "results": r"def (?P<name>of)\(\s*folder: ModelFolder, params: Params",
    "vectors": r"def (?P<name>vectors)\(\s*params: Params, inputs",
    "learning": r"def (?P<name>lessons|learning_vectors)\(\s*params: Params, inputs",
    "folder": r"def (?P<name>find)\(name_or_path: str\) -> ModelFolder:\n    \"\"\"A model",
    "save": r"def (?P<name>save)\(vectors: Vectors, path",
    "to_teach": r"def (?P<name>to_teach|training_labels)\(truths",
}
# Data sets that cannot be read, so that no report depends on who has which; digits are embedded.
BROKEN = (
    *(f"{name}/{part}-{kind}-ubyte.gz" for name in ("mnist", "fashion-mnist")
      for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1")),
    "caltech101_faces_motorbikes.npz",
    "NMNIST/Train/0/0.bin",
    "NMNIST/Test/0/0.bin",
)  # fmt: skip


# ---- One side, one model: runs in a process of its own, with that side's package.


class Maker:
    """Writes what one model gives, each thing to a file, below `out`."""

    def __init__(self, root: Path, name: str, out: Path) -> None:
        """root: of the side, where its package lies; name: of a model, or `COMMON`."""
        self.root, self.name, self.out = root, name, out
        self.version = importlib.import_module("hwgen").__version__
        kit = root / "conformance" / name
        self.model = str(kit) if kit.is_dir() else name
        self.is_of_kit = kit.is_dir()

    def write(self, name: str, text: str) -> None:
        """A text, without paths of this machine and without the version."""
        for path, word in ((self.out, "OUT"), (self.root, "ROOT")):
            text = text.replace(str(path), word)
        text = text.replace(self.version, "VERSION")
        # Names that matplotlib gives clip paths are others in each process.
        clips = dict.fromkeys(re.findall(r"\bclipPath id=\"(\w+)\"", text))
        for number, clip in enumerate(clips):
            text = text.replace(clip, f"CLIP{number}")
        (self.out / name).write_text(text)

    def call(self, name: str, *words: str) -> str:
        """Run a verb; its exit code, what it prints, and its error become a file; the output."""
        out, err, code = io.StringIO(), io.StringIO(), 0
        sys.argv = ["hwgen", *words]
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                runpy.run_module("hwgen", run_name="__main__")
            except SystemExit as left:
                code = left.code if isinstance(left.code, int) else int(left.code is not None)
        # Progress goes to stderr, with times; an error is a line of its own.
        errors = [line for line in err.getvalue().splitlines() if line.startswith("hwgen: ")]
        kept = re.sub(r'"images_per_s": [^,\n]*', '"images_per_s": 0', out.getvalue())
        kept = re.sub(r"[ ─━]+", " ", kept)  # a table is as wide as a path in it
        self.write(f"{name}.told", "\n".join([f"exit code {code}", *errors, kept]))
        return out.getvalue()

    def clean(self, *names: str) -> None:
        """Files that a verb has written, made comparable as `write` does."""
        for name in names:
            if (self.out / name).is_file():
                self.write(name, (self.out / name).read_text())


def make_common(maker: Maker) -> None:
    """What is of no model."""
    for verb in VERBS:
        maker.call(f"help-{verb}", verb, "--help")
    for verb in (("models",), ("boards",), ("vectors", "list")):
        maker.call("-".join(verb), *verb, "--json")
    maker.call("no-verb", "nonsense")


def make_model(maker: Maker) -> None:
    """All of one model."""
    model, out = maker.model, maker.out
    maker.call("info", "info", model)
    maker.call("info-json", "info", model, "--json")
    maker.call("verilog", "verilog", model, "-o", str(out / "core.v"))
    maker.clean("core.v")
    for bus in ("axi", "wishbone") if maker.name in WRAPPED else ():
        maker.call(bus, "verilog", model, "--wrapper", bus, "-o", str(out / f"{bus}.v"))
        maker.clean(f"{bus}.v", f"{bus}.core", f"{bus}.h")
    maker.call("export", "vectors", "export", model, "-o", str(out / "vectors"))
    maker.call("check", "vectors", "check", str(out / "vectors/expected.jsonl"), "--model", model)
    make_anew(maker)
    if maker.is_of_kit:
        return
    if '"name": "digits"' in (out / "info-json.told").read_text():  # the embedded data set
        maker.call("evaluate", "evaluate", model, "--json")
    maker.call("report", "report", model, "-o", str(out / "report.html"))
    maker.clean("report.html")
    for board in boards(maker):
        make_board(maker, board)


def boards(maker: Maker) -> list[str]:
    """Those that the model was routed for; it has results of them."""
    path = maker.root / "models" / maker.name / "results.json"
    table = json.loads(path.read_text()) if path.is_file() else {}
    return sorted(key.removeprefix("synth ") for key in table if key.startswith("synth "))


def make_board(maker: Maker, board: str) -> None:
    """What a board adds: other lanes, the serial line, pins, memory."""
    model, out = maker.model, maker.out
    maker.call(f"{board}-verilog", "verilog", model, "--board", board, "-o", f"{out}/{board}.v")
    maker.clean(f"{board}.v")
    maker.call(f"{board}-check", "check", model, "--board", board, "--json")
    page = f"{board}.html"
    maker.call(f"{board}-report", "report", model, "--board", board, "-o", str(out / page))
    maker.clean(page)
    design = out / f"{board}-design"
    maker.call(f"{board}-build", "build", model, "--board", board, "--build-dir", str(design))
    for path in design.glob("*") if design.is_dir() else ():
        maker.clean(str(path.relative_to(out)))


def make_anew(maker: Maker) -> None:
    """Vectors, of learning too, by golden of today from the inputs that ship; the card."""
    function = {what: find(maker.root, words) for what, words in DEFINED.items()}
    folder = function["folder"](maker.model)
    params = folder.params()
    if folder.vectors_path.is_file():
        given = folder.vectors(params)
        vectors = function["vectors"](params, given.inputs, given.labels)
        function["save"](vectors, maker.out / "vectors.anew")
        if params.spec.learning:
            labels = function["to_teach"](given.labels, params.spec.n_classes)
            learnt = function["learning"](params, given.inputs, labels)
            function["save"](learnt, maker.out / "lessons.anew")
    results = function["results"](folder, params)
    maker.write("card.md", function["card"](params, results))


def find(root: Path, definition: str) -> Callable[..., Any]:
    """The function of the package below `root` that is so defined. Raises `LookupError`."""
    found = []
    for path in sorted((root / "hwgen").rglob("*.py")):
        match = re.search(f"^{definition}", path.read_text(), re.MULTILINE)
        if match:
            module = ".".join(path.relative_to(root).with_suffix("").parts)
            found.append((module.removesuffix(".__init__"), match["name"]))
    if len(found) != 1:
        places = [module for module, _ in found]
        raise LookupError(f"{root}: {definition!r} is in {places}, expected in one module")
    module, name = found[0]
    function: Callable[..., Any] = getattr(importlib.import_module(module), name)
    return function


def generate(root: Path, name: str, out: Path) -> None:
    """The process of one side and one model."""
    package = Path(importlib.import_module("hwgen").__file__ or "").resolve()
    if root not in package.parents:
        raise LookupError(f"{package}: imported in place of the hwgen in {root}")
    out.mkdir(parents=True)
    maker = Maker(root, name, out)
    make_common(maker) if name == COMMON else make_model(maker)


# ---- Both sides: processes, hashes, the verdict.


def names(root: Path) -> list[str]:
    """All that a side has: `COMMON`, the kit, the models that are trained."""
    found = [COMMON]
    for kind, file in (("conformance", "vectors.safetensors"), ("models", "params.safetensors")):
        found += sorted(path.parent.name for path in (root / kind).glob(f"*/{file}"))
    return found


def hashes(root: Path, name: str, work: Path, keep: Path | None) -> dict[str, str]:
    """Of all that a model gives on a side, by "model/file". `keep`: a folder for the files."""
    out = (keep or work / "made" / root.name) / name
    shutil.rmtree(out, ignore_errors=True)
    tools = ("YOSYS", "NEXTPNR_ICE40", "NEXTPNR_ECP5", "NEXTPNR_HIMBAECHEL")
    environment = os.environ | {
        "PYTHONPATH": str(root),
        "PYTHONDONTWRITEBYTECODE": "1",
        "HWGEN_DATA": str(work / "data"),
        "COLUMNS": "1000",  # no line of a table is broken, however long the paths in it are
        "NO_COLOR": "1",
        "TERM": "dumb",
        "AMARANTH_USE_YOSYS": "builtin",  # which writes Verilog; the others are not to run
        **dict.fromkeys(tools, NO_TOOL),
    }
    command = [sys.executable, __file__, "--generate", str(root), name, str(out)]
    done = subprocess.run(
        command, cwd=work, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no output"])[-1]
        why = f"exit code {done.returncode}, {last}"  # below 0: somebody has ended the process
        raise SystemExit(f"same_as: {name} of {root}: cannot be made: {why}")
    found = {
        f"{name}/{path.relative_to(out)}": hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(out.rglob("*"))
        if path.is_file() and path.suffix != ".log"
    }
    if not keep:
        shutil.rmtree(out)
    print(f"{name} of {root.name}: {len(found)} files", file=sys.stderr, flush=True)
    return found


def side(root: Path, chosen: list[str], work: Path, options: argparse.Namespace) -> dict[str, str]:
    """Hashes of all that was chosen, `options.jobs` processes at once."""
    keep = options.keep.resolve() / root.name if options.keep else None
    with ThreadPoolExecutor(options.jobs) as pool:
        parts = pool.map(lambda name: hashes(root, name, work, keep), chosen)
        return {key: value for part in parts for key, value in part.items()}


def compare(then: dict[str, str], now: dict[str, str]) -> int:
    """Print a table of counts and each difference; 1 if there is one."""
    equal, different = Counter[str](), []
    for key in sorted(then.keys() | now.keys()):
        model, _, file = key.partition("/")
        if then.get(key) == now.get(key):
            equal[model] += 1
        else:
            only = "then only" if key not in now else "now only" if key not in then else "differs"
            different.append((model, file, only))
    wrong = Counter(model for model, _, _ in different)
    print(f"{'':24}{'equal':>8}{'different':>11}")
    for model in sorted(equal.keys() | wrong.keys()):
        print(f"{model:24}{equal[model]:8}{wrong[model]:11}")
    print(f"{'all':24}{equal.total():8}{wrong.total():11}")
    for model, file, only in different:
        print(f"{only}: {model}/{file}")
    return int(bool(different))


@contextlib.contextmanager
def worktree(commit: str, work: Path) -> Iterator[Path]:
    """A tree of the commit, for as long as it is needed."""
    git = ["git", "-C", str(ROOT), "worktree"]
    path = work / "then"
    added = subprocess.run(
        [*git, "add", "--quiet", "--detach", str(path), commit],
        capture_output=True,
        text=True,
        check=False,
    )
    if added.returncode:
        raise SystemExit(f"same_as: {commit}: no commit to compare with: {added.stderr.strip()}")
    try:
        yield path
    finally:
        subprocess.run([*git, "remove", "--force", str(path)], check=False)


def chosen_of(wanted: str, there: list[str]) -> list[str]:
    """The models of --models, or all. Leaves with exit code 2 if one is not there."""
    chosen = [name for name in wanted.split(",") if name] or there
    for name in chosen:
        if name not in there:
            raise SystemExit(f"same_as: --models names {name!r}, expected of {', '.join(there)}")
    return chosen


def run(options: argparse.Namespace, work: Path) -> int:
    """The verdict: 0 or 1."""
    for name in BROKEN:
        (work / "data" / name).parent.mkdir(parents=True, exist_ok=True)
        (work / "data" / name).write_bytes(b"no data")
    if options.against:
        there = names(ROOT)
        chosen = chosen_of(options.models, there)
        then = json.loads(options.against.read_text())["sha256"]
        if options.models:
            then = {key: x for key, x in then.items() if key.partition("/")[0] in chosen}
    else:
        with worktree(options.commit, work) as root:
            chosen = chosen_of(options.models, names(root))
            then = side(root, chosen, work, options)
        if options.write:
            table = {"commit": options.commit, "sha256": then}
            options.write.write_text(json.dumps(table, indent=1, sort_keys=True) + "\n")
            print(f"{options.write}: {len(then)} hashes of {options.commit}")
            return 0
    here = names(ROOT)
    now = side(ROOT, [x for x in chosen if x in here], work, options)
    return compare(then, now)


def main() -> int:
    if sys.argv[1:2] == ["--generate"]:
        generate(Path(sys.argv[2]), sys.argv[3], Path(sys.argv[4]))
        return 0
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("commit", nargs="?", help="what to compare this tree with")
    parser.add_argument("--models", default="", help="of these only, as in mnist-up5k,cli")
    parser.add_argument("--jobs", type=int, default=1, help="processes at once")
    parser.add_argument("--write", type=Path, help="write COMMIT's hashes, compare nothing")
    parser.add_argument("--against", type=Path, help="hashes to compare with, instead of COMMIT")
    parser.add_argument("--keep", type=Path, help="folder to keep all files in, to look at")
    options = parser.parse_args()
    if bool(options.commit) == bool(options.against):
        parser.error("give a commit, or --against a file of hashes; one of both")
    with tempfile.TemporaryDirectory(prefix="same_as-") as work:
        try:
            return run(options, Path(work).resolve())
        except SystemExit as refused:
            print(refused, file=sys.stderr)
            return 2


if __name__ == "__main__":
    sys.exit(main())
