"""Faults in the text of a module, for as long as a design is built."""

import importlib
import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import CodeType, FunctionType, ModuleType


@dataclass(frozen=True)
class Fault:
    """In `module` of `hwgen/hdl`, such as "layers/dense", `new` for `old`, which is there once."""

    module: str
    old: str
    new: str

    def __str__(self) -> str:
        old, new = (" ".join(text.split()) for text in (self.old, self.new))
        return f"{self.module}.py: {old} -> {new}"


@contextmanager
def planted(fault: Fault | None) -> Iterator[None]:
    """Functions and methods get the changed code in place, whoever has imported them."""
    if fault is None:
        yield
        return
    module = importlib.import_module("hwgen.hdl." + fault.module.replace("/", "."))
    text = inspect.getsource(module)
    if text.count(fault.old) != 1:
        raise ValueError(f"{fault.module}.py has {text.count(fault.old)} times {fault.old!r}")
    changed = compile(text.replace(fault.old, fault.new), module.__file__, "exec")
    new = {code.co_qualname: code for code in _nested(changed)}
    old = {function: function.__code__ for function in _functions(module)}
    for function in old:
        function.__code__ = new[function.__code__.co_qualname]
    try:
        yield
    finally:
        for function, code in old.items():
            function.__code__ = code


def _nested(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _nested(constant)


def _functions(module: ModuleType) -> Iterator[FunctionType]:
    for thing in vars(module).values():
        if getattr(thing, "__module__", None) != module.__name__:
            continue
        members = vars(thing).values() if inspect.isclass(thing) else [thing]
        for member in members:
            function = member.fget if isinstance(member, property) else member
            if isinstance(function, FunctionType) and function.__module__ == module.__name__:
                yield function
