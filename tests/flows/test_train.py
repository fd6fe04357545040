"""What `hwgen train` says of a network that says nothing."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from hwgen.cli import app
from hwgen.evaluation.accuracy import Evaluation
from hwgen.flows import train
from hwgen.flows.train import TrainResult


def result_of(n_undecided: int) -> TrainResult:
    evaluation = Evaluation(
        digest="0" * 64,
        dataset="digits",
        n_images=100,
        n_correct=50,
        accuracy=0.5,
        decision_step=0.0,
        decided_by_spike=0.0,
        n_input_spikes=0.0,
        n_spikes=0.0,
        n_synaptic_ops=0.0,
        n_rate_additions=0.0,
        confusion=((50,),),
        images_per_s=1.0,
        n_undecided=n_undecided,
    )
    return TrainResult(
        folder=Path("m"), digest="0" * 64, accuracy={}, evaluation=evaluation, seconds=1.0
    )


@pytest.mark.parametrize(("n_undecided", "warns"), [(0, False), (5, False), (6, True), (100, True)])
def test_a_silent_network_is_warned_of(n_undecided: int, warns: bool, monkeypatch) -> None:
    monkeypatch.setattr(train, "train", lambda *_, **__: result_of(n_undecided))
    told = CliRunner().invoke(app, ["train", "digits", "--json"])
    assert told.exit_code == 0, told.exception
    text = f"hwgen: warning: the network is silent for {n_undecided} of 100 test images: no output"
    assert (text in told.stderr) == warns
