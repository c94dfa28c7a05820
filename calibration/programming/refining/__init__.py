"""One programmed matrix bettered on the chip itself, by what is measured of it."""

from calibration.programming.refining._looks import HoldsPhases
from calibration.programming.refining._options import RefineOptions
from calibration.programming.refining._procedure import Refinement, refine_matrix

__all__ = ["HoldsPhases", "RefineOptions", "Refinement", "refine_matrix"]
