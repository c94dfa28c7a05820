"""A simulated Meerstetter TEC-1091 on the carrier: MeCom, 57600 baud."""

from collections.abc import Callable, Mapping
from math import isnan
from typing import ClassVar
from zlib import crc32

from drivers.options import DriverOptions, MeerstetterTec109xOptions
from drivers.protocols.mecom import (
    IDENTIFY,
    IDENTITY_LENGTH,
    PARAMETERS,
    READ,
    REFUSED,
    RESET,
    SAVE,
    SET,
    DeviceStatus,
    MecomError,
    OutputEnable,
    OutputInput,
    Parameter,
    Request,
    Stability,
    acknowledge,
    answer,
    parse_request,
)
from firmware_sim.instrument import Reply, SimulatedInstrument, Wiring
from twin.instruments import CARRIER, SINK, take_over_tec, thermistor_c
from twin.plant import Plant
from twin.records import TICK_S

__all__ = ["MeerstetterTec109x"]

END = b"\r"
LONGEST_FRAME = 256
ANYBODY, EVERYBODY = 0, 255
FACTORY_ADDRESS = 2
ANSWER_S = 0.0005
STABLE_K = 0.05
SENSOR_ERROR = 30
"""Error number while the object's thermistor cannot be read."""
WATCHDOG_ERROR = 99
"""Error number after a silence of the host; no public list tells that of a real one."""

COMMAND_UNKNOWN, FORMAT, UNKNOWN, READ_ONLY, RANGE, INSTANCE = 1, 4, 5, 6, 7, 8
"""Error codes of the protocol that it uses."""

NAMES = {parameter.number: name for name, parameter in PARAMETERS.items()}

FACTORY: Mapping[str, float] = {
    "target_c": 25.0,
    "output_input": OutputInput.TEMPERATURE_CONTROLLER,
    "output_enable": OutputEnable.OFF,
    "current_limit_a": 8.0,
    "voltage_limit_v": 16.0,
    "current_error_a": 10.0,
    "voltage_error_v": 20.0,
    "baud": 57600,
    "proximity_k": 5.0,
    "gain_percent_per_k": 60.0,
    "integral_s": 50.0,
}
"""What is in the flash of a new one, as far as it is not 0."""


