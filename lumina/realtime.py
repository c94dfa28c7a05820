"""What compiled real-time threads ask of the operating system: time, and bytes.

Bound as external functions, which machine code calls without the GIL and which Numba can
cache. Only loops that live in threads of their own use these: everything else takes its
time from the asyncio loop.
"""

from typing import Any

import numpy as np
from numba.core import types
from numpy.typing import NDArray

from lumina.compiled import compiled

__all__ = [
    "GONE",
    "PERIOD_NS",
    "POLL",
    "READABLE",
    "WRITABLE",
    "now_ns",
    "poll_until",
    "read_bytes",
    "sleep_until",
    "write_bytes",
]

PERIOD_NS = 1_000_000
"""Period of the control loop, ns."""

CLOCK_MONOTONIC = 1
TIMER_ABSTIME = 1
NS_PER_S = 1_000_000_000

READABLE = 0x001
WRITABLE = 0x004
GONE = 0x008 | 0x010 | 0x020
"""Bits of POLL's `events` and `returned`: POLLIN; POLLOUT; POLLERR, POLLHUP or POLLNVAL."""

POLL = np.dtype([("fd", "i4"), ("events", "i2"), ("returned", "i2")])
"""The system's struct pollfd."""

clock_gettime: Any = types.ExternalFunction(
    "clock_gettime", types.int32(types.int32, types.voidptr)
)
clock_nanosleep: Any = types.ExternalFunction(
    "clock_nanosleep", types.int32(types.int32, types.int32, types.voidptr, types.voidptr)
)
system_ppoll: Any = types.ExternalFunction(
    "ppoll", types.int32(types.voidptr, types.uint64, types.voidptr, types.uint64)
)
system_read: Any = types.ExternalFunction(
    "read", types.int64(types.int32, types.voidptr, types.uint64)
)
system_write: Any = types.ExternalFunction(
    "write", types.int64(types.int32, types.voidptr, types.uint64)
)


@compiled
def now_ns(timespec: NDArray[np.int64]) -> int:
    """Monotonic time, ns; `timespec` is scratch of shape (2,)."""
    clock_gettime(CLOCK_MONOTONIC, timespec.ctypes)
    return int(timespec[0] * NS_PER_S + timespec[1])


@compiled
def sleep_until(deadline_ns: int, timespec: NDArray[np.int64]) -> None:
    """Sleep to an absolute monotonic time, through any signals."""
    timespec[0] = deadline_ns // NS_PER_S
    timespec[1] = deadline_ns % NS_PER_S
    while clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, timespec.ctypes, timespec.ctypes) != 0:
        timespec[0] = deadline_ns // NS_PER_S
        timespec[1] = deadline_ns % NS_PER_S


@compiled
def poll_until(deadline_ns: int, polled: NDArray[Any], timespec: NDArray[np.int64]) -> int:
    """Wait for any of `polled` (dtype POLL) or an absolute monotonic time.

    Returns:
        How many have something to tell in `returned`; 0 when time is up.
    """
    wait_ns = max(deadline_ns - now_ns(timespec), 0)
    timespec[0] = wait_ns // NS_PER_S
    timespec[1] = wait_ns % NS_PER_S
    for index in range(polled.size):
        polled[index].returned = 0
    return max(int(system_ppoll(polled.ctypes, polled.size, timespec.ctypes, 0)), 0)


@compiled
def read_bytes(fd: int, into: NDArray[np.uint8]) -> int:
    """Read what there is into a buffer; 0 at the end of the stream, -1 if there is nothing."""
    return int(system_read(fd, into.ctypes, into.size))


@compiled
def write_bytes(fd: int, data: NDArray[np.uint8], length: int) -> int:
    """Write the first `length` bytes; how many were taken, -1 if none could be."""
    return int(system_write(fd, data.ctypes, length))
