"""A file a kind of layer, and the neurons that they share."""
