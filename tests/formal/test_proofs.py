"""Every proof of `formal/` holds, and fails with each fault that is planted for it."""

import re
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import pytest
from formal.planted import Fault, planted
from formal.runs import Job, Outcome, jobs_of, running
from formal.table import PROOFS, STREAMS

from hwgen.hdl.adapters import fifo

EVIDENCE = Path(__file__).parents[2] / "docs" / "evidence.md"


@pytest.fixture(scope="module")
def outcomes(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[Job, Future[Outcome]]]:
    """Of the selected ones, run side by side."""
    specs = (getattr(item, "callspec", None) for item in request.session.items)
    jobs = [spec.params["job"] for spec in specs if spec and "job" in spec.params]
    with running(jobs, tmp_path_factory.mktemp("proofs")) as futures:
        yield futures


@pytest.mark.prove
@pytest.mark.parametrize("job", jobs_of(PROOFS), ids=str)
def test_proof(job: Job, outcomes: dict[Job, Future[Outcome]]) -> None:
    outcome = outcomes[job].result()
    assert outcome.ok, outcome.message


def test_each_proof_has_a_fault_and_a_name() -> None:
    names = [proof.name for proof in PROOFS]
    assert len(set(names)) == len(names)
    # The one of full size has the faults of the small one.
    assert [proof.name for proof in PROOFS if not proof.faults] == ["fifo of 256"]


def test_the_page_tells_what_is_proved_and_how() -> None:
    rows = re.findall(
        r"^\| `([^`]+)` \|.*\| (prove|bmc) (\d+) \| (\d+) \|$", EVIDENCE.read_text(), re.M
    )
    told = {(name, mode, int(depth), int(faults)) for name, mode, depth, faults in rows}
    assert told == {(p.name, p.mode, p.depth, len(p.faults)) for p in PROOFS}


def test_a_fault_is_there_only_while_it_is_planted() -> None:
    before = fifo.Fifo.elaborate.__code__
    with planted(STREAMS[0].faults[0]):
        assert fifo.Fifo.elaborate.__code__ != before
    assert fifo.Fifo.elaborate.__code__ is before


def test_a_fault_that_fits_nowhere_is_refused() -> None:
    with (
        pytest.raises(ValueError, match=r"^adapters/fifo\.py has 0 times 'no such text'$"),
        planted(Fault("adapters/fifo", "no such text", "")),
    ):
        pass
