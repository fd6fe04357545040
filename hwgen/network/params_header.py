"""The header of a parameter file: strict JSON, one form for each network (contract, section 1)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

from hwgen import schema
from hwgen.errors import ParamsError
from hwgen.files import reason
from hwgen.network.check import check_spec
from hwgen.network.params import FORMAT
from hwgen.network.spec import NetworkSpec

HEADER_KEY = "hwgen"  # the only metadata key, so that the file is the same byte for byte
VECTORS_KEY = "hwgen-digest"  # that of vectors


@dataclass(frozen=True, kw_only=True)
class Header:
    """What a parameter file says beside its tensors."""

    format: int
    name: Annotated[str, schema.Name()]
    digest: str
    spec: NetworkSpec
    provenance: dict[str, Any]


def read(metadata: Mapping[str, str], path: Path) -> Header:
    """Read and check the header in a file's metadata. Raises `ParamsError`; `path` is named in it.

    The digest and the tensors are not looked at.
    """
    if HEADER_KEY not in metadata:
        what = (
            "holds test vectors, not parameters; give the model folder or its params.safetensors"
            if VECTORS_KEY in metadata
            else f"no {HEADER_KEY!r} header: not an hwgen parameter file"
        )
        raise ParamsError(f"{path}: {what}")
    others = sorted(set(metadata) - {HEADER_KEY})
    if others:
        raise ParamsError(
            f"{path}: unexpected metadata {schema.short_repr(others[0])}, expected "
            f"{HEADER_KEY!r} only"
        )
    table = _strict(metadata[HEADER_KEY], f"{path}: the header")
    if isinstance(table, dict) and table.get("format") != FORMAT:
        raise ParamsError(
            f"{path}: format is {schema.short_repr(table.get('format'))}, this hwgen reads "
            f"{FORMAT}; use the hwgen that wrote it, or export again"
        )
    provenance: dict[str, Any] = {}
    if isinstance(table, dict) and isinstance(table.get("provenance"), dict):
        # It is checked by itself (`Params.check`): the depth that is allowed is its own.
        provenance, table = table["provenance"], table | {"provenance": {}}
    header = schema.parse(Header, table, where=f"{path}: header", error=ParamsError)
    given, canonical, where = table["spec"], header.spec.to_json(), f"{path}: header: spec"
    for place, name in _extra(canonical, given, where):
        raise ParamsError(f"{place} lacks the field {name!r}; the contract has no default")
    check_spec(header.spec, str(path))
    for place, name in _extra(given, canonical, where):
        raise ParamsError(
            f"{place} has the field {name!r}, which is left out where it says what it says here "
            "(contract, section 1)"
        )
    return replace(header, provenance=provenance)


def check_table(path: Path) -> None:
    """Raise `ParamsError` if the table at the start of a safetensors file says a thing twice.

    Readers of the format take the last one, or the first. The file must be a whole one.
    """
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        text = file.read(length).decode()
    _strict(text, f"{path}: the table of tensors")


def _strict(text: str, where: str) -> Any:
    try:
        return schema.strict_json(text)
    except (ValueError, RecursionError) as error:
        raise ParamsError(f"{where} is not JSON: {reason(error)}") from None


def _extra(one: Any, other: Any, where: str) -> Iterator[tuple[str, str]]:
    """Fields of one spec that another form of it has not: where, and their names.

    A network has one form, and the digest is over it: a field is left out exactly where the
    contract (section 1) says so.
    """
    if isinstance(one, Mapping):
        for name, value in one.items():
            if name not in other:
                yield where, name
            else:
                yield from _extra(value, other[name], f"{where}: {name}")
    elif isinstance(one, list | tuple):
        for position, value in enumerate(one):
            yield from _extra(value, other[position], f"{where}[{position}]")
