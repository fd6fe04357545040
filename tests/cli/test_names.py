"""Names that mean something to what prints, draws or writes them, and are letters all the same."""

from dataclasses import replace
from pathlib import Path

import pytest
from commands import hwgen_command, model_folder
from samples import random_params

from hwgen.cli.console import facts, progress, table
from hwgen.onchip.checkpoint import CurvePoint
from hwgen.report import curves

NAMES = ["[bold red]", "[/]", "[/nosuch]", ":smiley:", "[link=x]y[/link]", "\\[b]", "$\\x$", "$"]


@pytest.mark.parametrize("name", NAMES)
def test_tables_and_progress_show_a_name_as_it_is(name: str, capsys) -> None:
    facts(name, [(name, name)])
    table(name, [name], [[name]])
    told = capsys.readouterr().out
    assert told.count(name) == 6
    with progress(name) as reporter:
        reporter.phase(name + "!")
        reporter.advance(1, 2, name)
    told = capsys.readouterr().err
    assert told.count(name) >= 3


@pytest.mark.parametrize("name", ["[bold red]", "[nosuch]"])
def test_verbs_print_and_write_the_same_name(tmp_path: Path, name: str, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    params = replace(random_params(1, (64, 9, 10), 1, n_steps=4), name=name)
    model_folder(tmp_path / name, params)
    done = hwgen_command("verilog", name, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{name}.v: module hwgen_core")
    assert f"// hwgen_core: {name}, " in (tmp_path / f"{name}.v").read_text()
    shown = hwgen_command("info", name, cwd=tmp_path)
    assert shown.stdout.splitlines()[0].strip() == name
    assert f"{name}/params.safetensors" in shown.stdout


@pytest.mark.parametrize("name", ["$\\x$", "$a$", "$"])
def test_a_name_is_no_formula(tmp_path: Path, name: str) -> None:
    points = [
        CurvePoint(n_learnt=n, test_accuracy=0.5, online_accuracy=None, n_updates=0) for n in (0, 9)
    ]
    curves.draw({name: points}, tmp_path / "x.svg", name)
    assert f"<!-- {name} -->" in (tmp_path / "x.svg").read_text().replace("\\$", "$")
