"""What a device does for itself while nobody computes on it: headroom, and trim.

Both need a quiet moment, for they move heaters: they hold the device's lock meanwhile, and
are put off while it is held or the device is busy.
"""

import asyncio
from dataclasses import replace
from typing import Any

import numpy as np

from calibration.heaters import own_changes_rad, phases_rad
from calibration.programming.headroom import tight, with_headroom
from calibration.trim import Monitored, monitor_model, phase_errors
from lumina.background import in_background
from lumina.control.records import HeaterMode, Tier
from lumina.errors import DeviceStateError, DeviceTimeoutError
from lumina.runtime.device import DeviceState, PhotonicDevice
from lumina.runtime.recording.journal import Journal

__all__ = ["Upkeep"]

PERIOD_S = 1.0

MARGIN_RAD = 0.05
"""Own phase that compensation can still take away, or give, before a heater is moved."""

AMPLITUDE_RAD = 0.03
CODE_NOISE = 1.0
"""Rms noise of one monitor code: quantisation and the photodiode's own."""

POLL_S = 0.01
PATIENCE = 3.0
"""Times a dither's length after which it has been lost."""


class Upkeep:
    """Looks after one device until cancelled.

    Args:
        device: the device.
        journal: told what was done.
        trim_period_s: time between trims; 0 for never.
        trim_periods: periods of the heaters' codes that one trim listens for.
    """

    def __init__(
        self,
        device: PhotonicDevice,
        journal: Journal,
        *,
        trim_period_s: float = 0.0,
        trim_periods: int = 8,
    ) -> None:
        self._device, self._journal = device, journal
        self._trim_period_s, self._trim_periods = trim_period_s, trim_periods
        self._since_trim_s = 0.0

    async def run(self) -> None:
        """Look once a second."""
        while True:
            await asyncio.sleep(PERIOD_S)
            self._since_trim_s += PERIOD_S
            if self._quiet():
                await self._look()

    async def _look(self) -> None:
        """Do what is due."""
        await self.make_headroom()
        if self._trim_period_s and self._since_trim_s >= self._trim_period_s:
            self._since_trim_s = 0.0
            try:
                await self.trim()
            except (DeviceStateError, DeviceTimeoutError) as error:
                self._tell("trim", f"trim put off: {error}", done=False)

    def _quiet(self) -> bool:
        """Whether the device stands ready, holds phases, and nobody uses it."""
        device = self._device
        state = device.loop.arrays.state[0]
        return (
            device.state is DeviceState.READY
            and not device.lock.locked()
            and device.calibration is not None
            and device.tier is Tier.NORMAL
            and int(state["heater_mode"]) == HeaterMode.PHASE
        )

    async def make_headroom(self) -> int:
        """Move heaters that are about to leave their range by a turn; how many were moved."""
        device, loop = self._device, self._device.loop
        assert device.calibration is not None
        own_rad = loop.arrays.heaters.phase_rad.copy()
        drift_rad = loop.arrays.heaters.tempco_rad_per_k * loop.compensated_warming_k()
        turns = tight(own_rad - drift_rad, loop.arrays.heaters.limit_rad, MARGIN_RAD)
        turns = turns * device.calibration.good
        moved = int(np.count_nonzero(turns))
        if moved:
            phases = with_headroom(own_rad, turns, device.calibration)
            async with device.lock:
                held = np.clip(phases, 0.0, None)
                await device.settling.heaters_acting(loop.set_heater_phases(held))
            self._tell("headroom", f"{moved} heaters moved by a turn", heaters=moved)
        return moved

    async def trim(self) -> float:
        """Find and take out what the phases have drifted; returns its rms, in rad.

        Raises:
            DeviceStateError: the device holds no matrix.
            DeviceTimeoutError: the dither was lost.
        """
        device = self._device
        calibration = device.calibration
        if calibration is None or not self._quiet():
            raise DeviceStateError(
                device.name, "a trim needs a quiet device that holds a matrix", device.state.value
            )
        async with device.lock:
            own_rad = device.loop.arrays.heaters.phase_rad.copy()
            seen = await self._dithered()
            # Compensation holds the phases as they would be at the reference temperature.
            believed_rad = phases_rad(calibration, own_rad)
            model = monitor_model(calibration)
            answering = calibration.crosstalk * calibration.good  # a dead heater dithers nothing
            error_rad = await in_background(
                lambda: phase_errors(model, answering, believed_rad, seen)
            )
            moved = replace(calibration, phi0_rad=calibration.phi0_rad + error_rad)
            taken_back = own_rad - own_changes_rad(calibration, error_rad)
            await device.adopt(moved, np.maximum(taken_back, 0.0))
        rms_rad = float(np.sqrt(np.mean(error_rad**2)))
        self._tell("trim", f"phases trimmed by {1000.0 * rms_rad:.1f} mrad rms", rms_rad=rms_rad)
        return rms_rad

    async def _dithered(self) -> Monitored:
        """What the monitors say to a dither of all heaters."""
        loop, waited_s = self._device.loop, 0.0
        await self._device.settling.applied(loop.start_dither(AMPLITUDE_RAD, self._trim_periods))
        length_s = float(loop.arrays.dither.control["length"][0]) * 1e-3
        while loop.dithering and waited_s < PATIENCE * length_s:
            await asyncio.sleep(POLL_S)
            waited_s += POLL_S
        found = loop.dithered()
        if found is None:
            raise DeviceTimeoutError(self._device.name, "the dither was cut short, or frames lost")
        noise = CODE_NOISE / float(np.sqrt(found.counted))
        return Monitored(found.power_code, found.slope_code_per_rad, noise, noise / AMPLITUDE_RAD)

    def _tell(self, event: str, text: str, **data: Any) -> None:
        self._journal.tell(self._device.name, event, f"{self._device.name}: {text}", **data)
