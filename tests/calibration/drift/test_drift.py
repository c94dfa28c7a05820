"""A check says what moved and by how much; following it leaves everything else alone."""

from dataclasses import replace

import numpy as np
import pytest

from calibration.drift import DriftReport, check_chip, follow_drift
from calibration.model import path_scale
from calibration.result import ChipCalibration
from lumina.errors import CalibrationError
from tests.calibration.known_chip import known_chip, some_quality
from tests.calibration.simulated_chip import SimulatedChip


def silent(stage: str, done: float) -> None:
    """Nobody watches."""


class AgeingChip(SimulatedChip):
    """A chip whose receivers can lose gain."""

    def __init__(self, ports: int) -> None:
        super().__init__(ports, "svd", seed=2)
        self.output_gain = np.ones(ports)

    def true_transfer(self) -> np.ndarray:
        return np.asarray(self.output_gain[:, None] * super().true_transfer())


def learned(ports: int) -> tuple[AgeingChip, ChipCalibration]:
    """A chip, and a calibration of it as good as one can be."""
    chip = AgeingChip(ports)
    known = known_chip(chip.architecture, seed=2)
    lost = 1.0 / path_scale(chip.architecture, chip.hidden.amplitude)
    quality = some_quality(chip.architecture.shifters)
    return chip, replace(known, gain=chip.hidden.gain * lost, quality=quality)


async def checked(chip: SimulatedChip, known: ChipCalibration, seed: int = 5) -> DriftReport:
    rng = np.random.default_rng(seed)
    return await check_chip(chip, known, rng=rng, progress=silent)


def turn(chip: SimulatedChip, *drifts: tuple[int, float]) -> None:
    for channel, by_rad in drifts:
        chip.hidden.phi0_rad[channel] += by_rad


async def test_a_fresh_calibration_holds_and_nothing_moved() -> None:
    chip, known = learned(4)
    for seed in range(5):
        report = await checked(chip, known, seed)
        assert report.holds
        assert not report.phase_moved.any()
        assert not report.output_moved.any()
        assert report.transfer_error < 0.01
        assert report.noise == pytest.approx(chip.noise, rel=0.15)
    assert report.measurements == 96


@pytest.mark.parametrize("ports", [4, 8])
async def test_the_channels_that_moved_are_named_with_their_drift(ports: int) -> None:
    chip, known = learned(ports)
    turn(chip, (5, 0.08), (chip.architecture.shifters - 9, -0.8))
    report = await checked(chip, known)
    assert not report.holds
    moved = np.flatnonzero(report.phase_moved)
    assert moved.tolist() == [5, chip.architecture.shifters - 9]
    np.testing.assert_allclose(report.drift.phase_rad[moved], [0.08, -0.8], atol=0.01)
    assert not report.output_moved.any()


async def test_a_receiver_that_lost_its_gain_is_told_from_phases() -> None:
    chip, known = learned(4)
    chip.output_gain[2] = 0.9
    report = await checked(chip, known)
    assert not report.holds
    assert np.flatnonzero(report.output_moved).tolist() == [2]
    assert report.drift.output_gain[2] == pytest.approx(0.9, abs=0.005)
    assert not report.phase_moved.any()


async def test_following_the_drift_refits_what_moved_and_nothing_else() -> None:
    chip, known = learned(4)
    turn(chip, (3, 0.3), (20, -0.15))
    rng = np.random.default_rng(6)
    found, report = await follow_drift(chip, known, rng=rng, progress=silent)
    assert np.flatnonzero(report.phase_moved).tolist() == [3, 20]
    changed = np.flatnonzero(found.phi0_rad != known.phi0_rad)
    assert changed.tolist() == [3, 20]
    assert found.crosstalk is known.crosstalk
    assert (await checked(chip, found)).holds


async def test_a_phase_between_the_meshes_is_put_down_to_the_last_one() -> None:
    chip, known = learned(4)
    turn(chip, (13, 0.4))
    found, report = await follow_drift(chip, known, rng=np.random.default_rng(6), progress=silent)
    assert not report.holds
    assert report.phase_moved[20:].any()
    assert not report.phase_moved[:20].any()
    assert (await checked(chip, found)).holds


async def test_what_is_more_than_drift_is_refused_with_the_channels() -> None:
    chip, known = learned(4)
    chip.hidden.phase_gain[7] *= 1.5
    with pytest.raises(CalibrationError, match="more than phases has changed") as caught:
        await follow_drift(chip, known, rng=np.random.default_rng(6), progress=silent)
    assert 7 in caught.value.channels


async def test_darkness_is_told_from_drift() -> None:
    chip, known = learned(4)
    chip.hidden = chip.hidden._replace(gain=0.0)
    with pytest.raises(CalibrationError, match="no light"):
        await checked(chip, known)
