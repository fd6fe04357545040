"""Tiers: `make test` runs what a contributor waits for, `make test-all` everything.

`slow.txt` names the tests that only the second runs: a node id a line, or the beginning of one,
and the seconds it took when it was put there. A node id behind `!` is quick, though its beginning
is slow. Of every rung of the evidence some test is not in it (`test_tiers.py`).
"""

from pathlib import Path

import pytest

SLOW = Path(__file__).parent / "slow.txt"


def named() -> tuple[tuple[str, ...], frozenset[str]]:
    """Beginnings of the node ids of slow tests, and node ids that are quick nevertheless."""
    lines = [line.partition("#")[0].rstrip() for line in SLOW.read_text().splitlines()]
    names = [line.partition("  ")[0] for line in lines if line]
    quick = frozenset(name[1:] for name in names if name.startswith("!"))
    return tuple(name for name in names if not name.startswith("!")), quick


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--tier",
        choices=("quick", "rest", "all"),
        default="all",
        help="quick: without the tests of tests/slow.txt; rest: those only",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    tier = config.getoption("--tier")
    if tier == "all":
        return
    slow, quick = named()
    chosen, left = [], []
    for item in items:
        wanted = item.nodeid.startswith(slow) and item.nodeid not in quick
        (chosen if wanted == (tier == "rest") else left).append(item)
    config.hook.pytest_deselected(items=left)
    items[:] = chosen
