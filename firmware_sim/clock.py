"""The time by which simulated instruments answer: their clients live in real time."""

import time

__all__ = ["now_s"]


def now_s() -> float:
    """Seconds on a clock that never goes back."""
    return time.monotonic()  # noqa: TID251 - a server on a wire has no event loop to ask
