"""The pace of a board's loop."""

__all__ = ["TICK_S"]

TICK_S = 1e-3
"""Period of a loop on a board, s."""
