"""From a recipe to a trained network. The only place that imports torch."""
