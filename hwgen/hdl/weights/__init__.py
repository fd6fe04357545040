"""Weights in memories: loaded, read back, learnt."""
