"""A model's folder, and the vectors beside its parameters."""
