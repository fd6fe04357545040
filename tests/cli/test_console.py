"""How the command line draws progress, into a log: no terminal, so lines that are whole."""

from hwgen.cli.console import progress


def lines(capsys):
    out, err = capsys.readouterr()
    assert out == ""
    return [" ".join(line.split()) for line in err.splitlines() if line.strip()]


def test_nothing_is_drawn_before_there_is_something(capsys):
    with progress("verify"):
        pass
    assert capsys.readouterr() == ("", "")


def test_bars_of_parts_and_notes(capsys):
    with progress("train", "test, golden") as reporter:
        reporter.advance(1, 2, "validation 50.00 %")
        reporter.advance(2, 2, "validation 75.00 %")
        reporter.phase("test, golden")
        reporter.advance(100, 359)
        reporter.advance(359, 359)
    told = lines(capsys)
    assert told[:2] == ["train 1/2 validation 50.00 %", "train 2/2 validation 75.00 %"]
    train, test = told[2:]
    assert train.startswith("train \u2501")
    assert " 2/2 " in train
    assert train.endswith("validation 75.00 %")
    assert test.startswith("test, golden \u2501")
    assert " 359/359 " in test


def test_a_phase_that_is_no_part_is_one_of_the_part(capsys):
    with progress("train", "synth") as reporter:
        reporter.phase("synth")
        reporter.phase("elaborate")
        reporter.phase("place and route")
    (told,) = lines(capsys)
    assert " synth: place and route 0:00:00" in told


def test_a_bar_and_its_phase(capsys):
    with progress("verify") as reporter:
        reporter.phase("compare")
        reporter.advance(3, 9)
    bar, spinner = lines(capsys)
    assert bar.startswith("verify \u2501")
    assert " 3/9 " in bar
    assert " verify: compare 0:00:00" in spinner
