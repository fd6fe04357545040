"""Small read-only memories: what is looked up is not computed."""

from collections.abc import Mapping, Sequence

from amaranth.hdl import Module
from amaranth.lib import data, memory

from hwgen.hdl.stream import index_bits


def rom(m: Module, name: str, rows: Sequence[Mapping[str, int]], *, enable, address):
    """The row at `address`, in the cycle after `enable`; its fields are those of all rows.

    The table is the module's submodule `name`. Each field is as wide as its largest value needs.

    m: where the table stands. rows: of the same fields, all non-negative. Returns a view of the
    row.
    """
    layout = data.StructLayout(
        {field: index_bits(max(row[field] for row in rows) + 1) for field in rows[0]}
    )
    m.submodules[name] = table = memory.Memory(shape=layout, depth=len(rows), init=rows)
    read = table.read_port()
    m.d.comb += [read.en.eq(enable), read.addr.eq(address)]
    return read.data
