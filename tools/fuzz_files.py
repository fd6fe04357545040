"""Fuzzes the readers of binary files with atheris, which looks at what code an input reaches.

    python tools/fuzz_files.py params|vectors|idx -max_total_time=60

Only an error of hwgen may come out. Not part of the tests: `make fuzz` runs it for a minute each.
"""

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["hwgen"]):
    from hwgen.conformance import networks
    from hwgen.data import idx
    from hwgen.errors import HwgenError
    from hwgen.model import vectors as vectors_file
    from hwgen.network import params_file

FOLDER = Path(tempfile.mkdtemp())
NET = networks.find(networks.names()[0])
IDX = b"\0\0\x08\x03\0\0\0\x02\0\0\0\x02\0\0\0\x02" + bytes(8)


def read_params(path: Path) -> None:
    params = params_file.load(path)
    again = path.with_name("again")
    params_file.save(params, again)
    assert params_file.load(again).digest == params.digest


def read_vectors(path: Path) -> None:
    vectors_file.load(path, NET.params())


def read_idx(path: Path) -> None:
    idx.read_idx(path)


READERS: dict[str, tuple[Callable[[Path], None], bytes]] = {
    "params": (read_params, NET.params_path.read_bytes()),
    "vectors": (read_vectors, NET.vectors_path.read_bytes()),
    "idx": (read_idx, IDX),
}


def main() -> None:
    name, *options = sys.argv[1:]
    read, seed = READERS[name]
    corpus = FOLDER / "corpus"
    corpus.mkdir()
    (corpus / "seed").write_bytes(seed)
    path = FOLDER / "file"

    def one(content: bytes) -> None:
        if name == "idx":
            import gzip

            content = gzip.compress(content, 0)
        path.write_bytes(content)
        try:
            read(path)
        except HwgenError as error:
            if not str(error).isprintable():
                raise ValueError(f"not one line: {error!r}") from None

    atheris.Setup([sys.argv[0], *options, "-max_len=20000", "-rss_limit_mb=4096", str(corpus)], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
