"""Looking at the matrix that a chip holds, and telling error from noise.

A look is the mean of so many measurements; they are taken in two halves or more, whose
difference is noise alone. What is missing of the wanted matrix, squared and summed, is then
known less the noise's own share, and with an uncertainty.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from calibration.programming.units import MatrixUnit

__all__ = ["HoldsPhases", "Look", "Looker"]

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]

_BLOCK = 256
"""Most measurements that are asked for at once."""


class HoldsPhases(Protocol):
    """What a refinement asks of a device."""

    @property
    def name(self) -> str:
        """The device's name in the lab config."""

    @property
    def drive_step_v(self) -> float:
        """Step of the drives that the heaters' converters can give, in V."""

    @property
    def max_drive_v(self) -> float:
        """Highest heater drive, in V."""

    def warming_k(self) -> float:
        """By how much the die is warmer than phases are made for, as compensated, in K."""

    async def hold(self, own_phase_rad: FloatArray) -> None:
        """Hold own phases, shape (shifters,), in rad; returns once they stand."""

    async def measure_transfer(self, repeats: int = 1) -> ComplexArray:
        """What the receivers read for unit inputs, mean of `repeats`; (outputs, inputs)."""


@dataclass(frozen=True, eq=False)
class Look:
    """What was seen at one setting.

    Attributes:
        own_rad: shape (shifters,), own phases held, in rad.
        missing: shape (2 ports^2,), the wanted matrix less the one seen, as real numbers.
        repeats: measurements averaged.
    """

    own_rad: FloatArray
    missing: FloatArray
    repeats: int

    def joined(self, other: "Look") -> "Look":
        """Two looks at one setting as one."""
        repeats = self.repeats + other.repeats
        mean = (self.repeats * self.missing + other.repeats * other.missing) / repeats
        return Look(self.own_rad, mean, repeats)


class Looker:
    """Looks at one chip that is to hold one matrix.

    Attributes:
        measurements: transfer matrices measured, repeats counted.
        settings: settings that were looked at.
    """

    def __init__(self, chip: HoldsPhases, unit: MatrixUnit, wanted: ComplexArray) -> None:
        self._chip, self._unit, self._wanted = chip, unit, wanted
        self._size = float(np.linalg.norm(wanted))
        self._noise_power, self._compared = 0.0, 0
        self.measurements = self.settings = 0

    async def look(self, own_rad: FloatArray, repeats: int) -> Look:
        """Hold own phases, shape (shifters,), in rad, and see what comes of them."""
        await self._chip.hold(own_rad)
        self.settings += 1
        return await self.again(own_rad, repeats)

    async def again(self, own_rad: FloatArray, repeats: int) -> Look:
        """Look once more at what is held."""
        halves = max(2, -(-repeats // _BLOCK))
        each = max(1, repeats // halves)
        seen = np.stack([await self._seen(each) for _ in range(halves)])
        mean = seen.mean(axis=0)
        self._noise_power += each * float(np.sum(np.abs(seen - mean) ** 2))
        self._compared += halves - 1
        self.measurements += halves * each
        return Look(own_rad, as_reals(self._wanted - mean), halves * each)

    async def _seen(self, repeats: int) -> ComplexArray:
        return self._unit.held(await self._chip.measure_transfer(repeats))

    # Error and noise

    def noise_power(self, look: Look) -> float:
        """Share of the noise in the square of what a look misses."""
        return self._noise_power / self._compared / look.repeats

    def variance(self, look: Look) -> float:
        """Of the noise in one of the numbers that a look misses."""
        return self.noise_power(look) / self._unit.numbers

    def missed(self, look: Look) -> float:
        """Square of what is missing, less the noise's share; below 0 by chance only."""
        return float(look.missing @ look.missing) - self.noise_power(look)

    def sigma(self, look: Look) -> float:
        """One sigma of `missed`: noise beside what is missing, and noise alone."""
        beside = 4.0 * max(self.missed(look), 0.0) + 2.0 * self.noise_power(look)
        return float(np.sqrt(beside * self.variance(look)))

    def error(self, look: Look) -> float:
        """Relative Frobenius error, noise taken off."""
        return float(np.sqrt(max(self.missed(look), 0.0))) / self._size

    def error_sigma(self, look: Look) -> float:
        """One sigma of `error`, roughly; where there is none to speak of, what would show."""
        sigma = self.sigma(look)
        return sigma / float(np.sqrt(max(4.0 * self.missed(look), sigma))) / self._size


def as_reals(matrix: ComplexArray) -> FloatArray:
    """A matrix, or a stack of them, with its numbers as reals in one last axis."""
    flat = np.ascontiguousarray(matrix).reshape(*matrix.shape[:-2], -1)
    return np.asarray(flat.view(np.float64))
