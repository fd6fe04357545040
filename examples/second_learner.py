"""A network that learns, in plain Python, from `docs/learning.md` alone. Point numbers are its own.

python second_learner.py models/digits-learn results.jsonl [how many training samples]
hwgen conformance check results.jsonl
"""

import json
import sys
from pathlib import Path

from second_implementation import Network, read

NO_LABEL = 255


class Learner(Network):
    """A network that changes its weights after samples that come with a label."""

    def __init__(self, path):
        super().__init__(path)
        self.rule = self.spec["learning"]
        self.state, self.n_lessons = self.rule["seed"], 0
        self.shadows = {  # by layer
            index: self.tensors[f"{index}.shadows"]
            for index in range(len(self.layers))
            if self.rule["layers"] == "all" or index == len(self.layers) - 1
        }

    def learn(self, label):
        """Change the weights by the sample that was run last."""
        rule, end = self.rule, self.n_steps - 1
        halvings = min(rule["n_halvings"], self.n_lessons >> rule["halve_log2"])
        errors = self.output_errors(self.layers[-1].times, label)
        for index in sorted(self.shadows, reverse=True):
            errors = self.scaled(errors)
            if not any(errors):
                break
            layer = self.layers[index]
            references = [end if layer.phased else min(t, end) for t in layer.times]
            last = index == len(self.layers) - 1
            shift = halvings + rule["output_shift" if last else "hidden_shift"]
            self.update(index, errors, references, shift)
            if index - 1 in self.shadows:
                errors = self.passed_down(layer, errors, references, self.layers[index - 1].phased)
        for index, shadows in self.shadows.items():  # now only: all is done with the weights before
            b = self.spec["layers"][index]["weight_bits"]
            down = rule["shadow_bits"] - b
            self.layers[index].weights = [
                (-1 if s < 0 else 1) if b == 1 else s >> down for s in shadows
            ]
        self.n_lessons += 1
        self.state = self.state >> 1 ^ (0xB400 if self.state & 1 else 0)

    def output_errors(self, times, label):
        """Point 1."""
        margin, own = self.rule["margin_steps"], times[label]
        rival = min(time for k, time in enumerate(times) if k != label)
        errors = [min(0, time - min(self.n_steps, own + margin)) for time in times]
        errors[label] = max(0, own - max(0, rival - margin))
        return errors

    def scaled(self, errors):
        """Point 2."""
        surplus = max(map(abs, errors)).bit_length() - self.rule["error_bits"]
        if surplus > 0:
            return [e + (1 << surplus - 1) >> surplus for e in errors]
        return [e << -surplus for e in errors]

    def window(self, d, psp):
        """Point 4: the whole part, and by how much it is shifted to the right."""
        if self.rule["window"] == "psp":
            return (max(0, d + 1) if psp == "ramp" else int(d >= 0)), 0
        far = abs(d) >> self.rule["tau_log2"] if self.rule["window"] == "exponential" else 0
        if d >= 0:
            return 1, far
        if self.rule["anticausal_shift"] is None:
            return 0, 0
        return -1, self.rule["anticausal_shift"] + far

    def update(self, index, errors, references, shift):
        """Points 4 and 5."""
        layer, shadows = self.layers[index], self.shadows[index]
        s, b = self.rule["shadow_bits"], self.spec["layers"][index]["weight_bits"]
        most = (1 << s - 1) - 1
        least = -most if b == 1 else -(1 << s - 1) + (1 << s - b)
        for i, time in enumerate(layer.inputs):
            if time == self.n_steps:
                continue
            for j, error in enumerate(errors):
                whole, farther = self.window(references[j] - time, layer.psp)
                q = min(15, shift + farther)
                if q < 0:
                    change = error * whole << -q
                else:
                    dither = self.state + i + j & (1 << q) - 1
                    change = error * whole + dither >> q
                place = i * layer.n + j
                shadows[place] = max(least, min(most, shadows[place] + change))

    def passed_down(self, layer, errors, references, phased):
        """Point 6, for the layer below, which is phased or not."""
        return [
            sum(
                layer.weights[i * layer.n + j] * error
                for j, error in enumerate(errors)
                if time <= references[j]
            )
            if time < self.n_steps and not (phased and time == 0)
            else 0
            for i, time in enumerate(layer.inputs)
        ]


def main(folder, results, n=None):
    network = Learner(Path(folder) / "params.safetensors")
    _, _, vectors = read(Path(folder) / "lessons.safetensors")
    labels, inputs = vectors["labels"], vectors["inputs"]
    n_inputs = len(inputs) // len(labels)
    with Path(results).open("w") as file:
        header = {"format": "hwgen-results-1", "digest": network.digest, "learning": True}
        print(json.dumps(header), file=file)
        for sample, label in enumerate(labels[: int(n or len(labels))]):
            answer = network.run(inputs[sample * n_inputs : (sample + 1) * n_inputs])
            if label != NO_LABEL:
                network.learn(label)
            for index, shadows in network.shadows.items():
                answer[f"{index}.shadows"] = shadows
            print(json.dumps({"sample": sample, **answer}), file=file)


if __name__ == "__main__":
    main(*sys.argv[1:])
