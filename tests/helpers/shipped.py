"""What tests of shipped models share."""

import os

import pytest

from hwgen.golden import Golden


def need_real_data():
    """At a desk a test without real data is skipped; in CI it runs, and fails if there is none."""
    if not os.environ.get("HWGEN_DATA") and not os.environ.get("CI"):
        pytest.skip("set HWGEN_DATA to a folder with mnist/ and fashion-mnist/")


def check_vectors(params, vectors):
    """They are golden's answers."""
    trace = Golden(params).run(vectors.inputs)
    assert vectors.decisions.tolist() == trace.decisions.tolist()
    assert vectors.decision_steps.tolist() == trace.decision_steps.tolist()
    for index in range(len(params.spec.layers)):
        assert (vectors.spike_times[index] == trace.spike_times[index]).all()
        assert (vectors.potentials[index] == trace.potentials[index]).all()
