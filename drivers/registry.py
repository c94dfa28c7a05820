"""Which drivers there are, which role each plays, and who can answer for it.

A package adds drivers by entry points in the group ``lumina.drivers``; each points at a
`DriverEntry`. One that cannot be loaded is reported by name and harms no other.
"""

import importlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from enum import StrEnum
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any

from drivers.interfaces import ROLES, Instrument
from drivers.options import (
    ROLE_OPTIONS,
    DriverOptions,
    EbmpapstEcFanOptions,
    Keithley2450Options,
    KeysightE36312aOptions,
    KeysightN7744aOptions,
    LabjackT7Options,
    MeerstetterTec109xOptions,
    PhaseShifterBankOptions,
    ProcessorOptions,
    RohdeHmp4040Options,
    SantecTsl570Options,
    Thermostat8451Options,
    ThorlabsPm100dOptions,
)
from lumina.errors import UsageError

if TYPE_CHECKING:
    from drivers.twin.pace import Pace
    from twin.plant import Plant

__all__ = [
    "ENTRY_POINT_GROUP",
    "Backend",
    "DriverEntry",
    "Factory",
    "Mounting",
    "Registry",
    "registry",
]

ENTRY_POINT_GROUP = "lumina.drivers"


class Backend(StrEnum):
    """Who answers to a driver's calls."""

    TWIN = "twin"
    """The software twin, in process."""
    FIRMWARE = "firmware"
    """A simulated instrument that speaks the real wire protocol."""
    HARDWARE = "hardware"
    """The instrument at the configured address."""


@dataclass(frozen=True)
class Mounting:
    """How one instrument stands on the bench.

    Attributes:
        name: its name in the lab config.
        options: an instance of its driver's options model.
        plant: what its twin acts on; None for the other backends.
        address: where it is; None for the twin.
        pace: brings the plant to the present time; None where a board's loop advances it.
    """

    name: str
    options: Any
    plant: "Plant | None" = None
    address: str | None = None
    pace: "Pace | None" = None


Factory = Callable[[Mounting], Instrument]


@dataclass(frozen=True)
class DriverEntry:
    """One driver.

    Attributes:
        name: what a lab config calls it.
        role: a key of `drivers.interfaces.ROLES`.
        description: the instrument, in a few words.
        options: model of its settings, derived from the role's in `ROLE_OPTIONS`.
        factories: how to build it, for each backend that it has.
    """

    name: str
    role: str
    description: str
    options: type[DriverOptions]
    factories: Mapping[Backend, Factory]

    def factory(self, backend: Backend) -> Factory:
        """How to build the driver for a backend.

        Raises:
            UsageError: the driver has no such backend.
        """
        if backend not in self.factories:
            has = ", ".join(self.factories) or "none"
            raise UsageError(f'driver {self.name} has no backend "{backend}" (has: {has})')
        return self.factories[backend]


def _built_in(
    name: str, role: str, description: str, options: type[DriverOptions], *, twin: str, wire: str
) -> DriverEntry:
    """A driver that comes with Lumina.

    Args:
        name: of the driver, and of its module in `drivers.instruments`.
        role: as in `DriverEntry`.
        description: as in `DriverEntry`.
        options: as in `DriverEntry`.
        twin: its class in `drivers.twin`.
        wire: its class for simulated firmware and hardware.
    """
    on_the_wire = _built(f"drivers.instruments.{name}", wire)
    factories = {
        Backend.TWIN: _built("drivers.twin", twin),
        Backend.FIRMWARE: on_the_wire,
        Backend.HARDWARE: on_the_wire,
    }
    return DriverEntry(name, role, description, options, factories)


def _built(module: str, class_name: str) -> Factory:
    """A driver of a module that is imported when it is built: a twin brings the compiled plant."""

    def build(mounting: Mounting) -> Instrument:
        built: Instrument = getattr(importlib.import_module(module), class_name)(mounting)
        return built

    return build


