"""Phase errors are found from the monitors' powers and their slopes."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from calibration.programming import Calibration
from calibration.result import ChipCalibration
from calibration.rings import BankCalibration
from calibration.rings.weights import own_phases_for_weights
from calibration.trim import Monitored, monitor_model, phase_errors
from lumina.theory.mesh import MeshArchitecture
from lumina.theory.mesh_kernels import couplers, transfer
from lumina.theory.rings import WeightBank, bank_weights

FloatArray = NDArray[np.float64]
UNIT = 7000.0
"""Codes per unit of the model's power: nobody knows it."""


def seen_at(known: Calibration, phase_rad: FloatArray) -> Monitored:
    told = monitor_model(known)(phase_rad)
    return Monitored(UNIT * told.power, UNIT * told.slope, 1.0, 30.0)


def found(known: Calibration, believed_rad: FloatArray, wander: FloatArray) -> FloatArray:
    crosstalk = np.eye(wander.size)
    seen = seen_at(known, believed_rad + wander)
    return phase_errors(monitor_model(known), crosstalk, believed_rad, seen)


def relative(one: NDArray[Any], other: NDArray[Any]) -> float:
    return float(np.linalg.norm(one - other) / np.linalg.norm(other))


@pytest.mark.parametrize("kind", ["unitary", "svd"])
def test_most_of_a_wandered_matrix_is_brought_back(kind: str) -> None:
    mesh = MeshArchitecture(4, "svd" if kind == "svd" else "unitary")
    known = ChipCalibration.nominal(mesh, 0.15, max_drive_v=10.0)
    rng = np.random.default_rng(0)
    believed_rad = rng.uniform(0.0, 2.0 * np.pi, mesh.shifters)
    wander = 0.03 * rng.normal(size=mesh.shifters)
    rest = wander - found(known, believed_rad, wander)

    def matrix(phase_rad: FloatArray) -> NDArray[np.complex128]:
        return transfer(mesh.arrays(), couplers(mesh), phase_rad)

    before = relative(matrix(believed_rad + wander), matrix(believed_rad))
    after = relative(matrix(believed_rad + rest), matrix(believed_rad))
    assert after < 0.7 * before


def test_weights_of_a_bank_are_brought_closer() -> None:
    bank = WeightBank(8, 0.698, 0.1)
    known = BankCalibration.nominal(bank, 0.15, max_drive_v=10.0)
    rng = np.random.default_rng(0)
    believed_rad = own_phases_for_weights(rng.uniform(-0.8, 0.7, (8, 8)), known)
    wander = 0.005 * rng.normal(size=64)

    def weights(phase_rad: FloatArray) -> FloatArray:
        dropped, passed = np.empty((8, 8)), np.empty((8, 8))
        bank_weights(known.rings, phase_rad, dropped, passed)
        return dropped - passed

    rest = wander - found(known, believed_rad, wander)
    before = relative(weights(believed_rad + wander), weights(believed_rad))
    assert relative(weights(believed_rad + rest), weights(believed_rad)) < 0.8 * before


def test_where_nothing_has_moved_nothing_is_found() -> None:
    mesh = MeshArchitecture(4, "unitary")
    known = ChipCalibration.nominal(mesh, 0.15, max_drive_v=10.0)
    believed_rad = np.random.default_rng(1).uniform(0.0, 2.0 * np.pi, 16)
    np.testing.assert_allclose(found(known, believed_rad, np.zeros(16)), 0.0, atol=1e-6)
