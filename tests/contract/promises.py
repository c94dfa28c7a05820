"""What each role's interface promises, as tables: one body of tests tries it on any instrument.

Good values lie within the limits of the instrument and of its lab config, so that they may be
set on a real bench: outputs go on with what the config would bring them up with, heaters get a
tenth of their highest drive, a TEC holds the temperature that it finds.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from math import inf, nan
from typing import Any

import numpy as np

from lumina.errors import DeviceRangeError, LuminaError, MatrixError

__all__ = ["READINGS", "SAFE", "SETTINGS", "Reading", "Setting"]

Read = Callable[[], Awaitable[Any]]


@dataclass(frozen=True)
class Setting:
    """One thing that can be set, in SI units.

    Attributes:
        name: for people.
        set: sets it.
        good: values to set, one after another.
        refused: values that must not be taken.
        read: reads it back; None where the interface has no way to.
        within: how far the reading may be from what was set.
        error: what refuses a value.
    """

    name: str
    set: Callable[[Any], Awaitable[Any]]
    good: Sequence[Any]
    refused: Sequence[Any] = ()
    read: Read | None = None
    within: float = 0.0
    error: type[LuminaError] = DeviceRangeError


@dataclass(frozen=True)
class Reading:
    """Something that can be read.

    Attributes:
        name: for people.
        read: reads it.
        low: lowest plausible value, SI.
        high: highest plausible value, SI.
    """

    name: str
    read: Read
    low: float
    high: float


def beyond(high: float) -> list[float]:
    """Values above a limit, and values that are no numbers."""
    return [1.01 * high + 1e-9, inf, nan]


def temperature_controller_settings(tec: Any, options: Any) -> list[Setting]:
    limits_c, limits_a = tec.temperature_limits_c(), tec.current_limits_a()
    return [
        Setting(
            "target",
            tec.set_target_c,
            [options.target_c, 25.0],
            [limits_c.low - 1.0, *beyond(limits_c.high)],
            tec.read_target_c,
            within=1e-3,
        ),
        Setting("current", tec.set_current_a, [0.0], [1.1 * limits_a.low, *beyond(limits_a.high)]),
    ]


def temperature_controller_readings(tec: Any) -> list[Reading]:
    limit_a = 1.1 * tec.current_limits_a().high
    return [
        Reading("temperature", tec.read_temperature_c, -60.0, 150.0),
        Reading("sink", tec.read_sink_c, -60.0, 150.0),
        Reading("target", tec.read_target_c, -60.0, 150.0),
        Reading("current", tec.read_current_a, -limit_a, limit_a),
        Reading("voltage", tec.read_voltage_v, -60.0, 60.0),
        Reading("stable", tec.is_stable, False, True),
        Reading("enabled", tec.is_enabled, False, True),
    ]


def phase_shifter_bank_settings(bank: Any, _: Any) -> list[Setting]:
    limits, channels = bank.drive_limits_v(), bank.channels
    tenth = np.linspace(0.05, 0.1, channels) * limits.high
    refused = [np.full(channels, value) for value in (-0.1, *beyond(limits.high))]
    return [
        Setting(
            "drive",
            bank.set_drive_v,
            [tenth, np.zeros(channels)],
            [*refused, np.zeros(channels + 1), np.zeros((1, channels))],
            bank.read_drive_v,
            within=0.02,
        )
    ]


def phase_shifter_bank_readings(bank: Any) -> list[Reading]:
    return [
        Reading("drive", bank.read_drive_v, -0.1, 1.1 * bank.drive_limits_v().high),
        Reading("current", bank.read_current_a, -1e-3, 0.3),
    ]


def optical_power_meter_settings(meter: Any, options: Any) -> list[Setting]:
    return [
        Setting("wavelength", meter.set_wavelength_m, [options.wavelength_m], [-1.0, *beyond(1.0)]),
        Setting("averaging", meter.set_averaging, [1, options.averaging], [0, 100_000]),
    ]


def optical_power_meter_readings(meter: Any) -> list[Reading]:
    return [Reading("power", meter.read_power_w, -1e-3, inf)]


def laser_settings(laser: Any, options: Any) -> list[Setting]:
    tuning, power = laser.wavelength_limits_m(), laser.power_limits_w()
    return [
        Setting(
            "wavelength",
            laser.set_wavelength_m,
            [options.wavelength_m, 0.5 * (tuning.low + tuning.high)],
            [0.99 * tuning.low, *beyond(tuning.high)],
            laser.read_wavelength_m,
            within=1e-12,
        ),
        Setting(
            "power",
            laser.set_power_w,
            [options.power_w],
            [0.5 * power.low, *beyond(power.high)],
        ),
        Setting("emission", laser.set_emission, [True, False], (), laser.is_emitting),
    ]


def laser_readings(laser: Any) -> list[Reading]:
    return [
        Reading("wavelength", laser.read_wavelength_m, 1e-6, 2e-6),
        Reading("power", laser.read_power_w, 0.0, 1.0),
        Reading("emitting", laser.is_emitting, False, True),
    ]


def power_supply_settings(supply: Any, options: Any) -> list[Setting]:
    """Of the channel that feeds the board; its limits come before its voltage."""
    channel = options.board_channel
    highest_v = supply.voltage_limits_v(channel).high
    return [
        Setting(
            "current limit",
            partial(supply.set_current_limit_a, channel),
            [options.current_limit_a],
            [-0.1, *beyond(100.0)],
        ),
        Setting(
            "over-voltage level",
            partial(supply.set_over_voltage_v, channel),
            [options.over_voltage_v],
            [-0.1, *beyond(2.0 * highest_v)],
        ),
        Setting(
            "voltage",
            partial(supply.set_voltage_v, channel),
            [0.9 * options.voltage_v, options.voltage_v],
            [-0.1, *beyond(highest_v)],
        ),
        Setting(
            "output",
            partial(supply.set_output, channel),
            [True, False],
            (),
            partial(supply.is_on, channel),
        ),
    ]


def power_supply_readings(supply: Any) -> list[Reading]:
    return [
        reading
        for channel in range(1, supply.channels + 1)
        for reading in (
            Reading(f"voltage {channel}", partial(supply.read_voltage_v, channel), -0.5, 70.0),
            Reading(f"current {channel}", partial(supply.read_current_a, channel), -0.1, 60.0),
            Reading(f"on {channel}", partial(supply.is_on, channel), False, True),
            Reading(f"tripped {channel}", partial(supply.is_tripped, channel), False, True),
        )
    ]


def fan_settings(fan: Any, _: Any) -> list[Setting]:
    return [
        Setting(
            "speed",
            fan.set_speed_rpm,
            [0.5 * fan.max_rpm, fan.max_rpm],
            [-1.0, *beyond(fan.max_rpm)],
        )
    ]


def fan_readings(fan: Any) -> list[Reading]:
    return [
        Reading("speed", fan.read_speed_rpm, 0.0, 1.1 * fan.max_rpm),
        Reading("stalled", fan.is_stalled, False, True),
    ]


def photonic_processor_settings(board: Any, _: Any) -> list[Setting]:
    """There is nothing to set; fields that its modulators cannot make are refused."""
    ports = board.capabilities.architecture.ports
    refused = [np.full((ports, 1), value) for value in (1.01, nan, inf)]
    return [
        Setting(
            "fields",
            board.multiply,
            [np.eye(ports), np.zeros((ports, 3))],
            [*refused, np.ones(ports), np.ones((ports + 1, 1)), np.ones((ports, 0))],
            error=MatrixError,
        )
    ]


def photonic_processor_readings(board: Any) -> list[Reading]:
    ports = board.capabilities.architecture.ports

    async def moduli() -> Any:
        return np.abs((await board.multiply(np.eye(ports))).amplitudes)

    return [Reading("light", moduli, 0.0, 2.0)]


SETTINGS: dict[str, Callable[[Any, Any], list[Setting]]] = {
    "temperature_controller": temperature_controller_settings,
    "phase_shifter_bank": phase_shifter_bank_settings,
    "optical_power_meter": optical_power_meter_settings,
    "laser": laser_settings,
    "power_supply": power_supply_settings,
    "fan": fan_settings,
    "photonic_processor": photonic_processor_settings,
}
"""Role -> the settings of a connected device, by its options."""

READINGS: dict[str, Callable[[Any], list[Reading]]] = {
    "temperature_controller": temperature_controller_readings,
    "phase_shifter_bank": phase_shifter_bank_readings,
    "optical_power_meter": optical_power_meter_readings,
    "laser": laser_readings,
    "power_supply": power_supply_readings,
    "fan": fan_readings,
    "photonic_processor": photonic_processor_readings,
}
"""Role -> the readings of a device; of a processor, when it is connected."""


async def no_output(tec: Any) -> bool:
    return not await tec.is_enabled()


async def no_drive(bank: Any) -> bool:
    return bool(np.abs(await bank.read_drive_v()).max() < 0.02)


async def measures_only(meter: Any) -> bool:
    return bool(meter.channels)


async def dark(laser: Any) -> bool:
    return not await laser.is_emitting() and await laser.read_power_w() == 0.0


async def all_off(supply: Any) -> bool:
    return not any([await supply.is_on(channel) for channel in range(1, supply.channels + 1)])


async def blows(fan: Any) -> bool:
    return bool(await fan.read_speed_rpm() > 0.9 * fan.max_rpm)


async def no_light(board: Any) -> bool:
    ports = board.capabilities.architecture.ports
    return bool(np.abs((await board.multiply(np.eye(ports))).amplitudes).max() < 0.05)


SAFE: dict[str, Callable[[Any], Awaitable[bool]]] = {
    "temperature_controller": no_output,
    "phase_shifter_bank": no_drive,
    "optical_power_meter": measures_only,
    "laser": dark,
    "power_supply": all_off,
    "fan": blows,
    "photonic_processor": no_light,
}
"""Role -> whether a device is in its safe state; some need a moment to get there."""
