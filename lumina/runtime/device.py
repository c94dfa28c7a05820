"""A photonic processor as the runtime sees it: one board, its 1 kHz loop, its calibration.

    uninitialised -> initialising -> ready <-> busy
                          |            |
                          v            v
                        error     thermal limit (the guard refuses work)
    any -> shutdown

The device is what engines compute on (`load`, `multiply`) and what a calibration measures
(`set_drive_v`, `measure_transfer`, `set_carrier_c`). Both go through the board's driver
and the loop's mailbox: a twin and a real board are reached by the same calls.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from enum import Enum
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.heaters import compensation_rad_per_k
from calibration.mesh.procedure import CalibrationOptions, Progress, calibrate_chip
from calibration.programming import Calibration, MatrixUnit, nominal_calibration, unit_for
from calibration.rings import BankOptions, calibrate_bank
from drivers.interfaces import PhotonicProcessor, ProcessorCapabilities
from lumina.background import in_background
from lumina.control.config import ControlConfig
from lumina.control.loop import ControlLoop
from lumina.control.records import TecMode, Tier
from lumina.errors import DeviceStateError, DeviceTimeoutError, MatrixError, ThermallyUnsafeError
from lumina.runtime.settling import LockCriterion, Settling
from lumina.theory.architecture import ChipArchitecture
from lumina.theory.rings import WeightBank

__all__ = ["Counters", "DeviceState", "PhotonicDevice"]

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]


ATTEMPTS = 20
"""Light that was seen while the board was not as commanded is sent again, so many times."""

PROGRAMS_KEPT = 256
"""Matrices whose phases are remembered: a network's tiles come round again."""


class DeviceState(Enum):
    """State of a photonic processor."""

    UNINITIALISED = "uninitialised"
    INITIALISING = "initialising"
    READY = "ready"
    BUSY = "busy"
    THERMAL_LIMIT = "thermal limit"
    ERROR = "error"
    SHUTDOWN = "shutdown"


@dataclass
class Counters:
    """What a device has done since bring-up.

    Attributes:
        operations: multiplications and additions done in the light.
        matrix_operations: batches sent through the light.
        matrices_loaded: matrices programmed.
        failures: operations that were refused or failed.
        repeated: batches sent again because the board was interrupted meanwhile.
        saturated: receiver readings at an end of the converters' range.
        busy_s: bench time spent multiplying, s.
        energy_j: electrical energy used meanwhile, J (simulated on a twin).
    """

    operations: int = 0
    matrix_operations: int = 0
    matrices_loaded: int = 0
    failures: int = 0
    repeated: int = 0
    saturated: int = 0
    busy_s: float = 0.0
    energy_j: float = 0.0

    @property
    def gops(self) -> float:
        """Billions of operations per second while busy; 0 before the first."""
        return self.operations / self.busy_s / 1e9 if self.busy_s else 0.0

    @property
    def tops_per_w(self) -> float:
        """Trillions of operations per joule; 0 before the first."""
        return self.operations / self.energy_j / 1e12 if self.energy_j else 0.0


