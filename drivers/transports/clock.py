"""The one place where a wire's own thread takes the time; coroutines ask their loop."""

import time

__all__ = ["monotonic"]

# A bus thread waits for a real device, outside any event loop and never in virtual time.
monotonic = time.monotonic  # noqa: TID251
