"""Faults on purpose: what can go wrong, when it shall, and making it so on a simulated bench.

catalogue   every fault by name: what it is, where it can strike, how hard
planned     NAME[:PLACE][=VALUE]@T[..T2], the faults of a run
planting    applies and lifts them at their bench time, and tells the journal
story       what the bench did about them
"""

from lumina.runtime.faults.catalogue import CATALOGUE, FaultKind
from lumina.runtime.faults.planned import PlannedFault, parse_fault, parse_faults
from lumina.runtime.faults.planting import Planting, planted
from lumina.runtime.faults.story import Story

__all__ = [
    "CATALOGUE",
    "FaultKind",
    "PlannedFault",
    "Planting",
    "Story",
    "parse_fault",
    "parse_faults",
    "planted",
]
