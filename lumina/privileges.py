"""Scheduling privileges for the loop's thread: take what the system grants, and say so."""

import ctypes
import os
import threading
from enum import Enum

__all__ = ["PrivilegeTier", "raise_privileges"]

FIFO_PRIORITY = 50
NICE = -20
TIMER_SLACK_NS = 1
PR_SET_TIMERSLACK = 29
MCL_CURRENT = 1


class PrivilegeTier(Enum):
    """What the loop's thread was granted, best first."""

    FIFO_LOCKED = "SCHED_FIFO, memory locked"
    FIFO = "SCHED_FIFO"
    NICE = "nice -20"
    TIMER_SLACK = "timer slack 1 ns"


def set_timer_slack() -> None:
    """Let this thread's sleeps end on time instead of up to 50 us late."""
    ctypes.CDLL(None).prctl(PR_SET_TIMERSLACK, TIMER_SLACK_NS, 0, 0, 0)


def lock_memory() -> bool:
    """Keep the process's pages in memory; whether the system agreed."""
    return int(ctypes.CDLL(None).mlockall(MCL_CURRENT)) == 0


def raise_privileges() -> PrivilegeTier:
    """Raise the calling thread's scheduling as far as permitted, and tell how far.

    Only the thread is raised; locking memory concerns the whole process.
    """
    set_timer_slack()
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(FIFO_PRIORITY))
    except OSError:
        try:
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
        except OSError:
            return PrivilegeTier.TIMER_SLACK
        return PrivilegeTier.NICE
    return PrivilegeTier.FIFO_LOCKED if lock_memory() else PrivilegeTier.FIFO
