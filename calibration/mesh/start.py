"""Where the fit of a whole model starts: what is known of a chip after a first round."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from calibration.chip import ChipUnderTest, mesh_of
from calibration.faults import ChannelFault
from calibration.mesh.refine import Snapshot
from calibration.result import ChipCalibration

__all__ = ["Start", "data_sheet"]


class Start(NamedTuple):
    """A guess of the whole chip, and what it rests on."""

    guess: ChipCalibration
    """Close enough for the fit."""
    faults: tuple[ChannelFault, ...]
    settings: list[Snapshot]
    """Random settings for the fit, by outputs in their order."""
    fringe_amplitude: NDArray[np.float64]
    """Shape (shifters,), as of `CalibrationQuality`."""
    visibility: NDArray[np.float64]
    """Shape (shifters,), as of `CalibrationQuality`."""


def data_sheet(chip: ChipUnderTest, die_c: float) -> ChipCalibration:
    """What is known of a chip before anything is measured.

    Args:
        chip: the chip.
        die_c: die temperature that its phases are to be told for, in C.
    """
    return ChipCalibration.nominal(
        mesh_of(chip),
        chip.nominal_phase_rad_per_v2,
        max_drive_v=chip.max_drive_v,
        reference_die_c=die_c,
    )
