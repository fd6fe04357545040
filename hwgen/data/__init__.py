"""Data sets, recordings and pictures: where they are, and how they become spikes."""
