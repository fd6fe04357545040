"""Memories, and what reads them a cycle later."""
