"""A chip without a board: its carrier held by a TEC controller and a fan, under our loop.

Up: how long an exchange takes is measured, gains are found or checked for that pace, the
controller's own watchdog is set, and then the loop runs. Down: TEC off, then the loop.
"""

import asyncio
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import ClassVar

from drivers.instrument_link import InstrumentLink, News
from drivers.interfaces import Instrument, PhaseShifterBank
from lumina.background import in_background
from lumina.control.config import ControlConfig, PidConfig
from lumina.control.loop import ControlLoop
from lumina.control.records import FanMode, TecMode, Tier
from lumina.control.thermal.simc import candidates, delay_s
from lumina.control.thermal_margins import LoopMargins, thermal_margins, why_thin
from lumina.errors import DeviceConnectionError, DeviceRangeError, LuminaError, UsageError
from lumina.runtime.bring_up import LAST_ROW_S, first_reading
from lumina.runtime.device import DeviceState, LockCriterion, Regulated
from lumina.runtime.recording.journal import Journal
from lumina.runtime.station import BaseStation, LoopDrive, all_tried

__all__ = ["InstrumentStation", "bring_up_instruments", "regulated", "shut_down_instruments"]

EXCHANGES = 5
"""Timed, and the middle one believed: what holds a single one up is not the wire."""

BUSY_SHARE = 0.8
"""Of a period, that an exchange may take."""


@dataclass(frozen=True)
class InstrumentStation(BaseStation):
    """A carrier held by stand-alone instruments.

    There is no attenuator between laser and chip: from the tier in which no light is allowed
    any more, the lasers and heater drivers on the plant are switched off.
    """

    dark_from: ClassVar[Tier] = Tier.CRITICAL
    last_resort: ClassVar[str] = "TEC off and fan at full speed"
    row_name: ClassVar[str] = "carrier_row"
    lockout: ClassVar[str] = "TEC controller or fan was away, or without power"

    link: InstrumentLink

    def depends_on(self, instrument: Instrument) -> bool:
        return instrument in (self.link.tec, self.link.fan)

    def hears(self, instrument: Instrument) -> bool:
        return self.depends_on(instrument)

    def news(self) -> list[News]:
        told = list(self.link.news)
        self.link.news.clear()
        return told

    async def fall_back(self) -> None:
        """TEC off by the loop, and beside it; lasers and heaters off. The fan goes on."""
        try:
            self.device.loop.set_tec_mode(TecMode.OFF)
        finally:
            await all_tried([self.link.tec.make_safe(), self.make_safe()])

    async def cut_power(self) -> None:
        """TEC off and fan at full speed, whatever the loop does."""
        await self.link.make_safe()

    async def make_safe(self) -> None:
        banks = [one for one, _ in self.instruments if isinstance(one, PhaseShifterBank)]
        await all_tried([super().make_safe(), *(bank.make_safe() for bank in banks)])


def regulated(
    link: InstrumentLink, config: ControlConfig, lock: LockCriterion, telemetry_hz: float
) -> Regulated:
    """The carrier under a loop over two instruments; the loop has no heaters and no rails."""
    without = config.model_copy(update={"rails": ()})
    loop = ControlLoop(
        link.name,
        without,
        heaters=0,
        full_scale_v=1.0,
        heater_bits=16,
        telemetry_hz=telemetry_hz,
    )
    return Regulated(link.name, without, loop, lock)


async def bring_up_instruments(
    station: InstrumentStation, drive: LoopDrive, journal: Journal, *, lock: bool = True
) -> None:
    """Bring a carrier up, by default to a locked temperature.

    Args:
        station: the station.
        drive: runs its loop.
        journal: where it is told, beside the stages of the processors that come up meanwhile.
        lock: bring the carrier to its set point; otherwise the TEC stays off.

    Raises:
        DeviceRangeError: the instruments are too slow for the rate, or the gains too high.
        DeviceError: an instrument refuses or does not answer.
        ThermallyUnsafeError: the guard refuses from the start.
    """
    device, loop = station.device, station.device.loop
    if station.runner.fault is not None:
        raise DeviceConnectionError(device.name, station.runner.fault)
    device.lifecycle = DeviceState.INITIALISING
    text = f"{device.name}: TEC controller and fan at {loop.pace}"
    journal.tell(device.name, "bring_up", text)
    if not drive.running:
        await station.link.make_safe()
        wire_s = await _exchange_s(station)
        await _tune(device, wire_s, journal)
        await _set_watchdog(station, journal)
        drive.start()
    await first_reading(device)
    await device.settling.applied(loop.set_fan_mode(FanMode.REGULATE))
    if lock:
        await device.settling.applied(loop.set_tec_mode(TecMode.REGULATE))
        await device.settling.carrier_locked()
    device.come_up()
    journal.tell(device.name, "state", f"{device.name} is ready", state="ready")