_BUILT_IN = (
    _built_in(
        "lumina_npu",
        "photonic_processor",
        "Lumina NPU board",
        ProcessorOptions,
        twin="TwinProcessor",
        wire="LuminaNpu",
    ),
    _built_in(
        "santec_tsl570",
        "laser",
        "Santec TSL-570 tunable laser",
        SantecTsl570Options,
        twin="TwinLaser",
        wire="SantecTsl570",
    ),
    _built_in(
        "keysight_e36312a",
        "power_supply",
        "Keysight E36312A triple-output supply",
        KeysightE36312aOptions,
        twin="TwinPowerSupply",
        wire="KeysightE36312a",
    ),
    _built_in(
        "rohde_hmp4040",
        "power_supply",
        "Rohde & Schwarz HMP4040 four-channel supply",
        RohdeHmp4040Options,
        twin="TwinFourChannelSupply",
        wire="RohdeHmp4040",
    ),
    _built_in(
        "thorlabs_pm100d",
        "optical_power_meter",
        "Thorlabs PM100D optical power meter",
        ThorlabsPm100dOptions,
        twin="TwinPowerMeter",
        wire="ThorlabsPm100d",
    ),
    _built_in(
        "keysight_n7744a",
        "optical_power_meter",
        "Keysight N7744A multi-port optical power meter",
        KeysightN7744aOptions,
        twin="TwinMultiportMeter",
        wire="KeysightN7744a",
    ),
    _built_in(
        "labjack_t7",
        "optical_power_meter",
        "LabJack T7 with amplified photodiodes",
        LabjackT7Options,
        twin="TwinPhotodiodeArray",
        wire="LabjackT7",
    ),
    _built_in(
        "meerstetter_tec109x",
        "temperature_controller",
        "Meerstetter TEC-109x temperature controller",
        MeerstetterTec109xOptions,
        twin="TwinTemperatureController",
        wire="MeerstetterTec109x",
    ),
    _built_in(
        "thermostat_8451",
        "temperature_controller",
        "M-Labs Sinara Thermostat 8451",
        Thermostat8451Options,
        twin="TwinThermostat",
        wire="Thermostat8451",
    ),
    _built_in(
        "qontrol_q8iv",
        "phase_shifter_bank",
        "Qontrol Q8iv heater driver chain",
        PhaseShifterBankOptions,
        twin="TwinPhaseShifterBank",
        wire="QontrolQ8iv",
    ),
    _built_in(
        "keithley_2450",
        "phase_shifter_bank",
        "Keithley 2450 source-measure unit",
        Keithley2450Options,
        twin="TwinSourceMeter",
        wire="Keithley2450",
    ),
    _built_in(
        "ebmpapst_ec_fan",
        "fan",
        "ebm-papst EC fan",
        EbmpapstEcFanOptions,
        twin="TwinFan",
        wire="EbmpapstEcFan",
    ),
)


@dataclass
class Registry:
    """The built-in drivers and those of other packages, which load when asked for."""

    _entries: dict[str, DriverEntry]
    _pending: dict[str, EntryPoint] = field(default_factory=dict)
    _broken: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, points: Iterable[EntryPoint]) -> "Registry":
        """The built-in drivers and the given entry points.

        Args:
            points: entry points; one that takes a built-in driver's name is broken.
        """
        result = cls({entry.name: entry for entry in _BUILT_IN})
        for point in points:
            if point.name in result._entries or point.name in result._pending:
                result._broken[_describe(point)] = f"the name {point.name} is taken already"
            else:
                result._pending[point.name] = point
        return result

    @staticmethod
    def built_in() -> list[str]:
        """Names of the drivers that come with Lumina, sorted."""
        return sorted(entry.name for entry in _BUILT_IN)

    def names(self) -> list[str]:
        """Every driver name that a lab config may use, sorted."""
        return sorted({*self._entries, *self._pending})

    def entry(self, name: str) -> DriverEntry:
        """The driver of that name.

        Raises:
            UsageError: there is none, or its package cannot be loaded.
        """
        if name in self._entries:
            return self._entries[name]
        if name not in self._pending:
            near = get_close_matches(name, self.names(), 1)
            hint = f"; did you mean {near[0]}?" if near else ""
            known = ", ".join(self.names())
            raise UsageError(f"unknown driver '{name}'{hint} (known: {known})")
        return self._load(self._pending[name])

    def entries(self) -> list[DriverEntry]:
        """Every driver that can be loaded, sorted by role and name."""
        for name, point in self._pending.items():
            if name not in self._entries and _describe(point) not in self._broken:
                try:
                    self._load(point)
                except UsageError:
                    continue  # remembered in `broken`
        return sorted(self._entries.values(), key=lambda entry: (entry.role, entry.name))

    def broken(self) -> dict[str, str]:
        """Entry point -> why it cannot be used, of those that were tried."""
        return dict(self._broken)

    def _load(self, point: EntryPoint) -> DriverEntry:
        try:
            entry = _checked(point.name, point.load())
        except Exception as error:  # another package's code may raise anything
            reason = f"{type(error).__name__}: {error}"
            self._broken[_describe(point)] = reason
            raise UsageError(
                f"driver '{point.name}' cannot be loaded, entry point {_describe(point)}: {reason}"
            ) from error
        self._entries[point.name] = entry
        return entry


def _describe(point: EntryPoint) -> str:
    package = f" of {point.dist.name}" if point.dist else ""
    return f"{point.name} = {point.value}{package}"


def _checked(name: str, entry: object) -> DriverEntry:
    """The loaded object, if it is a usable driver entry."""
    if not isinstance(entry, DriverEntry):
        raise TypeError(f"is a {type(entry).__name__}, not a drivers.registry.DriverEntry")
    if entry.name != name:
        raise ValueError(f"calls its driver {entry.name!r}; entry point and driver share one name")
    if entry.role not in ROLES:
        raise ValueError(f"unknown role {entry.role!r} (known: {', '.join(ROLES)})")
    if not issubclass(entry.options, ROLE_OPTIONS[entry.role]):
        raise TypeError(f"options must derive from {ROLE_OPTIONS[entry.role].__name__}")
    return entry


@cache
def registry() -> Registry:
    """The drivers of this installation."""
    return Registry.of(entry_points(group=ENTRY_POINT_GROUP))
