"""What a calibration run is to do."""

from dataclasses import dataclass

from lumina.runtime.recorded import RunPlan

__all__ = ["CalibrationPlan"]


@dataclass(frozen=True, kw_only=True)
class CalibrationPlan(RunPlan):
    """What to calibrate.

    Attributes:
        routines: by name; empty for all that apply.
        resume: go on where an interrupted run of the same plan stopped, if there is one.
    """

    routines: tuple[str, ...] = ()
    resume: bool = False
