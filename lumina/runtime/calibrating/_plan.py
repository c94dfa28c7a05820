"""What a calibration run is to do."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from lumina.errors import UsageError
from lumina.runtime.recording.recorded import RunPlan

__all__ = ["CalibrationPlan", "WallClock"]

WallClock = Callable[[], datetime]
"""The present date and time, for records only."""


@dataclass(frozen=True, kw_only=True)
class CalibrationPlan(RunPlan):
    """What to calibrate.

    Attributes:
        routines: by name; empty for all that apply.
        resume: go on where an interrupted run of the same plan stopped, if there is one.
    """

    routines: tuple[str, ...] = ()
    resume: bool = False

    @property
    def store(self) -> Path:
        """Folder of stored calibrations.

        Raises:
            UsageError: the plan names none.
        """
        if self.calibrations is None:
            raise UsageError("a calibration needs a folder to be stored in")
        return self.calibrations
