"""Drift looked for, and followed, while a bench runs: only the channels that moved.

Every so often, at a quiet moment, a few random settings are compared with what the
calibration predicts. Phases that moved are refitted, used from then on, and stored as a new
version; the matrix that was held is held again, through the new phases.
"""

import asyncio
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.drift import DriftReport, follow_drift
from calibration.heaters import own_changes_rad
from calibration.result import ROUTINE as MESH
from calibration.result import ChipCalibration
from calibration.routines import moves_in
from calibration.store import CalibrationStore, Chip, Section
from lumina.control.records import HeaterMode, Tier
from lumina.errors import CalibrationError, StoreError
from lumina.runtime.device import DeviceState, PhotonicDevice
from lumina.runtime.recording.journal import Journal, Level
from lumina.runtime.wall_clock import utc_now

__all__ = ["DriftWatch"]

PATIENCE_S = 1.0
"""How long a look is put off while the device is in use."""


class DriftWatch:
    """Watches one device until cancelled.

    Args:
        device: the device.
        chip: the chip that it carries.
        store: keeps what was refitted.
        journal: told what was seen and done.
        period_s: time between looks.
    """

    def __init__(
        self,
        device: PhotonicDevice,
        chip: Chip,
        store: CalibrationStore,
        journal: Journal,
        period_s: float,
    ) -> None:
        self._device, self._chip, self._store = device, chip, store
        self._journal, self._period_s = journal, period_s
        self._looks = 0

    async def run(self) -> None:
        """Look every period, or as soon after it as the device is not in use."""
        while True:
            await asyncio.sleep(self._period_s)
            await self._quiet_moment()
            await self.look()

    async def _quiet_moment(self) -> None:
        """Wait until the device is not in use."""
        while not self._is_quiet():  # noqa: ASYNC110 - nobody tells when it is
            await asyncio.sleep(PATIENCE_S)

    def _is_quiet(self) -> bool:
        """Whether the device is calibrated, ready, and nobody uses it."""
        device = self._device
        return (
            device.state is DeviceState.READY
            and not device.lock.locked()
            and isinstance(device.calibration, ChipCalibration)
            and device.tier is Tier.NORMAL
        )

    async def look(self) -> DriftReport | None:
        """Look once, and follow what moved; None if it is more than drift."""
        device = self._device
        async with device.set_aside():
            known = device.calibration
            assert isinstance(known, ChipCalibration)
            held = self._held()
            self._looks += 1
            rng = np.random.default_rng([self._looks])
            try:
                found, report = await follow_drift(
                    device, known, rng=rng, progress=lambda stage, done: None
                )
            except CalibrationError as error:
                self._tell(str(error), "error", channels=list(error.channels))
                await self._hold_again(held, known, known)
                return None
            await self._hold_again(held, known, found)
        moves = list(moves_in(report))
        for move in moves:
            self._tell(f"{device.name}: {move}", "warning")
        if report.phase_moved.any():
            self._keep(found, report, utc_now())
        told = f"{len(moves)} channels drifted" if moves else "the calibration holds"
        self._tell(f"{device.name}: {told}", moved=len(moves))
        return report

    def _held(self) -> NDArray[np.float64] | None:
        """Own phases that are held now; None if none are."""
        loop = self._device.loop
        holds = int(loop.arrays.state["heater_mode"][0]) == HeaterMode.PHASE
        return loop.arrays.heaters.phase_rad.copy() if holds else None

    async def _hold_again(
        self, held: NDArray[np.float64] | None, known: ChipCalibration, found: ChipCalibration
    ) -> None:
        """Use what was found, and have the light see the phases that it saw before."""
        device = self._device
        if held is None:
            await device.install(found)
            return
        drift_rad = found.phi0_rad - known.phi0_rad
        own_rad = held - own_changes_rad(known, drift_rad)
        turned = np.where(own_rad < 0.0, own_rad + 2.0 * np.pi, own_rad)
        await device.adopt(found, turned)

    def _keep(self, found: ChipCalibration, report: DriftReport, now: datetime) -> None:
        """Store the refitted calibration, with where it comes from."""
        stored, _ = self._store.newest(self._chip)
        if stored is None or MESH not in stored.sections:
            self._tell(f"{self._device.name}: nothing is stored that this would better")
            return
        provenance = stored.sections[MESH].provenance.model_copy(
            update={
                "routine": "drift",
                "measured": now,
                "measurements": report.measurements,
                "raw": None,
                "raw_sha256": None,
                "die_c": self._device.die_temperature_c(),
            }
        )
        try:
            new = self._store.add(self._chip, {MESH: Section(found.to_findings(), provenance)}, now)
        except StoreError as error:
            self._tell(f"{self._device.name}: used, but not stored: {error}", "error")
            return
        self._device.uses[MESH] = new.version

    def _tell(self, text: str, level: Level = "info", **data: Any) -> None:
        self._journal.tell(self._device.name, "drift", text, level=level, **data)
