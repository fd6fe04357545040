"""Vectors that let a second implementation check itself, and what checks it."""
