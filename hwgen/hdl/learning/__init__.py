"""The learning unit: errors of neurons, and updates of shadow weights."""
