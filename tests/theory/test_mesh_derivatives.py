import numpy as np
import pytest
from numpy.typing import NDArray

from lumina.theory.mesh import MeshArchitecture, MeshKind
from lumina.theory.mesh_derivatives import TransferFactors, transfer_factors
from lumina.theory.mesh_kernels import couplers, transfer

STEP_RAD = 1e-5

FloatArray = NDArray[np.float64]


class Chip:
    """A lossy chip with coupler errors at a random working point."""

    def __init__(self, kind: MeshKind) -> None:
        self.architecture = MeshArchitecture(5, kind)
        rng = np.random.default_rng(8)
        self.phase = rng.uniform(0.0, 6.0, self.architecture.shifters)
        self.error = rng.normal(0.0, 0.05, self.architecture.splitters)
        self.amplitude = rng.uniform(0.9, 1.0, self.architecture.interferometers)

    def transfer(self, phase: FloatArray, error: FloatArray) -> NDArray[np.complex128]:
        chip = couplers(self.architecture, error, self.amplitude)
        return transfer(self.architecture.arrays(), chip, phase)

    def factors(self) -> TransferFactors:
        chip = couplers(self.architecture, self.error, self.amplitude)
        return transfer_factors(self.architecture.arrays(), chip, self.phase)


@pytest.fixture(params=["svd", "unitary", "triangular"])
def chip(request: pytest.FixtureRequest) -> Chip:
    return Chip(request.param)


def test_the_factors_come_with_the_transfer_matrix(chip: Chip) -> None:
    expected = chip.transfer(chip.phase, chip.error)

    assert np.abs(chip.factors().transfer - expected).max() < 1e-13


def test_shifter_derivatives_agree_with_finite_differences(chip: Chip) -> None:
    factors = chip.factors()
    steps = STEP_RAD * np.eye(chip.architecture.shifters)
    for i, step in enumerate(steps):
        above = chip.transfer(chip.phase + step, chip.error)
        below = chip.transfer(chip.phase - step, chip.error)
        derivative = np.outer(factors.shifter_out[i], factors.shifter_in[i])
        assert np.abs(derivative - (above - below) / (2.0 * STEP_RAD)).max() < 1e-9


def test_splitter_derivatives_agree_with_finite_differences(chip: Chip) -> None:
    factors = chip.factors()
    steps = STEP_RAD * np.eye(chip.architecture.splitters)
    for s, step in enumerate(steps):
        above = chip.transfer(chip.phase, chip.error + step)
        below = chip.transfer(chip.phase, chip.error - step)
        derivative = factors.splitter_out[s].T @ factors.splitter_in[s]
        assert np.abs(derivative - (above - below) / (2.0 * STEP_RAD)).max() < 1e-9
