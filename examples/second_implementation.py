"""An hwgen network in plain Python, from `docs/contract.md` alone: no numpy, nothing of hwgen.

It is here to be read, and to show that the document is enough. Section numbers are the document's.

    python second_implementation.py models/mnist-binary results.jsonl [how many samples]
    hwgen conformance check results.jsonl
"""

import hashlib
import json
import struct
import sys
from operator import add
from pathlib import Path

CODES = {"I8": "b", "U8": "B", "I32": "i"}  # dtypes, as the module struct calls them


def read(path):
    """A safetensors file: its metadata, its tensors as bytes, and as flat lists of integers."""
    data = Path(path).read_bytes()
    (size,) = struct.unpack_from("<Q", data)
    table = json.loads(data[8 : 8 + size])
    metadata = table.pop("__metadata__", {})
    raw, tensors = {}, {}
    for name, entry in table.items():
        begin, end = (8 + size + offset for offset in entry["data_offsets"])
        raw[name] = data[begin:end]
        tensors[name] = [n for (n,) in struct.iter_unpack("<" + CODES[entry["dtype"]], raw[name])]
    return metadata, raw, tensors


class Pool:
    """Section 5. Spike times in, spike times out; T is never, so the earliest is the least."""

    def __init__(self, spec):
        self.spec = spec

    def run(self, inputs):
        height, width, channels = (self.spec[name] for name in ("height", "width", "channels"))
        size = self.spec["size"]
        self.times = [
            min(
                inputs[(row * width + column) * channels + c]
                for row in range(y * size, (y + 1) * size)
                for column in range(x * size, (x + 1) * size)
            )
            for y in range(height // size)
            for x in range(width // size)
            for c in range(channels)
        ]


class Neurons:
    """Section 4: a dense or a conv2d layer."""

    def __init__(self, spec, n_steps, weights, thresholds, drives, biases=()):
        self.spec, self.n_steps, self.weights = spec, n_steps, weights
        self.psp, self.phased = spec.get("psp", "step"), spec.get("phased", False)
        n_places = 1
        if spec["kind"] == "conv2d":
            self.rows, self.columns = (
                (spec[side] + 2 * spec["padding"] - spec["size"]) // spec["stride"] + 1
                for side in ("height", "width")
            )
            n_places = self.rows * self.columns
        self.thresholds, self.drives = thresholds * n_places, drives * n_places
        self.biases = list(biases) * n_places
        self.n = len(self.thresholds)

    def synapses(self, i):
        """Where input i goes: numbers of a first neuron, each with weights to it and to the next.

        All channels of a place of a picture have numbers that follow each other.
        """
        if self.spec["kind"] == "dense":
            yield 0, self.weights[i * self.n : (i + 1) * self.n]
            return
        size, stride, padding, channels, filters = (
            self.spec[name] for name in ("size", "stride", "padding", "channels", "filters")
        )
        place, channel = divmod(i, channels)
        row, column = divmod(place, self.spec["width"])
        for k in range(size):
            y, skipped = divmod(row + padding - k, stride)
            if skipped or not 0 <= y < self.rows:
                continue
            for m in range(size):
                x, skipped = divmod(column + padding - m, stride)
                if skipped or not 0 <= x < self.columns:
                    continue
                first = ((k * size + m) * channels + channel) * filters
                yield (y * self.columns + x) * filters, self.weights[first : first + filters]

    def sums(self, values):
        """Of each neuron, the sum of its weights times what inputs bring: 1 of a spike, else 0."""
        sums = [0] * self.n
        for i, value in enumerate(values):
            if value:
                for first, weights in self.synapses(i):
                    past = first + len(weights)
                    products = (value * weight for weight in weights)
                    sums[first:past] = map(add, sums[first:past], products)
        return sums

    def run(self, inputs):
        """Spike times [n_pre] of a sample in, or values; sets spike times and potentials, [n]."""
        self.inputs, self.potentials, self.decision = inputs, [0] * self.n, None
        self.times = [self.n_steps] * self.n
        slopes, sums = self.biases or [0] * self.n, []
        tau = self.spec.get("tau_steps", 0)
        takes_values = "input_bits" in self.spec
        if takes_values:
            self.potentials = self.sums(inputs)
        for step in range(0 if takes_values else self.n_steps):
            sums.append(self.sums([time == step for time in inputs]))
            added = sums[step]
            if self.psp == "triangle":
                for ago, factor in ((tau, -2), (2 * tau, 1)):
                    if ago <= step:
                        added = [
                            a + factor * s for a, s in zip(added, sums[step - ago], strict=True)
                        ]
            if self.psp != "step":
                added = slopes = list(map(add, slopes, added))
            self.potentials = list(map(add, self.potentials, added))
            if not self.phased:
                self.fire(step)
        if self.phased:
            for step in range(self.n_steps):
                self.potentials = list(map(add, self.potentials, self.drives))
                self.fire(step)

    def fire(self, step):
        """Point 3 of section 4; and point 1 of section 6, which only the last layer needs."""
        fired = [
            j
            for j, potential in enumerate(self.potentials)
            if potential > self.thresholds[j] and self.times[j] == self.n_steps
        ]
        for j in fired:
            self.times[j] = step
        if fired and not self.decision:
            self.decision = max(fired, key=self.potentials.__getitem__), step  # the first of equals


class Network:
    """A parameter file (sections 1 and 2) that answers samples."""

    layer_kinds = Neurons, Pool

    def __init__(self, path):
        metadata, raw, tensors = read(path)
        header = json.loads(metadata["hwgen"])
        if header["format"] != 1:
            raise SystemExit(f"{path}: format {header['format']}, expected 1")
        self.spec, self.tensors = header["spec"], tensors
        self.n_steps = self.spec["n_steps"]
        self.layers = []
        neurons, pool = self.layer_kinds
        text = json.dumps(self.spec, sort_keys=True, separators=(",", ":"))
        digest = hashlib.sha256(f"hwgen-params-1\n{text}\n".encode())
        for index, spec in enumerate(self.spec["layers"]):
            names = [f"{index}.{kind}" for kind in ("weights", "thresholds", "drives", "biases")]
            for name in (*names, f"{index}.shadows"):
                digest.update(raw.get(name, b""))
            if spec["kind"] == "pool2d":
                self.layers.append(pool(spec))
            else:
                numbers = (tensors.get(name, []) for name in names)
                self.layers.append(neurons(spec, self.n_steps, *numbers))
        self.digest = digest.hexdigest()
        if self.digest != header["digest"]:
            raise SystemExit(f"{path}: digest is {self.digest}, not {header['digest']}")

    def run(self, inputs):
        """Spike times, or values, [n_inputs] to a line of results: what section 8 lists."""
        times, answer = inputs, {}
        for index, layer in enumerate(self.layers):
            layer.run(times)
            times = answer[f"{index}.spike_times"] = layer.times
            if isinstance(layer, Neurons):
                answer[f"{index}.potentials"] = layer.potentials
        potentials = layer.potentials
        best = max(range(layer.n), key=potentials.__getitem__)  # section 6, point 2
        decision, step = layer.decision or (best, self.n_steps)
        return {"decision": decision, "decision_step": step, **answer}


def bits(data, n):
    """The first n of a list of bytes, the lowest first."""
    return [data[i // 8] >> i % 8 & 1 for i in range(n)]


def raster(data, spec):
    """Rows of bits [n_inputs] of a packed tensor: a step each, or a bit plane (section 8)."""
    sides = [spec[side] - 2 * spec["crop"] for side in ("height", "width")]
    n_inputs = sides[0] * sides[1] * spec.get("channels", 1)
    n_bytes = -(-n_inputs // 8)
    return [bits(data[i : i + n_bytes], n_inputs) for i in range(0, len(data), n_bytes)]


def values(data, spec):
    """Values [n_inputs] of each sample, of their packed bit planes (section 3)."""
    planes, n = raster(data, spec), spec["x_max"].bit_length()
    samples = (planes[i : i + n] for i in range(0, len(planes), n))
    return [[sum(b << p for p, b in enumerate(of_input)) for of_input in zip(*sample, strict=True)]
            for sample in samples]  # fmt: skip


def main(folder, results, n=None):
    network = Network(Path(folder) / "params.safetensors")
    _, _, vectors = read(Path(folder) / "vectors.safetensors")
    n_samples, inputs = len(vectors["labels"]), vectors["inputs"]
    n_inputs = len(inputs) // n_samples
    samples = [inputs[i : i + n_inputs] for i in range(0, len(inputs), n_inputs)]
    if network.spec["input"].get("encoding") == "direct":
        samples = values(inputs, network.spec["input"])
    with Path(results).open("w") as file:
        header = {"format": "hwgen-results-1", "digest": network.digest}
        print(json.dumps(header), file=file)
        for sample in range(min(int(n or n_samples), n_samples)):
            answer = network.run(samples[sample])
            print(json.dumps({"sample": sample, **answer}), file=file)


if __name__ == "__main__":
    main(*sys.argv[1:])