class RefusedError(Exception):
    """The request is refused with this code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class MeerstetterTec109x(SimulatedInstrument):
    """One channel, whose regulator is the plant's own PI.

    After a silence longer than its watchdog it stands in its error state, output off, until a
    reset. The error of a thermistor ends when that is sound again; a real one waits for a reset.
    """

    wiring: ClassVar[Wiring] = Wiring(serial=True, baud=57600, port=50000)

    def __init__(self, name: str, options: DriverOptions, plant: Plant) -> None:
        """Put the controller in the place of the board's own.

        Args:
            name: the instrument's name, from which its serial number follows.
            options: its driver's options: the address it has.
            plant: whose carrier it regulates.
        """
        assert isinstance(options, MeerstetterTec109xOptions)
        self._name, self._plant = name, plant
        self._address = options.device_address or FACTORY_ADDRESS
        take_over_tec(plant, plant.config.tec.limit_a)
        kept = {key: FACTORY.get(key, 0.0) for key, p in PARAMETERS.items() if p.writable}
        self._flash = {**kept, "address": float(self._address)}
        self.power_cycle()

    def power_cycle(self) -> None:
        """What was set without being saved is lost."""
        self._input = b""
        self._values = {**self._flash, "save_mode": 0.0}
        self._heard_tick, self._timed_out = self._plant.tick, False
        self._apply()

    def disconnected(self) -> None:
        self._input = b""

    def receive(self, data: bytes) -> list[Reply]:
        *frames, self._input = (self._input + data).split(END)
        self._input = self._input[-LONGEST_FRAME:]
        answers = (self._serve(frame) for frame in frames)
        return [Reply(frame + END, ANSWER_S) for frame in answers if frame is not None]

    def idle(self) -> None:
        """A host that has been silent for too long is gone."""
        silent_s = (self._plant.tick - self._heard_tick) * TICK_S
        if 0.0 < self._values["watchdog_s"] < silent_s and not self._timed_out:
            self._timed_out = True
            self._apply()

    def _serve(self, frame: bytes) -> bytes | None:
        """The answer to a frame; None to what is garbled or meant for another."""
        try:
            request = parse_request(frame[max(frame.rfind(b"#"), 0) :])
        except MecomError:
            return None
        if request.address not in (self._address, ANYBODY, EVERYBODY):
            return None
        self.idle()  # a word that comes too late does not undo it
        self._heard_tick = self._plant.tick
        try:
            done = self._obey(request)
        except RefusedError as refusal:
            done = answer(self._address, request, f"{REFUSED}{refusal.code:02X}")
        return None if request.address == EVERYBODY else done

    def _obey(self, request: Request) -> bytes:
        match request.command:
            case command if command in (READ, SET):
                return self._access(request)
            case command if command == IDENTIFY:
                return answer(self._address, request, "TEC-1091 SIMULATED".ljust(IDENTITY_LENGTH))
            case command if command == RESET:
                self.power_cycle()
            case command if command == SAVE:
                self._flash = dict(self._values)
            case command if command.startswith((READ, SET)):
                raise RefusedError(FORMAT)
            case _:
                raise RefusedError(COMMAND_UNKNOWN)
        return acknowledge(self._address, request)

    def _access(self, request: Request) -> bytes:
        """Read or set a parameter."""
        name = NAMES.get(request.parameter)
        if name is None:
            raise RefusedError(UNKNOWN)
        if request.instance != 1:
            raise RefusedError(INSTANCE)
        parameter = PARAMETERS[name]
        if request.command == READ:
            return answer(self._address, request, parameter.to_hex(self._value(name)))
        if not parameter.writable:
            raise RefusedError(READ_ONLY)
        self._set(name, parameter, parameter.from_hex(request.value))
        return acknowledge(self._address, request)

    def _set(self, name: str, parameter: Parameter, value: float) -> None:
        if not parameter.low <= value <= parameter.high:  # nor is NaN within
            raise RefusedError(RANGE)
        self._values[name] = value
        if self._values["save_mode"] == 0:
            self._flash[name] = value
        self._apply()

    def _apply(self) -> None:
        """Let the plant feel the settings."""
        values, inputs = self._values, self._plant.inputs
        inputs["regulator_target_c"] = values["target_c"]
        inputs["regulator_limit_a"] = values["current_limit_a"]
        inputs["instrument_tec_a"] = min(
            max(values["static_current_a"], -values["current_limit_a"]), values["current_limit_a"]
        )
        regulates = values["output_input"] == OutputInput.TEMPERATURE_CONTROLLER
        inputs["regulator_on"] = float(regulates)
        on = values["output_enable"] == OutputEnable.ON and not self._timed_out
        inputs["instrument_tec_on"] = float(on)

    def _value(self, name: str) -> float:
        measured = MEASURED.get(name)
        return self._values[name] if measured is None else measured(self)

    def object_c(self) -> float:
        """Temperature of the object, NaN where it cannot be read."""
        return thermistor_c(self._plant, self._name, CARRIER)

    def sink_c(self) -> float:
        """Temperature of the heat sink, NaN where it cannot be read."""
        return thermistor_c(self._plant, self._name, SINK)

    def state(self, word: str) -> float:
        """A word of the plant's state."""
        return float(self._plant.arrays.state[word][0])

    def status(self) -> DeviceStatus:
        """Parameter 104."""
        if self.error_number() != 0:
            return DeviceStatus.ERROR
        on = self._values["output_enable"] == OutputEnable.ON
        return DeviceStatus.RUN if on else DeviceStatus.READY

    def error_number(self) -> int:
        """Parameter 105."""
        if self._timed_out:
            return WATCHDOG_ERROR
        return SENSOR_ERROR if isnan(self.object_c()) else 0

    def stability(self) -> Stability:
        """Parameter 1200."""
        regulates = self._values["output_input"] == OutputInput.TEMPERATURE_CONTROLLER
        if self.status() is not DeviceStatus.RUN or not regulates:
            return Stability.LOOP_OFF
        away_k = abs(self.object_c() - self._values["target_c"])
        return Stability.STABLE if away_k < STABLE_K else Stability.NOT_STABLE

    def control_percent(self) -> float:
        """Share of the largest current."""
        return 100.0 * self.state("tec_current_a") / max(self._values["current_limit_a"], 1e-3)

    def target_c(self) -> float:
        """The target in force."""
        return self._values["target_c"]

    def serial_number(self) -> int:
        """The same for the same instrument name."""
        return crc32(self._name.encode()) % 100_000

    def device_c(self) -> float:
        """Temperature of its own electronics."""
        return float(self._plant.inputs["ambient_c"][0]) + 8.0


MEASURED: Mapping[str, Callable[[MeerstetterTec109x], float]] = {
    "device_type": lambda _: 1091,
    "hardware_version": lambda _: 200,
    "serial_number": MeerstetterTec109x.serial_number,
    "firmware_version": lambda _: 610,
    "device_status": MeerstetterTec109x.status,
    "error_number": MeerstetterTec109x.error_number,
    "error_instance": lambda it: float(it.status() is DeviceStatus.ERROR),
    "error_parameter": lambda _: 0,
    "flash_status": lambda _: 0,
    "object_c": MeerstetterTec109x.object_c,
    "sink_c": MeerstetterTec109x.sink_c,
    "effective_target_c": MeerstetterTec109x.target_c,
    "ramp_c": MeerstetterTec109x.target_c,
    "control_percent": MeerstetterTec109x.control_percent,
    "current_a": lambda it: it.state("tec_current_a"),
    "voltage_v": lambda it: it.state("tec_voltage_v"),
    "device_c": MeerstetterTec109x.device_c,
    "stability": MeerstetterTec109x.stability,
}
"""Parameters that are measured rather than kept."""
