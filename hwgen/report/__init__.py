"""What was measured of a model, for people: card, page, curves."""
