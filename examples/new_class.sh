#!/bin/sh
# A core that has learnt the digits 0 to 8 is to know the 9, too. Only its last layer learns, from
# samples of all classes: the hidden layer, and what it has learnt, stay as they are.
#
#     sh examples/new_class.sh [RECIPE] [SAMPLES OF NINE CLASSES] [SAMPLES OF TEN] [SHIFT]
set -eu
recipe=${1:-models/mnist-learn/recipe.toml}
hwgen learn "$recipe" --labels 0,1,2,3,4,5,6,7,8 --samples "${2:-120000}" --out runs/nine
hwgen learn runs/nine --layers last --shift "${4:-5}" --samples "${3:-3000}" --out runs/ten
