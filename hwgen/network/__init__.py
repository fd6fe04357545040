"""What a network is: its specification, its integer parameters, its file."""