class PhotonicDevice:
    """One photonic processor of a bench.

    Attributes:
        name: the instrument's name in the lab config.
        calibration: what is known of the chip; None until something is.
        uses: version of the stored calibration in use, by routine.
        counters: what it has done.
        lifecycle: how far bring-up has come, the guard's word left out.
        trouble: why it has to be brought up again, in words; empty while it has not.
        attended: whether the host looks after it; a fault may have it look away.
        lock: held while a loaded matrix must stay loaded.
        settling: waits for what was commanded to stand.
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
        self.name = name
        self.processor = processor
        self.config = config
        capabilities = processor.capabilities
        self.loop = ControlLoop(
            name,
            config,
            heaters=capabilities.heaters,
            outputs=capabilities.architecture.ports,
            full_scale_v=capabilities.max_drive_v,
            heater_bits=capabilities.heater_bits,
            telemetry_hz=telemetry_hz,
        )
        self.settling = Settling(self.loop, lock_criterion, self._require_up)
        self.calibration: Calibration | None = None
        self.uses: dict[str, int] = {}
        self.counters = Counters()
        self.lock = asyncio.Lock()
        self.lifecycle = DeviceState.UNINITIALISED
        self.trouble = ""
        self.attended = True
        self._busy = 0
        self._unit: MatrixUnit | None = None
        self._scale: float | None = None
        self._programs: dict[bytes, FloatArray] = {}
        self._free = asyncio.Event()
        self._free.set()

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
    def converter_bits(self) -> int:
        """Resolution of the receivers' converters."""
        return self.capabilities.converter_bits

    @property
    def nominal_phase_rad_per_v2(self) -> float:
        """Data-sheet phase per squared drive voltage, rad/V^2."""
        return self.capabilities.nominal_phase_rad_per_v2

    @property
    def state(self) -> DeviceState:
        """State of the device, the guard's word included."""
        if self.lifecycle is not DeviceState.READY:
            return self.lifecycle
        if self.tier >= Tier.CRITICAL:
            return DeviceState.THERMAL_LIMIT
        return DeviceState.BUSY if self._busy else DeviceState.READY

    @property
    def tier(self) -> Tier:
        """Tier of the thermal guard."""
        return Tier(int(self.loop.arrays.state["tier"][0]))

    @property
    def is_regulated(self) -> bool:
        """Whether the loop regulates the carrier's temperature."""
        return int(self.loop.arrays.state["tec_mode"][0]) == TecMode.REGULATE

    def die_temperature_c(self) -> float:
        """The loop's present estimate of the die temperature, C."""
        return float(self.loop.arrays.state["die_estimate_c"][0])

    # What a calibration may ask (calibration.chip.ChipUnderTest)

    async def set_drive_v(self, drive_v: FloatArray) -> None:
        """Drive every heater, shape (heaters,), V; returns once the phases stand."""
        await self.settling.heaters_still(self.loop.set_heater_voltages(drive_v))

    async def measure_transfer(self, repeats: int = 1) -> ComplexArray:
        """The transfer matrix as the receivers see it, mean of `repeats`; (ports, ports)."""
        return await self.measure_readings(np.eye(self.ports, dtype=complex), repeats)

    async def measure_readings(self, fields: ComplexArray, repeats: int = 1) -> ComplexArray:
        """What the receivers read for these inputs, mean of `repeats`; (ports, batch)."""
        seen = await self._shine(np.tile(fields, repeats))
        mean: ComplexArray = seen.reshape(self.ports, repeats, -1).mean(axis=1)
        return mean

    async def set_carrier_c(self, carrier_c: float) -> None:
        """Move the carrier's set point, C; returns once carrier and die stand still."""
        await self.settling.applied(self.loop.set_setpoint_c(carrier_c))
        await self.settling.carrier_locked()
        await self.settling.die_still()

    async def applied(self, sequence: int) -> None:
        """Wait until the loop has applied a command."""
        await self.settling.applied(sequence)

    # What engines compute on (lumina.engines.device.MatrixDevice)

    async def calibrate(
        self, *, seed: int = 0, progress: Progress = lambda step, done: None
    ) -> Calibration:
        """Learn the chip through its own interfaces, and install what was learned.

        Args:
            seed: seed of the drive settings that are tried.
            progress: told the step's name and the share of it that is done.

        Raises:
            CalibrationError: the chip could not be learned; names the channels at fault.
            SafetyError: the guard or a rail ended it.
        """
        rng, carrier_c = np.random.default_rng(seed), self.config.setpoint_c
        found: Calibration
        if isinstance(self.architecture, WeightBank):
            bank_options = BankOptions(carrier_c=carrier_c)
            found = await calibrate_bank(self, rng=rng, progress=progress, options=bank_options)
        else:
            options = CalibrationOptions(carrier_c=carrier_c)
            found = await calibrate_chip(self, rng=rng, progress=progress, options=options)
        await self.install(found)
        return found

    def data_sheet(self) -> Calibration:
        """What is known of the chip before anything is measured, the designed drift included."""
        known = nominal_calibration(
            self.architecture,
            self.nominal_phase_rad_per_v2,
            max_drive_v=self.max_drive_v,
            reference_die_c=self.die_temperature_c(),
        )
        drift = np.full(self.loop.heaters, self.loop.designed_drift_rad_per_k)
        return replace(known, tempco_rad_per_k=drift)

    async def install(self, calibration: Calibration) -> None:
        """Take over a calibration: the loop drives and compensates by it from now on."""
        sequence = self.loop.set_heater_law(
            calibration.phase_gain_rad_per_v2,
            calibration.curvature_per_v2,
            compensation_rad_per_k(calibration),
            calibration.reference_die_c,
        )
        await self.settling.applied(sequence)
        self.calibration = calibration
        self._unit = unit_for(calibration)
        self._scale = None
        self._programs.clear()

    async def adopt(self, calibration: Calibration, own_rad: FloatArray) -> None:
        """Go on with a calibration whose phases have moved, and with the matrix that is held.

        Args:
            calibration: of the same drive law and drift.
            own_rad: shape (shifters,), own phases that hold the matrix by it, in rad.
        """
        await self.settling.heaters_acting(self.loop.set_heater_phases(own_rad))
        self.calibration, self._unit = calibration, unit_for(calibration)
        self._programs.clear()

    @asynccontextmanager
    async def set_aside(self) -> AsyncIterator[None]:
        """The device to measure upon inside the block: whoever wants to compute waits for it.

        Who holds `lock` is waited for.
        """
        async with self.lock:
            self._free.clear()
            try:
                yield
            finally:
                self._free.set()

    async def load(self, matrix: NDArray[Any]) -> None:
        """Program a matrix, shape (ports, ports), of any norm; returns once it stands.

        Raises:
            MatrixError: wrong shape or not finite.
            ThermallyUnsafeError: the guard refuses work at this temperature.
            DeviceStateError: not brought up, or not calibrated.
        """
        await self._free.wait()
        with self._operation():
            wanted = self._checked(matrix, (self.ports, self.ports))
            unit = self._require_unit()
            scale = unit.scale_of(wanted)
            phases = await self._programmed(wanted / scale, unit)
            await self._undithered()
            self._require_safe()
            await self.settling.heaters_acting(self.loop.set_heater_phases(phases))
            self._scale = scale
            self.counters.matrices_loaded += 1

    async def multiply(self, vectors: NDArray[Any]) -> ComplexArray:
        """Product of the loaded matrix with `vectors`, shape (ports, batch), of any norm.

        Raises:
            MatrixError: wrong shape or not finite.
            ThermallyUnsafeError: the guard refuses work at this temperature.
            DeviceStateError: not brought up, or no matrix is loaded.
        """
        await self._free.wait()
        with self._operation():
            batch = vectors.shape[1] if vectors.ndim == 2 else 1
            given = self._checked(vectors, (self.ports, batch))
            unit = self._require_unit()
            if self._scale is None:
                raise DeviceStateError(self.name, "load a matrix first", self.state.value)
            await self._undithered()
            full_scale = max(float(np.abs(given).max(initial=0.0)), np.finfo(float).tiny)
            began_s = asyncio.get_running_loop().time()
            seen = await self._shine(unit.fields(given / full_scale))
            self._count(batch, asyncio.get_running_loop().time() - began_s)
            product: ComplexArray = unit.products(seen) * (full_scale * self._scale)
            return product

    # What becomes of it

    def fail(self, why: str) -> None:
        """It cannot work, for as long as what is wrong lasts."""
        self._fall(DeviceState.ERROR, why)

    def come_down(self, why: str) -> None:
        """Nothing is wrong any more, but it has to be brought up again."""
        self._fall(DeviceState.UNINITIALISED, why)

    def come_up(self) -> None:
        """It is brought up."""
        self.lifecycle, self.trouble = DeviceState.READY, ""

    # Inside

    def _fall(self, state: DeviceState, why: str) -> None:
        if self.lifecycle is not DeviceState.SHUTDOWN:
            self.lifecycle, self.trouble, self._scale = state, why, None

    async def _shine(self, fields: ComplexArray) -> ComplexArray:
        """What the receivers see of `fields`, with the board as it was commanded.

        Raises:
            DeviceTimeoutError: the board goes safe by itself again and again.
        """
        for _ in range(ATTEMPTS):
            self._require_safe()
            light = await self.processor.multiply(fields)
            if self.settling.showed(light):
                self.counters.saturated += saturated(light.amplitudes, self.converter_bits)
                return light.amplitudes
            self.counters.repeated += 1
            await self.settling.recovered()
        text = f"{ATTEMPTS} times in a row the board went safe while light passed through it"
        raise DeviceTimeoutError(self.name, f"{text}: its frames come too late")

    async def _undithered(self) -> None:
        """Whoever wants to compute ends a dither."""
        if self.loop.dithering:
            await self.settling.heaters_acting(self.loop.stop_dither())

    @contextmanager
    def _operation(self) -> Iterator[None]:
        self._busy += 1
        try:
            self._require_safe()
            yield
        except Exception:
            self.counters.failures += 1
            raise
        finally:
            self._busy -= 1

    def _require_up(self) -> None:
        if self.lifecycle not in (DeviceState.READY, DeviceState.INITIALISING):
            text = "bring the device up first"
            if self.trouble:
                text = f"{self.trouble}; bring the device up again"
            raise DeviceStateError(self.name, text, self.lifecycle.value)

    def _require_safe(self) -> None:
        self._require_up()
        if self.tier >= Tier.CRITICAL:
            raise self.unsafe()

    def unsafe(self) -> ThermallyUnsafeError:
        """The guard's refusal, with its reasons."""
        tier, found = self.tier.name.lower(), self.loop.guard_findings()
        return ThermallyUnsafeError(self.name, tier, self.die_temperature_c(), found)

    def _require_unit(self) -> MatrixUnit:
        if self._unit is None:
            raise DeviceStateError(self.name, "calibrate the chip first", "uncalibrated")
        return self._unit

    async def _programmed(self, matrix: ComplexArray, unit: MatrixUnit) -> FloatArray:
        """Own phases for a matrix; found once for as long as the calibration holds."""
        key = matrix.tobytes()
        if key not in self._programs:
            phases = await in_background(partial(unit.own_phases, matrix))
            if len(self._programs) >= PROGRAMS_KEPT:
                self._programs.pop(next(iter(self._programs)))
            if unit is not self._unit:  # another calibration was installed meanwhile
                return phases
            self._programs[key] = phases
        return self._programs[key]

    def _checked(self, array: NDArray[Any], shape: tuple[int, int]) -> ComplexArray:
        if array.shape != shape:
            raise MatrixError(
                f"{self.name}: shape {array.shape} does not fit, {shape} is needed; "
                "larger matrices are tiled by lumina.engines.tiling"
            )
        if not np.isfinite(array).all():
            raise MatrixError(f"{self.name}: the values must be finite")
        return array.astype(np.complex128)

    def _count(self, batch: int, took_s: float) -> None:
        row = self.loop.latest()
        electrical_w = float(row["heater_power_w"] + row["compute_power_w"]) if row else 0.0
        self.counters.matrix_operations += 1
        self.counters.operations += 2 * self.ports**2 * batch
        self.counters.busy_s += took_s
        self.counters.energy_j += took_s * electrical_w


def saturated(readings: ComplexArray, bits: int) -> int:
    """How many readings of full scale have a quadrature at an end of its converter's range."""
    top = 1.0 - 2.0 ** (1 - bits)  # the highest code of a bipolar converter
    return int(((np.abs(readings.real) >= top) | (np.abs(readings.imag) >= top)).sum())
