#!/bin/sh
# All vectors and training samples that ship, through the implementations in examples/ and `hwgen conformance check`.
set -eu
cd "$(dirname "$0")/.."
results=$(mktemp)
trap 'rm -f "$results"' EXIT
answer() { # program, network
    .venv/bin/python "examples/$1.py" "$2" "$results"
    .venv/bin/hwgen conformance check "$results" --complete
}
for network in conformance/* models/*; do
    program=second_implementation
    ! grep -aqE 'spike_count|readout[\": ]+potential' "$network/params.safetensors" ||
        program=second_multi_spike
    [ ! -f "$network/vectors.safetensors" ] || answer "$program" "$network"
    [ ! -f "$network/lessons.safetensors" ] || answer second_learner "$network"
done
