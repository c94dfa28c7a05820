"""Parameters, the elements that they change, and the matrices that those change."""

from dataclasses import replace

import numpy as np
import pytest

from calibration.mesh.elements import Elements, point_at, pull, push, slopes_by_phase, strengths
from calibration.mesh.parameters import Block, Parameters
from calibration.model import predicted_transfer
from calibration.neighbours import Neighbours
from calibration.result import ChipCalibration
from lumina.theory.mesh import MeshArchitecture
from tests.calibration.known_chip import known_chip

MESH = MeshArchitecture(4, "svd")
DIE_C = 48.0
DRIVE_V = np.random.default_rng(2).uniform(1.0, 6.0, MESH.shifters)


def a_chip() -> ChipCalibration:
    """With uneven ports, swapped channels, and attenuators whose couplers are alike."""
    chip, rng = known_chip(MESH, seed=1), np.random.default_rng(3)
    error_rad, channel = chip.splitter_error_rad.copy(), np.arange(MESH.shifters)
    error_rad[13:20:2] = error_rad[12:20:2]
    channel[[3, 20]] = channel[[20, 3]]
    return replace(
        chip,
        splitter_error_rad=error_rad,
        channel=channel,
        output_gain=np.exp(0.05 * rng.standard_normal(4)),
        input_gain=np.exp(0.05 * rng.standard_normal(4)),
    )


def parameters_of(chip: ChipCalibration) -> Parameters:
    neighbours = Neighbours.of(MESH, chip.channel)
    return Parameters(MESH, neighbours, np.full(MESH.shifters, 3.0))


def seen(calibration: ChipCalibration) -> np.ndarray:
    return point_at(calibration, DRIVE_V, DIE_C).transfer


@pytest.mark.parametrize("block", list(Block))
def test_a_small_move_changes_the_transfer_as_it_is_pushed(block: Block) -> None:
    chip = a_chip()
    parameters, point = parameters_of(chip), point_at(chip, DRIVE_V, DIE_C)
    levers, warmth = parameters.levers(chip, point), parameters.warmth(point)
    own = np.flatnonzero(parameters.chosen((block,)))
    small, slopes, changes = 1e-4, [], []
    for parameter in own[::5]:
        step = np.zeros(len(parameters.chosen(())))
        step[parameter] = 1.0
        slopes.append(push(point, parameters.to_elements(step, levers, warmth)))
        changes.append((seen(parameters.moved(chip, small * step)) - seen(chip)) / small)
    # Slopes leave out what crosstalk does to a correction: a percent or so.
    np.testing.assert_allclose(changes, slopes, atol=0.02 * np.abs(slopes).max())


def test_what_pulls_at_parameters_is_the_transpose_of_what_they_push() -> None:
    chip, rng = a_chip(), np.random.default_rng(4)
    parameters, point = parameters_of(chip), point_at(chip, DRIVE_V, DIE_C)
    levers, warmth = parameters.levers(chip, point), parameters.warmth(point)
    vector = rng.standard_normal(len(parameters.chosen(())))
    rest = rng.standard_normal((4, 4, 2)) @ np.array([1.0, 1.0j])
    pushed = push(point, parameters.to_elements(vector, levers, warmth))
    pulled = parameters.from_elements(pull(point, rest), levers, warmth)
    assert float(vector @ pulled) == pytest.approx(float(np.vdot(pushed, rest).real))


def test_strengths_are_the_squared_norms_of_single_elements() -> None:
    point = point_at(a_chip(), DRIVE_V, DIE_C)
    strength = strengths(point)
    nothing = Elements(*(np.zeros(len(part)) for part in strength))
    for name in ("phase", "splitter", "log_output", "log_input"):
        for at in range(0, len(getattr(strength, name)), 3):
            one = np.zeros(len(getattr(strength, name)))
            one[at] = 1.0
            slope = push(point, nothing._replace(**{name: one}))
            norm = float(np.sum(np.abs(slope) ** 2))
            assert getattr(strength, name)[at] == pytest.approx(norm)


def test_single_slopes_are_those_that_are_pushed() -> None:
    point = point_at(a_chip(), DRIVE_V, DIE_C)
    slopes = slopes_by_phase(point, np.array([3, 20, 30]))
    strength = strengths(point)
    np.testing.assert_allclose(
        np.sum(np.abs(slopes) ** 2, axis=(1, 2)), strength.phase[[3, 20, 30]]
    )


def test_a_point_predicts_what_the_model_predicts() -> None:
    chip = a_chip()
    point = point_at(chip, DRIVE_V, DIE_C)
    told = predicted_transfer(chip, point.own_phase_rad, DIE_C - chip.reference_die_c)
    np.testing.assert_allclose(point.transfer, told, atol=1e-12)
