"""How good a network is, and how much it computes, by golden."""
