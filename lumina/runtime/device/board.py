"""One board with its 1 kHz loop: what it is, how it stands, what a calibration may ask of it."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from drivers.interfaces import Light, PhotonicProcessor, ProcessorCapabilities, TapLight
from lumina.control.config import ControlConfig
from lumina.control.loop import ControlLoop
from lumina.control.records import Tier
from lumina.errors import DeviceTimeoutError
from lumina.runtime.device.regulated import Regulated
from lumina.runtime.device.settling import LockCriterion
from lumina.runtime.device.state import Counters
from lumina.theory.architecture import ChipArchitecture

__all__ = ["Board"]

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]

Seen = TypeVar("Seen", Light, TapLight)

ATTEMPTS = 20
"""Light that was seen while the board was not as commanded is sent again, so many times."""


class Board(Regulated):
    """A photonic board and its loop, as a calibration sees it (calibration.chip.ChipUnderTest).

    Attributes:
        processor: the board's driver.
        counters: what it has done.
    """

    def __init__(
        self,
        name: str,
        processor: PhotonicProcessor,
        config: ControlConfig,
        *,
        lock_criterion: LockCriterion,
        telemetry_hz: float,
    ) -> None:
        capabilities = processor.capabilities
        loop = ControlLoop(
            name,
            config,
            heaters=capabilities.heaters,
            outputs=capabilities.architecture.ports,
            full_scale_v=capabilities.max_drive_v,
            heater_bits=capabilities.heater_bits,
            telemetry_hz=telemetry_hz,
        )
        super().__init__(name, config, loop, lock_criterion)
        self.processor = processor
        self.counters = Counters()

    # What it is

    @property
    def capabilities(self) -> ProcessorCapabilities:
        """What the board says it has."""
        return self.processor.capabilities

    @property
    def architecture(self) -> ChipArchitecture:
        """Ports, and the interferometers or rings between them."""
        return self.capabilities.architecture

    @property
    def ports(self) -> int:
        """Rows and columns of the matrix it holds."""
        return self.architecture.ports

    @property
    def max_drive_v(self) -> float:
        """Highest heater drive, V."""
        return self.capabilities.max_drive_v

    @property
    def drive_step_v(self) -> float:
        """Step of the drives that the heaters' converters can give, V."""
        return self.max_drive_v / float(2**self.capabilities.heater_bits - 1)

    @property
    def converter_bits(self) -> int:
        """Resolution of the receivers' converters."""
        return self.capabilities.converter_bits

    @property
    def taps(self) -> int:
        """Monitors inside the mesh, 0 where it has none."""
        return self.capabilities.taps.count

    @property
    def nominal_phase_rad_per_v2(self) -> float:
        """Data-sheet phase per squared drive voltage, rad/V^2."""
        return self.capabilities.nominal_phase_rad_per_v2

    # How it stands

    def die_temperature_c(self) -> float:
        """The loop's present estimate of the die temperature, C."""
        return float(self.loop.arrays.state["die_estimate_c"][0])

    def chip_c(self) -> float:
        return self.die_temperature_c()

    # What a calibration may ask

    async def set_drive_v(self, drive_v: FloatArray) -> None:
        """Drive every heater, shape (heaters,), V; returns once the phases stand."""
        await self.settling.heaters_still(self.loop.set_heater_voltages(drive_v))

    async def hold(self, own_phase_rad: FloatArray) -> None:
        """Hold own phases, shape (heaters,), rad, drift compensated; returns once they stand."""
        await self.settling.heaters_acting(self.loop.set_heater_phases(own_phase_rad))

    def warming_k(self) -> float:
        """By how much the die is warmer than phases are made for, as compensated, K."""
        return self.loop.compensated_warming_k()

    async def measure_transfer(self, repeats: int = 1) -> ComplexArray:
        """The transfer matrix as the receivers see it, mean of `repeats`; (ports, ports)."""
        return await self.measure_readings(np.eye(self.ports, dtype=complex), repeats)

    async def measure_readings(self, fields: ComplexArray, repeats: int = 1) -> ComplexArray:
        """What the receivers read for these inputs, mean of `repeats`; (ports, batch)."""
        seen = await self._shine(np.tile(fields, repeats))
        mean: ComplexArray = seen.reshape(self.ports, repeats, -1).mean(axis=1)
        return mean

    async def measure_taps(self, fields: ComplexArray, repeats: int = 1) -> FloatArray:
        """What the taps inside the mesh read for these inputs, mean of `repeats`; (taps, batch)."""
        light = await self._shone(self.processor.read_taps, np.tile(fields, repeats))
        mean: FloatArray = light.powers.reshape(self.taps, repeats, -1).mean(axis=1)
        return mean

    async def set_carrier_c(self, carrier_c: float) -> None:
        """Move the carrier's set point, C; returns once carrier and die stand still."""
        await self.settling.applied(self.loop.set_setpoint_c(carrier_c))
        await self.settling.carrier_locked()
        await self.settling.die_still()

    async def applied(self, sequence: int) -> None:
        """Wait until the loop has applied a command."""
        await self.settling.applied(sequence)

    # Inside

    async def _shine(self, fields: ComplexArray) -> ComplexArray:
        """What the receivers see of `fields`, with the board as it was commanded."""
        light = await self._shone(self.processor.multiply, fields)
        self.counters.saturated += saturated(light.amplitudes, self.converter_bits)
        return light.amplitudes

    async def _shone(
        self, shine: Callable[[ComplexArray], Awaitable[Seen]], fields: ComplexArray
    ) -> Seen:
        """Light that passed with the board as it was commanded.

        Raises:
            DeviceTimeoutError: the board goes safe by itself again and again.
        """
        for _ in range(ATTEMPTS):
            self._require_safe()
            light = await shine(fields)
            if self.settling.showed(light):
                return light
            self.counters.repeated += 1
            await self.settling.recovered()
        text = f"{ATTEMPTS} times in a row the board went safe while light passed through it"
        raise DeviceTimeoutError(self.name, f"{text}: its frames come too late")

    def _require_safe(self) -> None:
        self._require_up()
        if self.tier >= Tier.CRITICAL:
            raise self.unsafe()


def saturated(readings: ComplexArray, bits: int) -> int:
    """How many readings of full scale have a quadrature at an end of its converter's range."""
    top = 1.0 - 2.0 ** (1 - bits)  # the highest code of a bipolar converter
    return int(((np.abs(readings.real) >= top) | (np.abs(readings.imag) >= top)).sum())
