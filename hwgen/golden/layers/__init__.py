"""Layers of golden: from the spikes of a sample to spikes, a file a kind."""
