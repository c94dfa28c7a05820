"""A simulated M-Labs Sinara Thermostat 8451 on the carrier: lines over TCP port 23.

Channel 0 drives the TEC and reads the carrier's thermistor, channel 1 reads the sink's.
"""

import re
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from math import exp, isnan
from typing import Any, ClassVar

from drivers.options import DriverOptions
from drivers.protocols.thermostat import (
    CHANNELS,
    MAX_CURRENT_A,
    MAX_VOLTAGE_V,
    OBEYED,
    Command,
    Report,
    ThermostatError,
    encode_refusal,
    encode_reply,
    parse_command,
)
from firmware_sim.instrument import Reply, SimulatedInstrument, Wiring
from twin.instruments import CARRIER, SINK, take_over_tec, thermistor_c
from twin.plant import Plant
from twin.records import INSTRUMENT, TICK_S

__all__ = ["Thermostat8451"]

SAMPLE_TICKS = 100
"""The converter gives 10 samples a second to a channel."""

LONGEST_LINE = 4096
ANSWER_S = 0.0005
ZERO_CURRENT_V, VOLT_PER_AMPERE = 1.5, 0.4
"""MAX1968: its monitor and its command sit at 1.5 V without current."""

REFERENCE_V, PULL_UP_OHM, KELVIN = 3.3, 10_000.0, 273.15
THERMISTORS = (CARRIER, SINK)
FAN_DEFAULT = {"k_a": 1.0, "k_b": 0.0, "k_c": 0.0}


@dataclass
class Channel:
    """Settings of one channel, as they come from the maker."""

    pid_engaged: bool = False
    polarity: str = "normal"
    output: dict[str, float] = field(
        default_factory=lambda: {
            "i_set": 0.0,
            "max_i_pos": MAX_CURRENT_A,
            "max_i_neg": MAX_CURRENT_A,
            "max_v": MAX_VOLTAGE_V,
        }
    )
    pid: dict[str, float] = field(
        default_factory=lambda: {
            "target": 25.0,
            "kp": 1.0,
            "ki": 0.1,
            "kd": 0.0,
            "output_min": -MAX_CURRENT_A,
            "output_max": MAX_CURRENT_A,
        }
    )
    thermistor: dict[str, float] = field(
        default_factory=lambda: {"t0": 25.0, "b": 3950.0, "r0": 10_000.0}
    )


CLAMPS = {
    "i_set": (-MAX_CURRENT_A, MAX_CURRENT_A),
    "max_i_pos": (0.0, MAX_CURRENT_A),
    "max_i_neg": (0.0, MAX_CURRENT_A),
    "max_v": (0.0, MAX_VOLTAGE_V),
}


