from dataclasses import replace

import numpy as np
import pytest

from calibration.mesh.slopes import Block, moved, point_at, slopes_of
from calibration.model import predicted_transfer
from calibration.neighbours import Neighbours
from calibration.result import ChipCalibration
from lumina.theory.mesh import MeshArchitecture
from tests.calibration.known_chip import known_chip

ARCHITECTURE = MeshArchitecture(4, "svd")
DIE_C = 48.0


def with_even_attenuators(chip: ChipCalibration) -> ChipCalibration:
    """Couplers of an attenuator are told apart in second order only, so a fit keeps them equal."""
    error_rad = chip.splitter_error_rad.copy()
    error_rad[13:20:2] = error_rad[12:20:2]
    return replace(chip, splitter_error_rad=error_rad)


def seen(calibration: ChipCalibration, drive_v: np.ndarray) -> np.ndarray:
    return point_at(calibration, drive_v, DIE_C).transfer.ravel()


@pytest.mark.parametrize("block", list(Block))
def test_a_small_move_changes_the_transfer_as_its_slope_says(block: Block) -> None:
    chip = with_even_attenuators(known_chip(ARCHITECTURE, seed=1))
    neighbours = Neighbours.of(ARCHITECTURE)
    drive_v = np.random.default_rng(2).uniform(1.0, 6.0, ARCHITECTURE.shifters)
    slopes = slopes_of(block, point_at(chip, drive_v, DIE_C), neighbours)
    small = 1e-4
    for parameter in range(0, len(slopes), 5):
        step = np.zeros(len(slopes))
        step[parameter] = small
        change = seen(moved(chip, block, step, neighbours), drive_v) - seen(chip, drive_v)
        # Slopes leave out what crosstalk does to a correction: a percent or so.
        np.testing.assert_allclose(
            change / small, slopes[parameter], atol=0.02 * np.abs(slopes).max()
        )


def test_a_point_predicts_what_the_model_predicts() -> None:
    chip = known_chip(ARCHITECTURE, seed=3)
    drive_v = np.full(ARCHITECTURE.shifters, 3.0)
    point = point_at(chip, drive_v, DIE_C)
    told = predicted_transfer(chip, point.own_phase_rad, DIE_C - chip.reference_die_c)
    np.testing.assert_allclose(point.transfer, told, atol=1e-12)
