"""What a calibration adds to its run's report: everything for the lab book, from the run folder."""

from calibration.report._addition import calibration_addition

__all__ = ["calibration_addition"]
