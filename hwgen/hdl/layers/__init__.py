"""A file a kind of layer."""
