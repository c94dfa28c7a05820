"""A board that computes: its calibration, the matrix it holds, products with it."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from calibration.heaters import compensation_rad_per_k
from calibration.mesh.procedure import CalibrationOptions, Progress, calibrate_chip
from calibration.programming import Calibration, nominal_calibration
from calibration.programming.refining import Refinement, RefineOptions, refine_matrix
from calibration.programming.self_configuration import (
    SelfConfiguration,
    SelfConfigurationOptions,
    self_configured,
)
from calibration.result import ChipCalibration
from calibration.rings import BankOptions, calibrate_bank
from drivers.interfaces import PhotonicProcessor
from lumina.control.config import ControlConfig
from lumina.errors import CalibrationError, DeviceStateError, MatrixError
from lumina.runtime.device.board import Board
from lumina.runtime.device.programs import Programs
from lumina.runtime.device.settling import LockCriterion
from lumina.runtime.device.state import DeviceState
from lumina.theory.rings import WeightBank

__all__ = ["PhotonicDevice"]

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]


class _Held(NamedTuple):
    """The matrix that is loaded."""

    matrix: ComplexArray
    """As scaled to what the chip can hold."""
    scale: float


class PhotonicDevice(Board):
    """One photonic processor of a bench (lumina.engines.device.MatrixDevice).

    Attributes:
        calibration: what is known of the chip; None until something is.
        uses: version of the stored calibration in use, by routine.
        lock: held while a loaded matrix must stay loaded.
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
        super().__init__(
            name, processor, config, lock_criterion=lock_criterion, telemetry_hz=telemetry_hz
        )
        self.calibration: Calibration | None = None
        self.uses: dict[str, int] = {}
        self.lock = asyncio.Lock()
        self._busy = 0
        self._programs: Programs | None = None
        self._held: _Held | None = None
        self._free = asyncio.Event()
        self._free.set()

    @property
    def state(self) -> DeviceState:
        """State of the device, the guard's word included."""
        busy = self._busy and super().state is DeviceState.READY
        return DeviceState.BUSY if busy else super().state

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
        self.calibration, self._programs = calibration, Programs(calibration)
        self._held = None

    async def adopt(self, calibration: Calibration, own_rad: FloatArray) -> None:
        """Go on with a calibration whose phases have moved, and with the matrix that is held.

        Args:
            calibration: of the same drive law and drift.
            own_rad: shape (shifters,), own phases that hold the matrix by it, in rad.
        """
        await self.settling.heaters_acting(self.loop.set_heater_phases(own_rad))
        self.calibration, self._programs = calibration, Programs(calibration)

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
            programs = self._require_programs()
            scale = programs.unit.scale_of(wanted)
            own_rad = await programs.own_phases(wanted / scale)
            await self._undithered()
            self._require_safe()
            await self.hold(own_rad)
            self._held = _Held(wanted / scale, scale)
            self.counters.matrices_loaded += 1

    async def refine(self, options: RefineOptions | None = None) -> Refinement:
        """Better the matrix that is loaded by what is measured of it.

        What is found is used whenever the same matrix is loaded again, for as long as the
        calibration holds. Who refines holds `lock`, as who loads does; products wait.

        Args:
            options: how much to measure.

        Raises:
            ThermallyUnsafeError: the guard refuses work at this temperature.
            DeviceStateError: not brought up, or no matrix is loaded.
            UsageError: the options ask for what this chip does not have.
        """
        await self._free.wait()
        with self._operation():
            programs, held = self._require_programs(), self._require_held()
            await self._undithered()
            own_rad = self.loop.arrays.heaters.phase_rad.copy()
            self._free.clear()
            try:
                found = await refine_matrix(self, programs.unit, held.matrix, own_rad, options)
            finally:
                self._free.set()
            programs.keep(held.matrix, found.own_rad)
            return found

    async def configure(
        self, unitary: NDArray[Any], options: SelfConfigurationOptions | None = None
    ) -> SelfConfiguration:
        """Have a triangular mesh that nobody has calibrated set itself to a unitary matrix.

        The matrix is loaded afterwards; others need a configuration of their own. Of the chip
        the gains of its ports are known then, and no more: drift is compensated as by design.
        Who configures holds `lock`, as who loads does.

        Args:
            unitary: shape (ports, ports).
            options: how much to measure.

        Raises:
            MatrixError: wrong shape, not finite or not unitary.
            CalibrationError: another kind of mesh, or no light.
            ThermallyUnsafeError: the guard refuses work at this temperature.
        """
        await self._free.wait()
        wanted, sheet = self._checked(unitary, (self.ports, self.ports)), self.data_sheet()
        if not isinstance(sheet, ChipCalibration):
            raise CalibrationError(f"{self.name}: rings do not set themselves up; calibrate them")
        with self._operation():
            self._held = None
            found = await self_configured(self, sheet, wanted, options=options)
        await self.install(found.calibration)
        programs = self._require_programs()
        programs.keep(wanted / programs.unit.scale_of(wanted), found.own_rad)
        await self.load(wanted)
        return found

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
            unit = self._require_programs().unit
            held = self._require_held()
            await self._undithered()
            full_scale = max(float(np.abs(given).max(initial=0.0)), np.finfo(float).tiny)
            began_s = asyncio.get_running_loop().time()
            seen = await self._shine(unit.fields(given / full_scale))
            self._count(batch, asyncio.get_running_loop().time() - began_s)
            product: ComplexArray = unit.products(seen) * (full_scale * held.scale)
            return product

    # Inside

    def _fall(self, state: DeviceState, why: str) -> None:
        super()._fall(state, why)
        self._held = None

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

    def _require_programs(self) -> Programs:
        if self._programs is None:
            raise DeviceStateError(self.name, "calibrate the chip first", "uncalibrated")
        return self._programs

    def _require_held(self) -> _Held:
        if self._held is None:
            raise DeviceStateError(self.name, "load a matrix first", self.state.value)
        return self._held

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
