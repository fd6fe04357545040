#!/bin/sh
# A trained core meets a world that is not the one it was trained in, and gets 900 samples with
# labels to find its feet: everything turned by 30 degrees; every tenth pixel noise.
#
#     sh examples/distribution_shift.sh [MODEL] [SAMPLES]
set -eu
model=${1:-mnist-real}
samples=${2:-900}
for layers in last all; do
    hwgen learn "$model" --layers $layers --samples "$samples" --rotate 30 --out runs/turned-$layers
    hwgen learn "$model" --layers $layers --samples "$samples" --noise 0.1 --out runs/noisy-$layers
done
