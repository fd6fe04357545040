"""A core's two ends: what lets samples in, what decides, what counts."""
