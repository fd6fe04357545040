"""What training does with each kind of layer: a file a kind, and a table of them."""
