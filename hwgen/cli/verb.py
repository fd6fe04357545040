"""What all verbs do alike: options as an object, `--record`, `--json` or tables, the verdict."""

import inspect
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import MISSING, dataclass, fields
from functools import wraps
from typing import Any, TypeVar, get_type_hints

from hwgen.cli.console import print_json
from hwgen.cli.copies import told
from hwgen.files import require_writable
from hwgen.model import folder as model_folder
from hwgen.model.folder import ModelFolder

Options = TypeVar("Options")


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a verb has to tell.

    `json`: of `--json`; `data_read`, the copies of data sets, is added if there are any.
    `print_result` prints the same for a person. `result` of `folder` is what `--record` keeps.
    `check`, in the end, raises what makes the exit code.
    """

    json: dict[str, Any]
    print_result: Callable[[], None]
    result: Any = None
    folder: ModelFolder | None = None
    check: Callable[[], None] = lambda: None


def verb(function: Callable[[Options], Answer | None]) -> Callable[..., None]:
    """Of a function of one dataclass, a verb as typer takes it: an option, or argument, a field.

    The annotations of the fields are those that typer knows. A field `json` must be there; a
    `record`, if the answer can be kept.
    """
    (kind,) = (
        hint for name, hint in get_type_hints(function).items() if name != "return"
    )  # the one parameter
    hints = get_type_hints(kind, include_extras=True)

    @wraps(function)
    def call(**given: Any) -> None:
        if given.get("record"):  # before minutes of work
            from hwgen.report import results

            folder = model_folder.find(given["model"])
            results.require_card(folder)
            require_writable(folder.card_path)
        with told() as copies:
            answer = function(kind(**given))
        if answer is None:
            return
        with ExitStack() as last:  # all of it, whatever fails: a verdict is never lost
            last.callback(answer.check)
            last.callback(_print, answer, copies, as_json=given["json"])
            if given.get("record") and answer.folder:
                results.record(answer.folder, answer.result)

    # typer reads these two, and nothing of the function inside.
    call.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [
            inspect.Parameter(
                field.name,
                inspect.Parameter.KEYWORD_ONLY,
                annotation=hints[field.name],
                default=inspect.Parameter.empty if field.default is MISSING else field.default,
            )
            for field in fields(kind)
        ]
    )
    call.__annotations__ = hints
    return call


def _print(answer: Answer, copies: Mapping[str, str], *, as_json: bool) -> None:
    if as_json:
        print_json(answer.json | ({"data_read": dict(copies)} if copies else {}))
    else:
        answer.print_result()
