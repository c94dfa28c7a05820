"""Calibrations on disk: one readable file per version, never changed once written.

A folder such as ``calibrations/twin/npu/`` holds

- ``0001.json``, ``0002.json``, ...: the versions; the newest of a chip counts
- ``arrays/<digest>.npy``: arrays that are too large to read, named by their content

Each version is complete: findings that were not measured anew are carried over from the one
before, with the provenance that they had.
"""

from calibration.store._compare import Change, changes_between
from calibration.store._folder import CalibrationStore
from calibration.store._freshness import FreshnessRules, Surroundings, why_stale
from calibration.store._version import Chip, Provenance, Section, StoredCalibration

__all__ = [
    "CalibrationStore",
    "Change",
    "Chip",
    "FreshnessRules",
    "Provenance",
    "Section",
    "StoredCalibration",
    "Surroundings",
    "changes_between",
    "why_stale",
]
