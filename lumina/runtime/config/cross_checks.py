"""Rules of a lab config that involve more than one field."""

from collections import Counter
from collections.abc import Iterator
from difflib import get_close_matches
from typing import TYPE_CHECKING, NamedTuple

from pydantic import ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from drivers.config import InstrumentConfig
from drivers.options import (
    FanOptions,
    PhaseShifterBankOptions,
    PowerMeterOptions,
    PowerSupplyOptions,
    TemperatureControllerOptions,
)
from drivers.registry import Backend
from lumina.control.thermal.stability import why_unstable
from lumina.runtime.config.files import DEFAULT_CONTROL
from twin.config import PlantConfig

if TYPE_CHECKING:
    from lumina.runtime.config.models import BenchConfig

__all__ = ["MAX_HEATERS", "MAX_PROCESSORS", "NAME_RULE", "VALUE_RULE", "cross_check"]

NAME_RULE, VALUE_RULE = "name_rule", "value_rule"
"""Error types: rules about names and sizes, and rules that compare values.

What a name rule finds stays true when faulty fields elsewhere are left out.
"""

MAX_PROCESSORS = 16
MAX_HEATERS = 1024
"""Heater channels of one NPU board."""

_ONE_PER_PLANT = (
    "photonic_processor",
    "laser",
    "power_supply",
    "temperature_controller",
    "fan",
)
"""Roles whose twins command a part of the plant that takes one master."""


class Finding(NamedTuple):
    """One broken rule."""

    path: tuple[str | int, ...]
    message: str
    allowed: str | None = None


def cross_check(config: "BenchConfig") -> None:
    """Check every rule.

    Raises:
        ValidationError: with all findings, each located at the field to change.
    """
    details = [
        _detail(kind, finding)
        for kind, rules in ((NAME_RULE, _NAME_RULES), (VALUE_RULE, _VALUE_RULES))
        for rule in rules
        for finding in rule(config)
    ]
    if details:
        raise ValidationError.from_exception_data("BenchConfig", details)


def _detail(kind: str, finding: Finding) -> InitErrorDetails:
    # The message goes in as context: as a template its braces would be read as fields.
    context = {"message": finding.message, "allowed": finding.allowed or ""}
    error = PydanticCustomError(kind, "{message}", context)
    return InitErrorDetails(type=error, loc=finding.path, input=None)


def _processors(config: "BenchConfig") -> Iterator[Finding]:
    count = len(config.processors)
    if not 1 <= count <= MAX_PROCESSORS:
        yield Finding(
            ("instruments",),
            f"{count or 'no'} photonic processors on the bench",
            f"1 .. {MAX_PROCESSORS}",
        )


def _plants_exist(config: "BenchConfig") -> Iterator[Finding]:
    for name, instrument in config.instruments.items():
        if instrument.backend is Backend.HARDWARE or instrument.plant in config.plants:
            continue
        near = get_close_matches(instrument.plant, config.plants, 1)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        yield Finding(
            ("instruments", name, "plant"),
            f"no plant '{instrument.plant}' under plants{hint}",
            ", ".join(config.plants) or None,
        )


def _one_master(config: "BenchConfig") -> Iterator[Finding]:
    for role in _ONE_PER_PLANT:
        masters: dict[str, str] = {}
        for name, instrument in config.by_role(role).items():
            if instrument.backend is Backend.HARDWARE:
                continue
            # Simulated instruments may share a part, as real ones may be wired to it: the
            # last one commanded counts. A board owns its plant's time, so it is alone.
            if instrument.backend is Backend.FIRMWARE and role != "photonic_processor":
                continue
            first = masters.setdefault(instrument.plant, name)
            if first != name:
                what = role.replace("_", " ")
                yield Finding(
                    ("instruments", name, "plant"),
                    f"plant '{instrument.plant}' has a {what} already, {first}; "
                    "give this one a plant of its own",
                )


def _addresses(config: "BenchConfig") -> Iterator[Finding]:
    owners: dict[str, str] = {}
    for name, instrument in config.instruments.items():
        if instrument.backend is not Backend.HARDWARE:
            continue
        if instrument.address is None:
            yield Finding(("instruments", name, "address"), "the hardware backend needs an address")
        elif (first := owners.setdefault(instrument.address, name)) != name:
            yield Finding(
                ("instruments", name, "address"), f"{instrument.address} is {first}'s already"
            )


