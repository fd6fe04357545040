"""The Python blocks of pages run, in their order, and say what the pages say."""

import re
import warnings

import pytest
from pages import run_python
from stand_ins import needs


@pytest.mark.synth
def test_from_python(tmp_path, monkeypatch, capsys) -> None:
    needs("yosys", "g++")
    monkeypatch.chdir(tmp_path)  # of work folders
    run_python("python.md", 5)
    said = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"0\.9\d{3}, \d+ undecided", said[0])
    assert int(said[1]) >= 95
    assert said[2] == "[0 1 2 3 4]"
    assert re.fullmatch(r"0 mismatches of \d+ compared", said[3])
    assert said[4].startswith("// hwgen_core: digits-learn")
    assert said[5].endswith(" []")


@pytest.mark.synth
@pytest.mark.train
def test_from_snntorch(tmp_path, monkeypatch, capsys) -> None:
    needs("yosys", "g++", "nextpnr-ecp5")
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # snnTorch's, of its dependencies' age
        run_python("from-snntorch.md", 4)
    text = capsys.readouterr().out
    theirs, ours = (
        float(re.search(rf"{who}: (\d\.\d+)", text)[1]) for who in ("snnTorch", "golden")
    )
    assert theirs > 0.93
    assert abs(theirs - ours) <= 0.01
    equal, compared = map(int, re.search(r"layer 1: (\d+) of (\d+) spikes equal", text).groups())
    assert equal / compared > 0.98
    equal, compared = map(int, re.search(r"(\d+) of (\d+) decisions equal", text).groups())
    assert equal / compared >= 0.99
    assert re.search(r"^0 mismatches of \d+ compared$", text, re.M)
    assert text.splitlines()[-1].endswith(".bit True")
