"""The same of networks whose neurons fire more than once: `docs/contract.md`, sections 4 to 6.

python second_multi_spike.py conformance/reset-zero results.jsonl [how many samples]
hwgen conformance check results.jsonl
"""

import json
import sys
from operator import add
from pathlib import Path

import second_implementation as single


class Neurons(single.Neurons):
    """A dense or a conv2d layer; without `reset`, an output layer that only integrates."""

    def begin(self):
        self.potentials = [0] * self.n

    def step(self, inputs):
        """Who fires, [n] of 0 and 1, if these inputs do, or bring these values."""
        shift, biases = self.spec.get("fraction_bits", 0), self.biases or [0] * self.n
        sums = self.sums(inputs)
        added = [(sum_ << shift) + bias for sum_, bias in zip(sums, biases, strict=True)]
        potentials = self.potentials = list(map(add, self.potentials, added))
        least = 0 if self.spec.get("fires") == "at" else 1  # above the threshold
        spikes = [
            int(v >= limit + least) for v, limit in zip(potentials, self.thresholds, strict=True)
        ]
        if "reset" not in self.spec:
            return spikes
        for j, limit in enumerate(self.thresholds):
            full = potentials[j]
            if spikes[j]:
                potentials[j] = 0 if self.spec["reset"] == "zero" else full - limit
            if self.spec["leak_shift"]:
                first = self.spec.get("order") == "leak, reset" and self.spec["reset"] == "subtract"
                of = full if first else potentials[j]
                times = self.spec.get("leak_times", 1)
                potentials[j] -= of * times // 2 ** self.spec["leak_shift"]
        return spikes


class Pool(single.Pool):
    """Section 5: the later a spike, the greater its time; so whoever fires now comes first."""

    def begin(self):
        pass

    def step(self, inputs):
        self.run([1 - fires for fires in inputs])
        return [1 - silent for silent in self.times]


class Network(single.Network):
    layer_kinds = Neurons, Pool

    def run(self, steps):
        """Spikes, or values, a list of [n_inputs] a step, to a line of results: what section 8
        lists."""
        all_spikes = [[] for _ in self.layers]
        for layer in self.layers:
            layer.begin()
        for spikes in steps:
            for layer, seen in zip(self.layers, all_spikes, strict=True):
                spikes = layer.step(spikes)
                seen.append(spikes)
        answer = {}
        for index, (layer, seen) in enumerate(zip(self.layers, all_spikes, strict=True)):
            answer[f"{index}.spikes"] = [fires for spikes in seen for fires in spikes]
            if isinstance(layer, Neurons):
                answer[f"{index}.potentials"] = layer.potentials
        counts = [sum(spikes) for spikes in zip(*seen, strict=True)]  # 0 in an integrator

        def rank(j):
            return counts[j], layer.potentials[j]

        decision = max(range(layer.n), key=rank)  # the first of equals
        return {"decision": decision, "decision_step": self.n_steps, **answer}


def samples_of(network, vectors):
    """What comes in, a list of [n_inputs] a step: spikes, or, each time, the same values."""
    given, n_steps = network.spec["input"], network.n_steps
    if given.get("encoding") == "direct":
        return [[sample] * n_steps for sample in single.values(vectors["inputs"], given)]
    rows = single.raster(vectors["inputs"], given)
    return [rows[i : i + n_steps] for i in range(0, len(rows), n_steps)]


def main(folder, results, n=None):
    network = Network(Path(folder) / "params.safetensors")
    _, _, vectors = single.read(Path(folder) / "vectors.safetensors")
    n_samples, samples = len(vectors["labels"]), samples_of(network, vectors)
    with Path(results).open("w") as file:
        print(json.dumps({"format": "hwgen-results-1", "digest": network.digest}), file=file)
        for sample in range(min(int(n or n_samples), n_samples)):
            answer = network.run(samples[sample])
            print(json.dumps({"sample": sample, **answer}), file=file)


if __name__ == "__main__":
    main(*sys.argv[1:])
