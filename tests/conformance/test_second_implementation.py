"""The second implementation: plain Python from the documents alone, equal to all vectors; and a
fault planted in it is found by `hwgen conformance check`."""

import ast
import subprocess
import sys
import types
from pathlib import Path

import pytest

from hwgen.conformance import check as conformance_check
from hwgen.conformance import networks

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
FORWARD, LEARNER = "second_implementation", "second_learner"
SPIKING = "second_multi_spike"
NAMES = [folder.path.name for folder in networks.folders()]
MULTI_SPIKE = {
    folder.path.name for folder in networks.folders() if folder.params().spec.multi_spike
}
LEARNING = [
    folder.path.name for folder in networks.folders() if folder.learning_vectors_path.is_file()
]


def program(name, old="", new=""):
    """A module from the source of an example, with a fault in place of `old`."""
    text = (EXAMPLES / f"{name}.py").read_text()
    assert not old or text.count(old) == 1, old
    module = types.ModuleType(name)
    exec(compile(text.replace(old, new), f"{name}.py", "exec"), vars(module))
    return module


def of_each(faults, names):
    """A test for each; the first of its words is its name, the others are arguments."""
    return pytest.mark.parametrize(names, [x[1:] for x in faults], ids=[x[0] for x in faults])


def run(module, name, path, n=None):
    """Its results on a network, as a file."""
    module.main(networks.find(name).path, path, n)
    return path


@pytest.fixture
def learner(monkeypatch):
    """Makes learners; they import the other example."""
    monkeypatch.setitem(sys.modules, FORWARD, program(FORWARD))
    return lambda *fault: program(LEARNER, *fault)


@pytest.fixture
def spiking(monkeypatch):
    """The same of multi-spike networks."""
    monkeypatch.setitem(sys.modules, FORWARD, program(FORWARD))
    return lambda *fault: program(SPIKING, *fault)


@pytest.mark.parametrize("name", NAMES)
def test_equal_to_all_vectors(name, tmp_path, spiking):
    n = None if name in networks.names() else 2
    module = spiking() if name in MULTI_SPIKE else program(FORWARD)
    found = conformance_check.check(run(module, name, tmp_path / "r", n), complete=n is None)
    found.check()
    assert (found.name, found.n_mismatches) == (name, 0)
    assert found.n_samples == (n or found.n_vectors)
    assert all(found.compared.values())


@pytest.mark.parametrize("name", LEARNING)
def test_equal_to_all_training_samples(name, tmp_path, learner):
    n = None if name in networks.names() else 4
    found = conformance_check.check(run(learner(), name, tmp_path / "r", n), complete=n is None)
    found.check()
    assert found.learning
    assert found.n_samples == (n or found.n_vectors)
    assert all(found.compared.values())


