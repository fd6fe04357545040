"""Boards: their files, their platforms for Amaranth, their PLLs."""