def _control_names(config: "BenchConfig") -> Iterator[Finding]:
    on_boards = [DEFAULT_CONTROL, *config.processors]
    over_instruments = config.by_role("temperature_controller")
    for name, control in config.control.items():
        field = ("control", name, "instruments")
        if name in on_boards and control.instruments is not None:
            yield Finding(field, "a board's loop runs at 1 kHz; this is for a TEC controller's")
        elif name in over_instruments and control.instruments is None:
            yield Finding(field, "the loop over a TEC controller needs this section: fan and rate")
        elif name not in (*on_boards, *over_instruments):
            known = ", ".join((*on_boards, *over_instruments))
            text = "there is no photonic processor or TEC controller of that name"
            yield Finding(("control", name), text, known)


def _instrument_names(config: "BenchConfig") -> Iterator[Finding]:
    """A loop over instruments has a plant for itself, and a fan on it."""
    boards = {board.plant: name for name, board in config.processors.items()}
    owners: dict[str, str] = {}
    for name, settings in config.instrument_loops.items():
        plant = config.instruments[name].plant
        if plant in boards:
            text = f"plant '{plant}' has a board, {boards[plant]}, whose loop holds its carrier"
            yield Finding(("control", name), text)
        if (first := owners.setdefault(plant, name)) != name:
            text = f"{first} holds the carrier of plant '{plant}' already"
            yield Finding(("control", name), text)
        fans = [n for n, fan in config.by_role("fan").items() if fan.plant == plant]
        if settings.fan not in fans:
            text = f"there is no fan '{settings.fan}' on plant '{plant}'"
            yield Finding(("control", name, "instruments", "fan"), text, ", ".join(fans) or None)


def _instrument_limits(config: "BenchConfig") -> Iterator[Finding]:
    """A loop over instruments asks for no more than they are allowed to give."""
    for name, settings in config.instrument_loops.items():
        control, tec = config.control[name], config.instruments[name].options
        fan = getattr(config.instruments.get(settings.fan), "options", None)
        asked_a, asked_rpm = control.tec.current_limit_a, control.fan.max_rpm
        if isinstance(tec, TemperatureControllerOptions) and asked_a > tec.current_limit_a:
            yield Finding(
                ("control", name, "tec", "current_limit_a"),
                f"{asked_a:g} A is more than {name} gives",
                f"at most {tec.current_limit_a:g} A (instruments.{name}.options.current_limit_a)",
            )
        if isinstance(fan, FanOptions) and asked_rpm > fan.max_rpm:
            yield Finding(
                ("control", name, "fan", "max_rpm"),
                f"{asked_rpm:g} RPM is more than {settings.fan} turns",
                f"at most {fan.max_rpm:g} RPM (instruments.{settings.fan}.options.max_rpm)",
            )


def _boards(config: "BenchConfig") -> Iterator[tuple[str, InstrumentConfig, PlantConfig]]:
    """The processors whose plant is known, with it."""
    for name, instrument in config.processors.items():
        if instrument.backend is not Backend.HARDWARE and instrument.plant in config.plants:
            yield name, instrument, config.plants[instrument.plant]


def _heaters(config: "BenchConfig") -> Iterator[Finding]:
    for _, board, plant in _boards(config):
        chip = plant.chip.architecture()
        if chip.shifters > MAX_HEATERS:
            yield Finding(
                ("plants", board.plant, "chip", "ports"),
                f"a mesh of {chip.ports} ports ({chip.kind}) has {chip.shifters} phase shifters, "
                "more than an NPU board drives",
                f"at most {MAX_HEATERS} phase shifters",
            )


def _control_path(config: "BenchConfig", processor: str, *below: str) -> tuple[str, ...]:
    """Where the control value of a processor is to be changed."""
    return ("control", processor if processor in config.control else DEFAULT_CONTROL, *below)