async def shut_down_instruments(
    station: InstrumentStation, drive: LoopDrive, journal: Journal
) -> None:
    """Take a carrier down: TEC and fan by the loop, then the loop, then the TEC once more."""
    device = station.device
    steps = [station.link.tec.make_safe]
    if drive.running:
        steps = [partial(_actuators_off, station, drive), *steps]
    for step in steps:
        try:
            await step()
        except LuminaError as error:
            text = f"{device.name} did not go down in order: {error}"
            journal.tell(device.name, "shutdown", text, level="error")
    drive.stop()
    journal.tell(device.name, "state", f"{device.name} is down", state="shutdown")
    device.lifecycle = DeviceState.SHUTDOWN


async def _actuators_off(station: InstrumentStation, drive: LoopDrive) -> None:
    """TEC and fan off, and time to tell them; in an emergency the fan goes on."""
    loop, settling = station.device.loop, station.device.settling
    try:
        loop.set_tec_mode(TecMode.OFF)
        await settling.applied(loop.set_fan_mode(FanMode.OFF))
        await asyncio.sleep(max(LAST_ROW_S, 2.0 * loop.period_s))
    finally:
        drive.stop()


async def _exchange_s(station: InstrumentStation) -> float:
    """Time that reading and commanding both instruments takes, s.

    Raises:
        DeviceRangeError: it is too much for the rate.
    """
    device = station.device
    wire_s = median([await station.link.time_exchange() for _ in range(EXCHANGES)])
    if wire_s > BUSY_SHARE * device.loop.period_s:
        raise DeviceRangeError(
            device.name,
            f"{device.loop.pace} asked of instruments whose exchange takes "
            f"{1e3 * wire_s:.0f} ms (control.{device.name}.instruments.rate_hz)",
            f"at most {BUSY_SHARE / wire_s:.3g} Hz",
        )
    return wire_s


async def _tune(device: Regulated, wire_s: float, journal: Journal) -> None:
    """Install gains that hold their margins at this pace, over this wire.

    Raises:
        DeviceRangeError: those of the config do not, or none were found.
    """
    config, at = device.config, f"at {device.loop.pace} with {1e3 * wire_s:.0f} ms on the wire"
    theta_s = delay_s(config.period_s, wire_s)
    tries = [pid for pid, _ in candidates(config.thermal_model, theta_s, config.period_s)]
    lacking = ""
    for pid in [config.tec.pid] if config.gains_given else tries:
        try:
            found = await in_background(partial(_margins, config, pid, wire_s))
            lacking = why_thin(found)
        except (UsageError, DeviceRangeError) as error:
            lacking = str(error)
        if not lacking:
            device.loop.set_thermal_model(config.thermal_model, pid, config.fan.pid)
            least = min(found, key=lambda one: one.margins.gain_db).margins
            whose = "as given" if config.gains_given else "by SIMC"
            text = (
                f"{device.name}: gains {whose} leave {least.gain_db:.1f} dB and "
                f"{least.phase_deg:.0f} degrees {at}"
            )
            journal.tell(device.name, "tuned", text, kp=pid.kp, ki=pid.ki, kd=pid.kd, wire_s=wire_s)
            return
    allowed = f"a higher rate, or other gains (control.{device.name}.tec.pid)"
    raise DeviceRangeError(device.name, f"{at} {lacking}", allowed)


def _margins(config: ControlConfig, pid: PidConfig, wire_s: float) -> tuple[LoopMargins, ...]:
    assert config.instruments is not None
    inlet_c, model = config.instruments.inlet_c, config.thermal_model
    return tuple(thermal_margins(model, config, pid, config.fan.pid, inlet_c, wire_s=wire_s))


async def _set_watchdog(station: InstrumentStation, journal: Journal) -> None:
    """Have the controller switch off by itself when this host dies, if it can."""
    settings, tec = station.device.config.instruments, station.link.tec
    assert settings is not None
    if not await tec.set_watchdog_s(settings.watchdog_s):
        text = f"{tec.name} has no watchdog: if this host dies, it drives its last current on"
        journal.tell(tec.name, "watchdog", text)
