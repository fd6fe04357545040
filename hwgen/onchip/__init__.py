"""Learning on the chip, run by golden: from initial weights to a learning curve."""
