"""Kills a command of hwgen at its n-th operation on files of a folder.

`python kill_points.py FOLDER PLANT ARGUMENTS...` reads numbers n, one a line, runs the command for
each, and answers by its exit code (-9: killed; 0: there was no n-th operation).

The command runs in a fork, so that its imports are paid once. PLANT is "" or "halves": then files
are written in place, in two halves.
"""

import os
import signal
import sys
from pathlib import Path

WRITES = ("os.rename", "os.remove", "os.chmod", "os.mkdir", "os.listdir")


def kill_at(n: int, folder: str) -> None:
    """From now on, the n-th operation that changes the folder kills this process before it."""
    left = n

    def hook(event: str, arguments: tuple) -> None:
        nonlocal left
        if event == "open":
            path, _, flags = arguments
            if not (isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR)):
                return
        elif event in WRITES:
            path = arguments[0]
        else:
            return
        if isinstance(path, str | os.PathLike) and str(path).startswith(folder):
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def write_halves(path: Path, content: bytes | str) -> None:
    """A planted fault: what `hwgen.files.write_atomic` must not be."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = content.encode() if isinstance(content, str) else content
    with path.open("wb", buffering=0) as file:
        file.write(data[: len(data) // 2])
        os.listdir(path.parent)  # noqa: PTH208  # something else happens meanwhile
        file.write(data[len(data) // 2 :])


def plant() -> None:
    """In all modules that have imported the right one."""
    for name, module in list(sys.modules.items()):
        if name.startswith("hwgen") and hasattr(module, "write_atomic"):
            module.write_atomic = write_halves  # type: ignore[attr-defined]


def run(arguments: list[str], n: int, folder: str) -> int:
    """The command in a fork: its exit code."""
    child = os.fork()
    if child == 0:
        kill_at(n, folder)
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        sys.argv = ["hwgen", *arguments]
        from hwgen.cli import main

        try:
            main()
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
        os._exit(code)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def load(verb: str) -> None:
    """What the verb would import late."""
    import hwgen.cli
    import hwgen.conformance.json_export
    import hwgen.data.datasets
    import hwgen.flows.learn

    if verb in ("train", "learn"):
        hwgen.data.datasets.load("digits", "test")
    if verb == "train":
        import torch

        import hwgen.flows.train
        import hwgen.training.accuracy
        import hwgen.training.loop
        import hwgen.training.quantize

        torch.optim.Adam([torch.zeros(1, requires_grad=True)])
    elif verb == "learn":
        pass
    assert hwgen.cli


if __name__ == "__main__":
    _, root, fault, *command = sys.argv
    load(command[0])
    if fault:
        plant()
    for line in sys.stdin:
        print(run(command, int(line), root), flush=True)