def _tec_current(config: "BenchConfig") -> Iterator[Finding]:
    for name, board, plant in _boards(config):
        limit_a = config.control_for(name).tec.current_limit_a
        if limit_a > plant.tec.limit_a:
            yield Finding(
                _control_path(config, name, "tec", "current_limit_a"),
                f"{limit_a:g} A is more than plant '{board.plant}' takes",
                f"at most {plant.tec.limit_a:g} A (plants.{board.plant}.tec.limit_a)",
            )


def _gains(config: "BenchConfig") -> Iterator[Finding]:
    for name, control in config.control.items():
        if control.instruments is not None and not control.gains_given:
            continue  # bring-up finds some for the pace
        gains = control.tec.pid, control.fan.pid
        reason = why_unstable(control.thermal_model, *gains, control.period_s)
        if reason:
            finder = "`lumina calibrate CONFIG thermal`"
            if control.instruments is not None:
                finder = "where none are given, bring-up"
            yield Finding(("control", name), f"{reason}: lower gains, or {finder} finds some")


def _rails(config: "BenchConfig") -> Iterator[Finding]:
    for name, board, plant in _boards(config):
        told = [(rail.name, rail.voltage_v) for rail in config.control_for(name).rails]
        built = [(rail.name, rail.voltage_v) for rail in plant.rails]
        if told != built:
            yield Finding(
                _control_path(config, name, "rails"),
                f"rails differ from those of plant '{board.plant}' in name, voltage or order",
                ", ".join(f"{rail} {volt:g} V" for rail, volt in built) or "no rails",
            )


def _rail_names(config: "BenchConfig") -> Iterator[Finding]:
    for name, control in config.control.items():
        counts = Counter(rail.name for rail in control.rails)
        for rail, count in counts.items():
            if count > 1:
                yield Finding(("control", name, "rails"), f"{count} rails are called {rail}")


def _supplies(config: "BenchConfig") -> Iterator[Finding]:
    for name, instrument in config.instruments.items():
        options = instrument.options
        if isinstance(options, PowerSupplyOptions) and options.over_voltage_v <= options.voltage_v:
            yield Finding(
                ("instruments", name, "options", "over_voltage_v"),
                f"{options.over_voltage_v:g} V would trip at once",
                f"above {options.voltage_v:g} V (voltage_v)",
            )


def _heater_drivers(config: "BenchConfig") -> Iterator[Finding]:
    """Banks are wired to heaters that the chip has; twins share none."""
    owners: dict[tuple[str, int], str] = {}
    for name, bank in config.by_role("phase_shifter_bank").items():
        options, plant = bank.options, config.plants.get(bank.plant)
        if not isinstance(options, PhaseShifterBankOptions) or plant is None:
            continue
        field, first = ("instruments", name, "options", "first_heater"), options.first_heater
        shifters = plant.chip.architecture().shifters
        if first >= shifters:
            text = f"the chip of plant '{bank.plant}' has no heater {first}"
            yield Finding(field, text, f"0 .. {shifters - 1}")
        if bank.backend is not Backend.TWIN:
            continue
        heaters = range(first, min(first + options.channels, shifters))
        taken = {owners.setdefault((bank.plant, heater), name) for heater in heaters} - {name}
        if taken:
            others = ", ".join(sorted(taken))
            yield Finding(field, f"heaters of plant '{bank.plant}' are wired to {others} already")


def _meter_ports(config: "BenchConfig") -> Iterator[Finding]:
    for name, instrument in config.instruments.items():
        options, plant = instrument.options, config.plants.get(instrument.plant)
        if not isinstance(options, PowerMeterOptions) or plant is None:
            continue
        if options.port >= plant.chip.ports:
            yield Finding(
                ("instruments", name, "options", "port"),
                f"the chip of plant '{instrument.plant}' has no output port {options.port}",
                f"0 .. {plant.chip.ports - 1}",
            )


_NAME_RULES = (
    _plants_exist,
    _one_master,
    _addresses,
    _control_names,
    _instrument_names,
    _heaters,
)
_VALUE_RULES = (
    _processors,
    _tec_current,
    _instrument_limits,
    _gains,
    _rails,
    _rail_names,
    _supplies,
    _heater_drivers,
    _meter_ports,
)