def test_as_a_user_does(tmp_path):
    for script, name in ((FORWARD, "ties"), (LEARNER, "learn-box"), (SPIKING, "reset-conv")):
        command = (
            sys.executable,
            EXAMPLES / f"{script}.py",
            networks.find(name).path,
            "results.jsonl",
        )
        subprocess.run(command, cwd=tmp_path, check=True)
        check = (sys.executable, "-m", "hwgen", "vectors", "check", "results.jsonl", "--complete")
        done = subprocess.run(check, cwd=tmp_path, check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert " 0 mismatches of " in f" {done.stdout.splitlines()[-1]}"


@pytest.mark.parametrize("name", [FORWARD, LEARNER, SPIKING])
def test_it_is_independent_and_small(name):
    text = (EXAMPLES / f"{name}.py").read_text()
    imported = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add(node.module)
    assert imported <= {"hashlib", "json", "struct", "sys", "operator", "pathlib", FORWARD}
    assert len(text.splitlines()) < 250


# what, where it is found, the field that differs first, the text replaced, by what
FAULTS = [
    ("> is >=", "dense-step", "0.spike_times",
     "potential > self.thresholds[j]", "potential >= self.thresholds[j]"),
    ("threshold one up", "dense-step", "0.spike_times",
     "potential > self.thresholds[j]", "potential > self.thresholds[j] + 1"),
    ("fires again", "dense-step", "0.spike_times",
     "and self.times[j] == self.n_steps", ""),
    ("last of equal spikes", "ties", "decision",
     "max(fired, key", "max(reversed(fired), key"),
    ("first spike whatever the potential", "dense-ramp", "decision",
     "max(fired, key=self.potentials.__getitem__)", "fired[0]"),
    ("last of equal potentials", "ties", "decision",
     "max(range(layer.n)", "max(reversed(range(layer.n))"),
    ("decided by threshold distance", "dense-ramp", "decision",
     "max(range(layer.n), key=potentials.__getitem__)",
     "max(range(layer.n), key=lambda j: potentials[j] - layer.thresholds[j])"),
    ("never is a step earlier", "dense-ramp", "decision_step",
     "(best, self.n_steps)", "(best, self.n_steps - 1)"),
    ("potential kept", "dense-step", "0.spike_times",
     "inputs, [0] * self.n, None", "inputs, getattr(self, 'potentials', [0] * self.n), None"),
    ("reset after a spike", "dense-step", "0.potentials",
     "self.times[j] = step", "self.times[j] = step; self.potentials[j] = 0"),
    ("slope counts a step later", "dense-ramp", "0.spike_times",
     """added = slopes = list(map(add, slopes, added))
            self.potentials = list(map(add, self.potentials, added))""",
     """added, slopes = slopes, list(map(add, slopes, added))
            self.potentials = list(map(add, self.potentials, added))"""),
    ("triangle ends late", "dense-triangle", "0.spike_times",
     "(2 * tau, 1)", "(2 * tau + 1, 1)"),
    ("triangle turns late", "dense-triangle", "0.spike_times",
     "(tau, -2)", "(tau + 1, -2)"),
    ("fires before its phase", "dense-phased", "0.spike_times",
     "if not self.phased:", "if True:"),
    ("drive after firing", "dense-phased", "0.spike_times",
     """                self.potentials = list(map(add, self.potentials, self.drives))
                self.fire(step)""",
     """                self.fire(step)
                self.potentials = list(map(add, self.potentials, self.drives))"""),
    ("slope in its own phase", "dense-phased", "0.spike_times",
     "map(add, self.potentials, self.drives)",
     "map(add, map(add, self.potentials, slopes), self.drives)"),
    ("pad one row more", "conv-stride", "0.spike_times",
     "row + padding - k", "row + padding + 1 - k"),
    ("pad one column less", "conv-wide", "0.spike_times",
     "column + padding - m", "column + padding - 1 - m"),
    ("pad left out", "conv-pool", "0.spike_times",
     "row + padding - k", "row - k"),
    ("filter turned", "conv", "0.spike_times",
     "(k * size + m)", "(m * size + k)"),
    ("filter upside down", "conv", "0.spike_times",
     "row + padding - k", "row + padding - size + 1 + k"),
    ("picture turned", "conv", "0.spike_times",
     'divmod(place, self.spec["width"])', 'divmod(place, self.spec["height"])'),
    ("channels swapped", "conv-pool", "2.spike_times",
     "channels + channel) * filters", "channels + channels - 1 - channel) * filters"),
    ("latest of a window", "conv-pool", "1.spike_times",
     "            min(\n", "            max(\n"),
    ("windows a row off", "conv-pool", "1.spike_times",
     "range(y * size, (y + 1) * size)", "range(y * size, (y + 1) * size - 1)"),
    ("spikes a step later", "conv-pool", "1.spike_times",
     "times = answer[f\"{index}.spike_times\"] = layer.times",
     "answer[f\"{index}.spike_times\"] = layer.times; "
     "times = [min(t + 1, self.n_steps) for t in layer.times]"),
    ("times of seven bits", "many-steps", "0.spike_times",
     '"U8": "B"', '"U8": "b"'),
    ("weights unsigned", "dense-step", "0.spike_times",
     '"I8": "b"', '"I8": "B"'),
]  # fmt: skip
LEARNING_FAULTS = [
    ("rounds down", "learn-step", "(1 << surplus - 1)", "0"),
    ("errors not scaled up", "learn-phased", "e << -surplus", "e"),
    ("dither of inputs only", "learn-step", "self.state + i + j &", "self.state + i &"),
    ("dither of neurons only", "learn-step", "self.state + i + j &", "self.state + j &"),
    ("no dither", "learn-box", "+ dither >> q", ">> q"),
    ("dither stands still", "learn-step",
     "self.state = self.state >> 1 ^", "self.state = self.state or self.state >> 1 ^"),
    ("another tap", "learn-step", "0xB400", "0xB500"),
    ("never halved", "learn-box", 'min(rule["n_halvings"]', 'min(0 * rule["n_halvings"]'),
    ("halved too often", "learn-box", 'min(rule["n_halvings"]', 'min(1 + rule["n_halvings"]'),
    ("shifts farther than 15", "learn-slow", "min(15, shift", "min(16, shift"),
    ("margin of the label only", "learn-phased", "own + margin", "own"),
    ("margin of the others only", "learn-phased", "rival - margin", "rival"),
    ("label not excepted", "learn-exponential", "if k != label", ""),
    ("ramp from 0", "learn-phased", "max(0, d + 1)", "max(0, d)"),
    ("step counts d", "learn-step", "int(d >= 0)", "max(0, d + 1)"),
    ("ramp's window goes negative", "learn-last", "max(0, d + 1)", "d + 1"),
    ("later inputs too", "learn-step", "int(d >= 0)", "1"),
    ("later inputs raise", "learn-box",
     'return -1, self.rule["anticausal_shift"]', 'return 1, self.rule["anticausal_shift"]'),
    ("later inputs at the full rate", "learn-box",
     'return -1, self.rule["anticausal_shift"] + far', "return -1, far"),
    ("time in full steps", "learn-exponential", 'abs(d) >> self.rule["tau_log2"]', "abs(d)"),
    ("silent neurons learn later", "learn-last", "min(t, end)", "t"),
    ("two-phase neurons by their own time", "learn-phased",
     "end if layer.phased else min(t, end)", "min(t, end)"),
    ("inputs that never came learn", "learn-box", "            if time == self.n_steps:\n",
     "            if time > self.n_steps:\n"),
    ("wraps around", "learn-box", "min(most, shadows[place] + change)", "shadows[place] + change"),
    ("one weight less at the bottom", "learn-box",
     "-(1 << s - 1) + (1 << s - b)", "-(1 << s - 1)"),
    ("one less at the bottom of signs", "learn-step", "-most if", "-most - 1 if"),
    ("errors down to later inputs", "learn-step", "if time <= references[j]\n", "if True\n"),
    ("errors down to earlier inputs only", "learn-step", "time <= references", "time < references"),
    ("errors down to the first of a phase", "learn-phased", "not (phased and time == 0)", "True"),
    ("weights of after", "learn-step", "            if index - 1 in self.shadows:\n",
     "            layer.weights = [-1 if s < 0 else 1 for s in self.shadows[index]]\n"
     "            if index - 1 in self.shadows:\n"),
    ("learns without a label", "learn-box",
     "if label != NO_LABEL:", "if [label := label % NO_LABEL]:"),
]  # fmt: skip

# These show in what comes after the first training sample.
FORWARD_LEARNING_FAULTS = [
    ("weights rounded", "learn-box", "else s >> down", "else s + (1 << down - 1) >> down"),
    ("weights of before", "learn-step", "self.layers[index].weights = [", "_ = ["),
    ("last layer only", "learn-step", 'self.rule["layers"] == "all"', "False"),
]
HARMLESS = [
    ("inputs in another order", FORWARD, "dense-step",
     "in enumerate(values):", "in reversed(list(enumerate(values))):"),
    ("never came is later than any", LEARNER, "learn-step", "if time < self.n_steps and", "if"),
]  # fmt: skip


@of_each(FAULTS, ("name", "first", "old", "new"))
def test_a_fault_is_found(name, first, old, new, tmp_path):
    found = conformance_check.check(run(program(FORWARD, old, new), name, tmp_path / "r"))
    assert found.n_mismatches
    assert found.difference.field == first


@of_each(LEARNING_FAULTS, ("name", "old", "new"))
def test_a_fault_in_learning_is_found(name, old, new, tmp_path, learner):
    found = conformance_check.check(run(learner(old, new), name, tmp_path / "r"))
    assert found.n_mismatches
    assert found.difference.field.endswith(".shadows")


@of_each(FORWARD_LEARNING_FAULTS, ("name", "old", "new"))
def test_a_fault_in_what_was_learnt_is_found(name, old, new, tmp_path, learner):
    found = conformance_check.check(run(learner(old, new), name, tmp_path / "r"))
    assert found.n_mismatches
    assert found.difference.sample > 0
    assert not found.difference.field.endswith(".shadows")


@of_each(HARMLESS, ("which", "name", "old", "new"))
def test_what_is_harmless_is_not_reported(which, name, old, new, tmp_path, learner):
    module = learner(old, new) if which == LEARNER else program(which, old, new)
    conformance_check.check(run(module, name, tmp_path / "r"), complete=True).check()


SPIKING_FAULTS = [
    ("> is >=", "reset-zero", "0.spikes", "else 1  # above", "else 0  # above"),
    ("no reset", "reset-zero", "0.spikes", "if spikes[j]:", "if False:"),
    ("zero for subtract", "reset-subtract", "0.spikes", 'self.spec["reset"] == "zero"', "True"),
    ("subtract for zero", "reset-zero", "0.spikes", 'self.spec["reset"] == "zero"', "False"),
    ("no leak", "reset-zero", "0.spikes", 'if self.spec["leak_shift"]:', "if False:"),
    ("leak towards zero", "reset-potential", "0.spikes",
     'of * times // 2 ** self.spec["leak_shift"]',
     'int(of * times / 2 ** self.spec["leak_shift"])'),
    ("no bias", "neuron-bias", "0.spikes", "+ bias for", "for"),
    ("above for at", "neuron-bias", "0.spikes", 'self.spec.get("fires") == "at"', "False"),
    ("a leak of one part", "neuron-leak", "0.spikes", 'self.spec.get("leak_times", 1)', "1"),
    ("leak behind the reset", "neuron-leak", "0.spikes", "full if first else", ""),
    ("no fraction", "neuron-leak", "0.spikes", 'self.spec.get("fraction_bits", 0)', "0"),
    ("a sample's state is kept", "reset-zero", "1.spikes",
     "self.potentials = [0] * self.n",
     "self.potentials = getattr(self, 'potentials', [0] * self.n)"),
    ("counts only", "reset-subtract", "decision", "counts[j], layer.potentials[j]", "counts[j]"),
    ("potentials only", "reset-zero", "decision",
     "counts[j], layer.potentials[j]", "layer.potentials[j]"),
    ("pools of all", "reset-conv", "1.spikes",
     "self.run([1 - fires for fires in inputs])", "self.run(inputs)"),
    ("steps in another order", "reset-zero", "0.spikes",
     "rows[i : i + n_steps]", "rows[i : i + n_steps][::-1]"),
    ("values in the first step only", "values-dense", "0.spikes",
     "[[sample] * n_steps for", "[[sample] + [[0] * len(sample)] * (n_steps - 1) for"),
]  # fmt: skip


@of_each(SPIKING_FAULTS, ("network", "differs", "old", "new"))
def test_a_fault_in_a_multi_spike_network_is_found(network, differs, old, new, tmp_path, spiking):
    found = conformance_check.check(run(spiking(old, new), network, tmp_path / "r"))
    assert found.difference is not None
    assert found.difference.field == differs
