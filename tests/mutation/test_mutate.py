"""The mutants fit, the page tells of them, and some are judged; `make mutate` judges all."""

import re
from dataclasses import replace
from pathlib import Path

import judging
import mutate
import planting
import pytest
from planting import GENERATED, PARAMS, Mutant, PlantingError, network, right, text_of
from stand_ins import needs

from hwgen.hdl.verilog import to_verilog
from hwgen.network.design import Design

EVIDENCE = Path(__file__).parents[2] / "docs" / "evidence.md"
HDL = Path(planting.__file__).parents[2] / "hwgen" / "hdl"
MUTANTS = planting.load()


def named(name: str) -> Mutant:
    (found,) = (mutant for mutant in MUTANTS if mutant.name == name)
    return found


WEIGHT = named("weight, lowest bit")


def test_each_has_a_name_and_all_networks_have_some() -> None:
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)
    text = (planting.FOLDER / "networks.toml").read_text()
    assert {m.net for m in MUTANTS} == set(re.findall(r"^\[([\w-]+)\]", text, re.M))


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_each_fits_in_one_place(mutant: Mutant) -> None:
    assert mutant.old != mutant.new
    if mutant.file == PARAMS:
        assert re.match(r"(weights|thresholds|drives|shadows)\[\d\]\[", mutant.old)
    else:
        text = right(mutant.net) if mutant.file == GENERATED else (HDL / mutant.file).read_text()
        assert text.count(mutant.old) == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"file": "layers/dense.py", "old": "no such text"}, "has 0 times 'no such text'"),
        ({"file": GENERATED, "old": "assign"}, "has [0-9]+ times 'assign'"),
        ({"file": "layers/dense.py", "old": "Stage C: new", "new": "Stage D: new"}, "is as it was"),
        ({"new": "weights[0][5, 7]"}, "is as it was"),
        ({"new": "99"}, "expected within"),
    ],
)
def test_a_fault_that_does_not_fit_or_changes_nothing_is_an_error(change, message) -> None:
    wrong = replace(WEIGHT, **change)
    with pytest.raises(PlantingError, match=f"^weight, lowest bit: .*{message}"):
        text_of(wrong)
    assert not judging.judge(wrong, Path("nowhere-is-anything-written")).ok


def test_nothing_is_left_of_a_fault() -> None:
    mutant = named("step: fires at its threshold")
    assert text_of(mutant) != right("step")
    net = network("step")
    assert to_verilog(Design(net.params, net.lanes)) == right("step")
    assert text_of(WEIGHT).count(net.params.digest) == 1  # it calls itself by the right digest


def said(cosim: str = "", verify: str = "", **options: str) -> judging.Outcome:
    verdicts = [judging.Verdict(found=text) for text in (cosim, verify)]
    return judging.Outcome(replace(WEIGHT, **options), *verdicts, 1.0)


def test_what_is_as_expected() -> None:
    assert said("a", "b").ok
    assert not said("a", "").ok
    assert not said("", "b").ok
    assert said(why="harmless").ok
    assert not said("", "b", why="harmless").ok
    crash = judging.Verdict(error="the simulator died")
    assert not judging.Outcome(WEIGHT, crash, said("a", "b").verify, 1.0).ok


def test_the_page_tells_how_many_of_each_kind() -> None:
    everything = [said(*["" if mutant.why else "found"] * 2, **vars(mutant)) for mutant in MUTANTS]
    expected = mutate.table(everything).splitlines()
    told = EVIDENCE.read_text().partition("## Planted faults")[2].splitlines()
    assert [row for row in expected if row not in told] == []


@pytest.mark.cosim
@pytest.mark.synth
def test_some_are_judged(tmp_path, monkeypatch, capsys) -> None:
    """A fault of the runner's list among them: what does harm is said to do none."""
    needs("yosys", "g++")
    monkeypatch.chdir(tmp_path)
    harmful = replace(WEIGHT, name="a harmful one, said to be harmless", why="it is not")
    names = ("first layer, step: spikes of a step swapped", "shadow weight, lowest bit")
    assert mutate.main([], [harmful, *map(named, names)]) == 1
    told = capsys.readouterr()
    assert told.err.count("NOT AS EXPECTED: ") == told.out.count("FAIL ") == 1
    assert (
        "NOT AS EXPECTED: a harmful one, said to be harmless: expected to be harmless" in told.err
    )
    assert told.out.count("ok   harmless none: ") == 2  # the networks themselves
    assert "1 harmful faults: cosim found 1, verify 1; 4 harmless: cosim reported 1" in told.out


@pytest.mark.parametrize(("found", "status"), [("a", 0), ("", 1)])
def test_the_exit_status(found, status, monkeypatch) -> None:
    monkeypatch.setattr(mutate, "run", lambda mutants: [said(found, "b")])
    assert mutate.main([], [WEIGHT]) == status


def test_a_word_that_no_fault_has(capsys) -> None:
    assert mutate.main(["--only", "no such word"], MUTANTS) == 2
    assert "no fault has 'no such word' in it" in capsys.readouterr().err
