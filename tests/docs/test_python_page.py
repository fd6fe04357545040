"""The Python blocks of docs/python.md run, in their order, and say what the page says."""

import re
from pathlib import Path

import pytest
from stand_ins import needs

PAGE = Path(__file__).resolve().parents[2] / "docs" / "python.md"


@pytest.mark.synth
def test_the_page(tmp_path, monkeypatch, capsys) -> None:
    needs("yosys", "g++")
    monkeypatch.chdir(tmp_path)  # of work folders
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.M | re.S)
    assert len(blocks) == 5
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), names)
    said = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"0\.9\d{3}, \d+ undecided", said[0])
    assert int(said[1]) >= 95
    assert said[2] == "[0 1 2 3 4]"
    assert re.fullmatch(r"0 mismatches of \d+ compared", said[3])
    assert said[4].startswith("// hwgen_core: digits-learn")
    assert said[5].endswith(" []")
