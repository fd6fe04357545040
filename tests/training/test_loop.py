"""The loop: resuming, choosing by validation, rescuing; and that it learns."""

import dataclasses

import numpy as np
import pytest
import torch
from recipes import recipe
from reporters import Heard, StopError, StopsAt

from hwgen.data import datasets
from hwgen.data.dataset import Dataset
from hwgen.errors import DataError
from hwgen.recipe import AugmentRecipe, DataRecipe
from hwgen.training import checkpoint, loop
from hwgen.training.loop import train
from hwgen.training.quantize import to_params

pytestmark = pytest.mark.train


@pytest.fixture(scope="module")
def sets():
    return datasets.load("digits", "train", seed=3), datasets.load("digits", "validation", seed=3)


def digest(trained):
    return to_params(trained.learner.network, trained.input_spec, "small").digest


def without_speed(history):
    return [dataclasses.replace(epoch, images_per_s=0) for epoch in history]


@pytest.mark.parametrize("optimiser", ["adam", "sgd"])
def test_resuming_gives_the_same_bits(sets, tmp_path, optimiser):
    wanted = recipe(optimiser=optimiser, rescue=0.2, learning_rate=0.05)
    whole = train(wanted, *sets)
    path = tmp_path / "checkpoint.pt"

    for _ in range(2):
        with pytest.raises(StopError):
            train(wanted, *sets, checkpoint=path, resume=True, reporter=StopsAt(1, 2))
    heard = Heard()
    resumed = train(wanted, *sets, checkpoint=path, resume=True, reporter=heard)
    assert heard.advances == [(3, 4), (4, 4)]
    validation = [epoch.validation_accuracy for epoch in resumed.history[2:]]
    assert heard.notes == [f"validation {100 * accuracy:.2f} %" for accuracy in validation]
    assert without_speed(resumed.history) == without_speed(whole.history)
    assert digest(resumed) == digest(whole)
    for name, tensor in whole.learner.network.state_dict().items():
        assert torch.equal(resumed.learner.network.state_dict()[name], tensor)
    assert sum(epoch.n_rescued for epoch in whole.history) > 0  # rescue draws, too


def test_without_resume_a_checkpoint_is_ignored(sets, tmp_path):
    path = tmp_path / "checkpoint.pt"
    first = train(recipe(1), *sets, checkpoint=path)
    again = train(recipe(1), *sets, checkpoint=path)
    assert len(again.history) == 1
    assert digest(first) == digest(again)


def test_another_seed_gives_another_network(sets):
    other = dataclasses.replace(recipe(1), seed=4)
    assert digest(train(recipe(1), *sets)) != digest(train(other, *sets))


def test_a_checkpoint_of_another_recipe_is_refused(sets, tmp_path):
    path = tmp_path / "checkpoint.pt"
    train(recipe(1), *sets, checkpoint=path)
    with pytest.raises(DataError, match=r"made by another recipe .* delete it to start anew$"):
        train(recipe(2), *sets, checkpoint=path, resume=True)


def test_a_younger_field_changes_no_checkpoint_unless_it_is_used():
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Younger(DataRecipe):
        hue: float = 0.5

    def made(**fields):
        return checkpoint._fingerprint(dataclasses.replace(recipe(), data=Younger(**fields)))

    assert made(name="digits") == checkpoint._fingerprint(recipe())
    assert made(name="digits", hue=0.6) != made(name="digits")
    assert made(name="digits", crop=1) != made(name="digits")


@pytest.mark.parametrize("content", [b"", b"PK not a zip", None])
def test_a_damaged_checkpoint_is_one_line(sets, tmp_path, content):
    path = tmp_path / "checkpoint.pt"
    train(recipe(1), *sets, checkpoint=path)
    path.write_bytes(path.read_bytes()[:-500] if content is None else content)
    with pytest.raises(DataError, match=r"not a whole checkpoint") as caught:
        train(recipe(1), *sets, checkpoint=path, resume=True)
    assert "\n" not in str(caught.value)


def test_the_epoch_best_on_validation_is_kept(sets):
    # Rates that make it jump about, so that the last epoch is not always the best.
    trained = train(recipe(6, learning_rate=0.05, schedule="constant"), *sets)
    accuracies = [epoch.validation_accuracy for epoch in trained.history]
    assert accuracies[trained.best_epoch - 1] == max(accuracies)
    run = loop._Run(recipe(), *sets, torch.device("cpu"))
    run.learner.network.load_state_dict(trained.learner.network.state_dict())
    assert run._validate()[0] == max(accuracies)
    assert max(accuracies) > accuracies[-1]
    assert trained.history[-1].best_accuracy == max(accuracies)


def test_silent_neurons_are_drawn_anew_in_the_first_half(sets):
    run = loop._Run(recipe(4), *sets, torch.device("cpu"))
    learner = run.learner
    hidden = learner.network.dense[0]
    hidden.shadow[:, 5] = -1.0  # never fires, whatever the others do
    before = hidden.shadow.clone()
    inputs, labels = run.encoder(run.images[:200]), run.labels[:200]
    learner.learn(inputs, labels, 0)
    fires = (learner.network(inputs)[0].times < 8).any(dim=0)
    assert learner.end_epoch(0.75, run.generator) == 0
    assert torch.equal(hidden.shadow, before)
    learner.learn(inputs, labels, 0)
    assert learner.end_epoch(0.5, run.generator) == int((~fires).sum())
    changed = (hidden.shadow != before).any(dim=0)
    assert torch.equal(changed, ~fires)
    assert changed[5]
    assert not changed.all()
    assert hidden.shadow[:, 5].mean() > -0.5


def test_rates_follow_the_cosine(sets):
    run = loop._Run(recipe(threshold_rate=0.5), *sets, torch.device("cpu"))
    run._set_rate(0.5)
    rates = [group["lr"] for group in run.optimiser.param_groups]
    assert rates[0] == pytest.approx(0.005)
    assert rates[1] == pytest.approx(0.005 * 0.5 * 7 * 8)  # 4 bits: up to 7; 64 inputs


def test_it_learns_two_stripes():
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 2, 400)
    images = rng.integers(0, 5, (400, 4, 4)).astype(np.uint8)
    images[labels == 0, 1] += 11
    images[labels == 1, :, 2] += 11
    parts = [Dataset("digits", images[p], labels[p], 16) for p in (slice(300), slice(300, 400))]
    wanted = dataclasses.replace(recipe(40), augment=AugmentRecipe())
    trained = train(wanted, *parts)
    assert trained.history[-1].best_accuracy >= 0.98
    # With labels that say nothing, nothing is learnt: the test above measures learning.
    shuffled = [dataclasses.replace(p, labels=rng.permutation(p.labels)) for p in parts]
    assert train(wanted, *shuffled).history[-1].validation_accuracy < 0.75
