"""Tiers: `make test` runs what a contributor waits for, `make test-all` everything.

`slow.txt` names the tests that only the second runs: a node id a line, or the beginning of one,
and the seconds it took when it was put there. Of every rung of the evidence some test is not in it
(`test_tiers.py`).
"""

from pathlib import Path

import pytest

SLOW = Path(__file__).parent / "slow.txt"


def slow_prefixes() -> tuple[str, ...]:
    """Beginnings of the node ids of slow tests."""
    lines = [line.partition("#")[0] for line in SLOW.read_text().splitlines()]
    return tuple(line.rstrip().partition("  ")[0] for line in lines if line.strip())


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
    slow = slow_prefixes()
    chosen, left = [], []
    for item in items:
        is_slow = item.nodeid.startswith(slow)
        (chosen if is_slow == (tier == "rest") else left).append(item)
    config.hook.pytest_deselected(items=left)
    items[:] = chosen
