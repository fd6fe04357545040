"""NIR, the exchange format of SNN frameworks: files in and out (`docs/nir.md`)."""
