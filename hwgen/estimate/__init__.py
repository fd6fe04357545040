"""What a design will cost before it is synthesized."""
