"""Neurons: their state, their pipeline, and how their spikes leave it."""
