"""Where the phases really are, from the monitor photodiodes and a dither of every heater.

While nothing is computed all inputs are bright, and the monitors show one power per output.
How each power answers to a small dither of each heater is told apart by the heaters' codes
(`lumina.control.dither`). Powers and slopes together are compared with what the model has
for the phases it believes in; the small phase errors that explain the difference are found
by least squares.

Monitors see one input pattern only, so what they cannot tell (an output's phase, say) is left
where it was: every error is also held to a sigma of its own.
"""

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from calibration.programming.units import Calibration
from calibration.result import ChipCalibration
from calibration.rings.result import BankCalibration
from lumina.theory.mesh_derivatives import transfer_factors
from lumina.theory.mesh_kernels import couplers
from lumina.theory.rings import dropped_slopes

__all__ = ["MonitorModel", "Monitored", "monitor_model", "phase_errors"]

FloatArray = NDArray[np.float64]

ERROR_SIGMA_RAD = 0.05
"""How far phases are expected to have moved since they were last known, in rad."""

GAIN_SIGMA = 0.02
"""How far an output's monitor is from the gain that it had when all were compared, relative."""

MODEL_SHARE = 5e-4
"""Accuracy of the model's powers and slopes, of the largest: where its own faults are larger
than the noise they must not be explained away by moving phases."""

ROUNDS = 12
ENOUGH_RAD = 1e-5
DIFFERENCE_RAD = 1e-4


@dataclass(frozen=True)
class Monitored:
    """What the monitors showed of one setting.

    Attributes:
        power: shape (outputs,), mean power, in any unit.
        slope: shape (outputs, shifters), change of power per own phase, per rad.
        noise: rms noise of one element of `power`, in the same unit.
        slope_noise: that of one element of `slope`, per rad.
    """

    power: FloatArray
    slope: FloatArray
    noise: float
    slope_noise: float


class Seen(NamedTuple):
    """What a model has for some phases."""

    power: FloatArray
    """Shape (outputs,)."""
    slope: FloatArray
    """Shape (outputs, shifters), per rad of each shifter's phase."""


class MonitorModel(Protocol):
    """The light at the monitors, of whatever chip.

    Attributes:
        straight_rad: change of phases over which powers and slopes go about straight, in rad.
    """

    straight_rad: float

    def __call__(self, phase_rad: FloatArray) -> Seen:
        """Powers at these phases, shape (shifters,), in rad, and their slopes."""


def monitor_model(calibration: Calibration) -> MonitorModel:
    """The monitors of a calibrated chip, all its inputs alike."""
    if isinstance(calibration, BankCalibration):
        return _BankMonitors(calibration)
    return _MeshMonitors(calibration)


class _MeshMonitors:
    """Outputs of a mesh with all inputs in phase: P_o = |sum_j M_oj|^2."""

    straight_rad = 0.1

    def __init__(self, calibration: ChipCalibration) -> None:
        architecture = calibration.architecture
        self._mesh = architecture.arrays()
        self._chip = couplers(
            architecture, calibration.splitter_error_rad, calibration.interferometer_amplitude
        )

    def __call__(self, phase_rad: FloatArray) -> Seen:
        factors = transfer_factors(self._mesh, self._chip, phase_rad)
        field = factors.transfer.sum(axis=1)
        by_phase = factors.shifter_out.T * factors.shifter_in.sum(axis=1)
        return Seen(np.abs(field) ** 2, 2.0 * (field.conj()[:, None] * by_phase).real)


class _BankMonitors:
    """Rows of a bank with all channels bright: what each row drops."""

    def __init__(self, calibration: BankCalibration) -> None:
        self._rings, self._ports = calibration.rings, calibration.architecture.ports
        self.straight_rad = 0.15 * calibration.architecture.width_rad

    def __call__(self, phase_rad: FloatArray) -> Seen:
        ports = self._ports
        power, slope = np.empty(ports), np.zeros((ports, phase_rad.size))
        for row in range(ports):
            own = slice(row * ports, (row + 1) * ports)
            dropped, by_phase = dropped_slopes(self._rings, row, phase_rad[own])
            power[row], slope[row, own] = dropped.sum(), by_phase.sum(axis=0)
        return Seen(power, slope)


def phase_errors(
    model: MonitorModel, crosstalk: FloatArray, phase_rad: FloatArray, seen: Monitored
) -> FloatArray:
    """By how much each phase is ahead of what it is believed to be, shape (shifters,), in rad.

    Args:
        model: of the chip as it is known.
        crosstalk: shape (shifters, shifters), phases per own phases; heaters are dithered,
            and with them all phases that they warm.
        phase_rad: shape (shifters,), phases as believed, in rad.
        seen: what the monitors showed there.
    """
    outputs, shifters = seen.slope.shape
    start = model(phase_rad)
    unit = seen.power.mean() / start.power.mean()
    measured = np.concatenate([seen.power, seen.slope.ravel()]) / unit
    sigma = np.repeat(
        [
            max(seen.noise / unit, MODEL_SHARE * float(start.power.max())),
            max(seen.slope_noise / unit, MODEL_SHARE * float(np.abs(start.slope).max())),
        ],
        [outputs, outputs * shifters],
    )
    held = 1.0 / np.repeat([ERROR_SIGMA_RAD, GAIN_SIGMA], [shifters, outputs])
    unknown = np.zeros(shifters + outputs)
    for _ in range(ROUNDS):
        error_rad, gain = unknown[:shifters], np.exp(unknown[shifters:])
        told, slopes = _told(model, crosstalk, phase_rad + error_rad, gain)
        rows = np.vstack([slopes / sigma[:, None], np.diag(held)])
        rest = np.concatenate([(measured - told) / sigma, -held * unknown])
        step = np.linalg.lstsq(rows, rest, rcond=None)[0]
        longest_rad = float(np.abs(step[:shifters]).max())
        unknown = unknown + step * min(1.0, model.straight_rad / max(longest_rad, ENOUGH_RAD))
        if longest_rad < ENOUGH_RAD:
            break
    found: FloatArray = unknown[:shifters]
    return found


def _told(
    model: MonitorModel, crosstalk: FloatArray, phase_rad: FloatArray, gain: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """What the model has for powers and slopes, and how they answer to phases and gains."""
    here = model(phase_rad)
    outputs, shifters = here.slope.shape
    bent = np.empty((outputs, shifters, shifters))  # second derivatives by phase
    for k in range(shifters):
        ahead, behind = phase_rad.copy(), phase_rad.copy()
        ahead[k] += DIFFERENCE_RAD
        behind[k] -= DIFFERENCE_RAD
        bent[:, :, k] = (model(ahead).slope - model(behind).slope) / (2.0 * DIFFERENCE_RAD)
    own_slope = here.slope @ crosstalk
    own_bent = np.einsum("ojk,jh->ohk", bent, crosstalk)
    told = np.concatenate([here.power * gain, (own_slope * gain[:, None]).ravel()])
    by_phase = np.vstack(
        [here.slope * gain[:, None], (own_bent * gain[:, None, None]).reshape(-1, shifters)]
    )
    by_gain = np.zeros((told.size, outputs))
    by_gain[np.arange(outputs), np.arange(outputs)] = told[:outputs]
    output = np.repeat(np.arange(outputs), shifters)
    by_gain[outputs + np.arange(output.size), output] = told[outputs:]
    return told, np.hstack([by_phase, by_gain])
