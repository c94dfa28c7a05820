"""Up in order, down in reverse: supplies, loop, rails, laser, temperature."""

import asyncio
from collections.abc import Awaitable, Callable

from lumina.control.rails import FAULT_NAMES
from lumina.control.records import FanMode, HeaterMode, RailState, TecMode, Tier
from lumina.errors import (
    DeviceConnectionError,
    DeviceTimeoutError,
    LuminaError,
    RailFaultError,
)
from lumina.runtime.device import DeviceState, PhotonicDevice, Regulated
from lumina.runtime.recording.journal import Journal
from lumina.runtime.station import LoopDrive, Station

__all__ = ["bring_up", "lock_temperature", "shut_down"]

POLL_S = 0.01
FIRST_READING_S = 2.0
RAILS_TIMEOUT_S = 30.0

LAST_ROW_S = 0.1
"""One period of the slowest telemetry, so that the record shows the rails down."""


async def bring_up(
    station: Station,
    drive: LoopDrive,
    journal: Journal,
    prepare: Callable[[], Awaitable[object]],
    *,
    lock: bool = True,
) -> None:
    """Bring one station up, by default to a locked temperature.

    Args:
        station: the station.
        drive: runs its loop.
        journal: where stages are told.
        prepare: awaited once the loop takes commands, before anything is regulated.
        lock: bring the carrier to its set point; otherwise the TEC stays off.

    Raises:
        DeviceError: an instrument refuses or does not answer.
        RailFaultError: a rail trips on the way up.
        ThermallyUnsafeError: the guard refuses from the start.
    """
    device = station.device
    if station.runner.fault is not None:
        raise DeviceConnectionError(device.name, station.runner.fault)
    device.lifecycle = DeviceState.INITIALISING
    with journal.stage("bring_up", f"{device.name}: supplies, rails, laser"):
        await switch_supplies_on(station)
        drive.start()
        await first_reading(device)
        await rails_up(device)
        await prepare()
        await lasers_on(station)
        await device.settling.applied(device.loop.set_laser_scale(1.0))
        await device.settling.applied(device.loop.set_fan_mode(FanMode.REGULATE))
    if lock:
        await lock_temperature(device, journal)
    device.come_up()
    journal.tell(device.name, "state", f"{device.name} is ready", state="ready")


async def lock_temperature(device: PhotonicDevice, journal: Journal) -> None:
    """Regulate the carrier, and wait until it has settled at its set point.

    Raises:
        DeviceTimeoutError: it does not in time.
        ThermallyUnsafeError: the guard went to emergency meanwhile.
    """
    with journal.stage("lock", f"{device.name}: carrier to {device.config.setpoint_c:g} C"):
        await device.settling.applied(device.loop.set_tec_mode(TecMode.REGULATE))
        await device.settling.carrier_locked()


async def switch_supplies_on(station: Station) -> None:
    """Limits first, then voltage, then the output."""
    for supply, options in station.supplies:
        channel = options.board_channel
        await supply.set_current_limit_a(channel, options.current_limit_a)
        await supply.set_over_voltage_v(channel, options.over_voltage_v)
        await supply.set_voltage_v(channel, options.voltage_v)
        await supply.set_output(channel, True)


async def first_reading(device: Regulated) -> None:
    """Wait for the loop's first telemetry, and heed the guard's first judgement.

    A board is locked out at first: it takes rails from a host that it has heard ask for none.
    """
    state = device.loop.arrays.state
    began_at = int(state["tick"][0])
    for _ in range(round(FIRST_READING_S / POLL_S)):
        await asyncio.sleep(POLL_S)
        told = device.loop.latest() is not None and state["tick"][0] > began_at
        if told and not state["locked_out"][0]:
            break
    else:
        raise DeviceTimeoutError(device.name, "no sensor frames come")
    if device.tier >= Tier.CRITICAL or state["throttle"][0] < 1.0:
        raise device.unsafe()


async def rails_up(device: PhotonicDevice) -> None:
    """Ask the rails up and wait until all are on."""
    await device.settling.applied(device.loop.rails_up())
    await rails_reach(device, RailState.ON)


async def rails_reach(device: PhotonicDevice, wanted: RailState) -> None:
    """Wait until every rail is in a state; a tripped rail is an error on the way up."""
    rails = device.loop.arrays.rails
    for _ in range(round(RAILS_TIMEOUT_S / POLL_S)):
        for config, rail in zip(device.config.rails, rails, strict=True):
            if rail["state"] == RailState.FAULT and wanted is RailState.ON:
                fault = FAULT_NAMES[int(rail["fault"])]
                detail = f"limits {config.current_limit_a:g} A, {config.over_voltage_v:g} V"
                raise RailFaultError(device.name, config.name, fault, detail)
        if all(state in (wanted, RailState.FAULT) for state in rails["state"]):
            return
        await asyncio.sleep(POLL_S)
    raise DeviceTimeoutError(device.name, f"the rails are not all {wanted.name.lower()}")


async def lasers_on(station: Station) -> None:
    """Tune, set the power, then emit."""
    for laser, options in station.lasers:
        await laser.set_wavelength_m(options.wavelength_m)
        await laser.set_power_w(options.power_w)
        await laser.set_emission(True)


async def lasers_off(station: Station) -> None:
    """Emission off at the source."""
    for laser, _ in station.lasers:
        await laser.set_emission(False)


async def actuators_off(station: Station) -> None:
    """Attenuator dark, heaters, TEC and fan off."""
    loop = station.device.loop
    loop.set_laser_scale(0.0)
    loop.set_heater_mode(HeaterMode.OFF)
    loop.set_tec_mode(TecMode.OFF)
    await station.device.settling.applied(loop.set_fan_mode(FanMode.OFF))


async def rails_down(station: Station) -> None:
    """Rails down in reverse order, and waited for."""
    await station.device.settling.applied(station.device.loop.rails_down())
    await rails_reach(station.device, RailState.OFF)


async def supplies_off(station: Station) -> None:
    """Bench supplies off."""
    for supply, options in station.supplies:
        await supply.set_output(options.board_channel, False)


async def shut_down(station: Station, drive: LoopDrive, journal: Journal) -> None:
    """Take a station down in reverse order. Every step is tried, failures are told."""
    device = station.device
    steps = [lasers_off, supplies_off]
    if device.loop.latest() is not None:  # the loop ticks: it takes commands
        steps = [actuators_off, lasers_off, rails_down, supplies_off]
    with journal.stage("shut_down", f"{device.name}: laser, heaters, TEC, rails, supplies"):
        for step in steps:
            try:
                await step(station)
            except LuminaError as error:
                text = f"{step.__name__.replace('_', ' ')} failed: {error}"
                journal.tell(device.name, "shutdown", text, level="error")
        await asyncio.sleep(LAST_ROW_S)
        drive.stop()
    device.lifecycle = DeviceState.SHUTDOWN