class Thermostat8451(SimulatedInstrument):
    """The box, whose regulator is the plant's own PI whatever gains are set.

    Its fan is the plant's from the first ``fan`` with a number on; until then, and after
    ``fan auto``, whoever else drives the plant's fan does.
    """

    wiring: ClassVar[Wiring] = Wiring(serial=False, port=23)

    def __init__(self, name: str, options: DriverOptions, plant: Plant) -> None:
        """Put the thermostat in the place of the board's own controller.

        Args:
            name: the instrument's name, which names its noise.
            options: its driver's options.
            plant: whose carrier it regulates.
        """
        del options
        self._name, self._plant = name, plant
        take_over_tec(plant, MAX_CURRENT_A)
        self._saved = [Channel() for _ in range(CHANNELS)]
        self.power_cycle()

    def power_cycle(self) -> None:
        """What was not saved is lost."""
        self._input = b""
        self._channels = deepcopy(self._saved)
        self._on_tick = self._plant.tick
        self._fan_percent: float | None = None
        self._sample: tuple[int, list[float]] = (-SAMPLE_TICKS, [])
        self._apply()

    def disconnected(self) -> None:
        self._input = b""

    def receive(self, data: bytes) -> list[Reply]:
        *lines, self._input = re.split(rb"[\r\n]+", self._input + data)
        self._input = self._input[-LONGEST_LINE:]
        return [Reply(self._serve(line) + b"\n", ANSWER_S) for line in lines if line]

    def _serve(self, line: bytes) -> bytes:
        try:
            return self._obey(parse_command(line))
        except ThermostatError as error:
            return encode_refusal(str(error))

    def _obey(self, command: Command) -> bytes:
        if show := SHOWN.get(command.name) if not command.field and command.value is None else None:
            return encode_reply(show(self))
        if command.name in ("save", "load"):
            self._keep(command)
        elif command.name == "fan":
            self._set_fan(command)
        else:
            self._set(command)
        self._apply()
        return OBEYED.encode()

    def _keep(self, command: Command) -> None:
        """Save to the flash, or load from it, one channel or both."""
        there, here = self._saved, self._channels
        if command.name == "load":
            there, here = here, there
        for index in range(CHANNELS) if command.channel is None else (command.channel,):
            there[index] = deepcopy(here[index])

    def _set_fan(self, command: Command) -> None:
        if command.field == "auto":
            self._fan_percent = None
            return
        percent = float(command.value or 0.0)
        if not 1.0 <= percent <= 100.0:
            raise ThermostatError("parser: fan takes 1 to 100")
        self._fan_percent = percent
        self._plant.inputs["fan_source"] = INSTRUMENT

    def _set(self, command: Command) -> None:
        channel = self._channels[command.channel or 0]
        match command:
            case Command("output", _, "pid"):
                channel.pid_engaged = True
            case Command("output", _, "polarity", str(word)):
                channel.polarity = word
            case Command("output", _, name, float(value)):
                low, high = CLAMPS[name]
                channel.output[name] = min(max(value, low), high)
                channel.pid_engaged = channel.pid_engaged and name != "i_set"
            case Command("pid", _, name, float(value)):
                channel.pid[name] = value
            case Command("b-p", _, name, float(value)):
                channel.thermistor[name] = value

    def _apply(self) -> None:
        """Let the plant feel the settings of channel 0, and the fan's."""
        channel, inputs = self._channels[0], self._plant.inputs
        sign = 1.0 if channel.polarity == "normal" else -1.0
        limits = channel.output
        inputs["regulator_target_c"] = channel.pid["target"]
        inputs["regulator_limit_a"] = min(
            limits["max_i_pos"], limits["max_i_neg"], abs(channel.pid["output_max"])
        )
        inputs["instrument_tec_a"] = sign * self._set_a(channel)
        inputs["regulator_on"] = float(channel.pid_engaged)
        inputs["instrument_tec_on"] = float(channel.pid_engaged or limits["i_set"] != 0.0)
        if self._fan_percent is not None:
            full_rpm = self._plant.config.fan.full_speed_rpm
            inputs["instrument_fan_rpm"] = full_rpm * self._fan_percent / 100.0

    @staticmethod
    def _set_a(channel: Channel) -> float:
        """The fixed current within its limits."""
        limits = channel.output
        return min(max(limits["i_set"], -limits["max_i_neg"]), limits["max_i_pos"])

    def _temperatures_c(self) -> list[float]:
        """The latest samples of both thermistors."""
        tick = self._plant.tick // SAMPLE_TICKS * SAMPLE_TICKS
        if self._sample[0] != tick:
            readings = [thermistor_c(self._plant, self._name, sensor) for sensor in THERMISTORS]
            self._sample = tick, readings
        return self._sample[1]

    def reports(self) -> list[dict[str, Any]]:
        """The answer to ``report``."""
        return [self._report(index) for index in range(CHANNELS)]

    def _report(self, index: int) -> dict[str, Any]:
        channel, state = self._channels[index], self._plant.arrays.state[0]
        temperature_c = self._temperatures_c()[index]
        current_a = float(state["tec_current_a"]) if index == 0 else 0.0
        report = Report(
            channel=index,
            time_s=max(self._sample[0] - self._on_tick, 0) * TICK_S,
            interval_s=SAMPLE_TICKS * TICK_S,
            temperature_c=None if isnan(temperature_c) else temperature_c,
            pid_engaged=channel.pid_engaged,
            set_a=current_a if channel.pid_engaged else self._set_a(channel),
            current_a=current_a,
            voltage_v=float(state["tec_voltage_v"]) if index == 0 else 0.0,
        )
        command_v = ZERO_CURRENT_V + VOLT_PER_AMPERE * report.set_a
        resistance_ohm = _resistance_ohm(channel.thermistor, temperature_c)
        return {
            **report.fields(),
            "adc": REFERENCE_V * resistance_ohm / (resistance_ohm + PULL_UP_OHM),
            "sens": resistance_ohm,
            "dac_value": command_v,
            "dac_feedback": command_v,
            "i_tec": ZERO_CURRENT_V + VOLT_PER_AMPERE * current_a,
            "pid_output": report.set_a,
        }

    def outputs(self) -> list[dict[str, Any]]:
        """The answer to ``output``."""
        return [
            {"channel": i, "center": "vref", **channel.output, "polarity": channel.polarity}
            for i, channel in enumerate(self._channels)
        ]

    def regulators(self) -> list[dict[str, Any]]:
        """The answer to ``pid``."""
        return [
            {
                "channel": i,
                "parameters": {k: v for k, v in channel.pid.items() if k != "target"},
                "target": channel.pid["target"],
            }
            for i, channel in enumerate(self._channels)
        ]

    def thermistors(self) -> list[dict[str, Any]]:
        """The answer to ``b-p``."""
        return [{"channel": i, "params": c.thermistor} for i, c in enumerate(self._channels)]

    def fan(self) -> dict[str, Any]:
        """The answer to ``fan``."""
        current_a = abs(float(self._plant.arrays.state["tec_current_a"][0]))
        by_curve = max(100.0 * FAN_DEFAULT["k_a"] * (current_a / MAX_CURRENT_A) ** 2, 1.0)
        return {
            "fan_pwm": min(by_curve, 100.0) if self._fan_percent is None else self._fan_percent,
            "abs_max_tec_i": current_a,
            "auto_mode": self._fan_percent is None,
            **FAN_DEFAULT,
        }


SHOWN: Mapping[str, Callable[[Thermostat8451], Any]] = {
    "report": Thermostat8451.reports,
    "output": Thermostat8451.outputs,
    "pid": Thermostat8451.regulators,
    "b-p": Thermostat8451.thermistors,
    "fan": Thermostat8451.fan,
    "postfilter": lambda _: [{"rate": 21.25, "channel": index} for index in range(CHANNELS)],
    "hwrev": lambda _: {"rev": {"major": 2, "minor": 2}, "settings": {"fan_available": True}},
}
"""Commands that only show something."""


def _resistance_ohm(thermistor: Mapping[str, float], temperature_c: float) -> float:
    """B-parameter equation; NaN for a thermistor that cannot be read."""
    inverse = 1.0 / (temperature_c + KELVIN) - 1.0 / (thermistor["t0"] + KELVIN)
    return thermistor["r0"] * exp(min(thermistor["b"] * inverse, 50.0))
