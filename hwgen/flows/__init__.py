"""What users ask for from beginning to end: train, learn, demo."""
