"""A simulated ebm-papst EC fan on the heat sink: Modbus RTU, 19200 baud."""

from typing import ClassVar

from drivers.options import DriverOptions, EbmpapstEcFanOptions
from drivers.protocols.modbus import Framing, RefusedError, message_gap_s
from drivers.protocols.modbus_maps import (
    EC_FAN,
    MotorStatus,
    Register,
    Space,
    rpm_to_word,
    word_to_rpm,
)
from firmware_sim.instrument import Reply, Wiring
from firmware_sim.modbus import NOT_AUTHORISED, ModbusDevice
from twin.plant import Plant
from twin.records import INSTRUMENT, TICK_S

__all__ = ["EbmpapstEcFan"]

RS485 = 1
SPEED_CONTROL, OPEN_LOOP = 0, 2
FULL_MODULATION = 65535
LAG_S = 0.1
"""Unit of the fail-safe lag."""
LOWEST_SPEED = 0.05
"""Share of the maximum speed that it keeps when it may not stop."""
SPACES = {Space.HOLDING: range(0xD000, 0xD400), Space.INPUT: range(0xD000, 0xD100)}
"""Registers that read as 0 where they mean nothing; beyond, the fan refuses."""
CUSTOMER = {"max_speed", "fail_safe_source", "fail_safe_value", "fail_safe_lag", "mode"}
"""Registers that need the customer's password on a fan that has one."""


class EbmpapstEcFan(ModbusDevice):
    """The fan; its own clock is the plant's."""

    wiring = Wiring(serial=True, baud=19200)
    framing = Framing.RTU
    registers = EC_FAN
    read_limit: ClassVar[int] = 9
    answer_s: ClassVar[float] = message_gap_s(19200)

    def __init__(self, name: str, options: DriverOptions, plant: Plant) -> None:
        """Put the fan in the place of the board's own.

        Args:
            name: the instrument's name, from which its serial number follows.
            options: its driver's options: the address it has, and its password.
            plant: whose heat sink it cools.
        """
        assert isinstance(options, EbmpapstEcFanOptions)
        self.name = name
        self._options = options
        self._plant = plant
        self._heard_tick = plant.tick
        self._set_word = 0
        plant.inputs["fan_source"] = INSTRUMENT
        super().__init__()

    def power_cycle(self) -> None:
        """Set values are lost; parameters (D100 and up) are in the EEPROM and stay."""
        kept = {name: self.get(name) for name in EC_FAN if self._stored and _is_parameter(name)}
        super().power_cycle()
        self.put("address", self._options.unit)
        self.put("max_speed", round(self._plant.config.fan.full_speed_rpm))
        self.put("serial", f"{sum(self.name.encode()) % 10000:04d}")
        for name, value in kept.items():
            self.put(name, value)
        self._authorised = self._options.password is None
        self.heard()
        self.idle()

    @property
    def unit(self) -> int:
        return round(self.number("address"))

    def heard(self) -> None:
        self._heard_tick = self._plant.tick

    def receive(self, data: bytes) -> list[Reply]:
        replies = super().receive(data)
        self.idle()
        return replies

    def idle(self) -> None:
        """Drive the motor by the set value in force; a silent host is noticed here."""
        self._set_word = self._wanted_word()
        max_rpm = self.number("max_speed")
        if self.number("mode") == OPEN_LOOP:
            wanted_rpm = self._set_word / FULL_MODULATION * max_rpm
        else:
            wanted_rpm = min(word_to_rpm(self._set_word, max_rpm), max_rpm)
        if self.number("motor_stop") == 0:
            wanted_rpm = max(wanted_rpm, LOWEST_SPEED * max_rpm)
        self._plant.inputs["instrument_fan_rpm"] = wanted_rpm

    def _wanted_word(self) -> int:
        if self.number("source") != RS485:
            return 0  # nothing is wired to its analog input
        silent_s = (self._plant.tick - self._heard_tick) * TICK_S
        given_up = silent_s > self.number("fail_safe_lag") * LAG_S
        if self.number("fail_safe_source") == 1 and given_up:
            return round(self.number("fail_safe_value"))
        return round(self.number("set_value"))

    def before_read(self) -> None:
        rpm = float(self._plant.arrays.state["fan_rpm"][0])
        stalled = self._plant.inputs["fan_stall"][0] == 1.0 and self._set_word > 0
        blocked = MotorStatus.BLOCKED | MotorStatus.FAN_BAD
        self.put("speed", rpm_to_word(rpm, self.number("max_speed")))
        self.put("motor_status", blocked if stalled else 0)
        self.put("set_in_force", self._set_word)

    def word(self, space: Space, address: int) -> int:
        if address in SPACES[space]:
            return self._stored[space].get(address, 0)
        return super().word(space, address)

    def before_write(self, register: Register) -> None:
        if register.name in CUSTOMER and not self._authorised:
            raise RefusedError(NOT_AUTHORISED)

    def after_write(self, register: Register) -> None:
        if register.name == "password":
            self._authorised = self.get("password") == self._options.password
            self.put("password", EC_FAN["password"].initial)


def _is_parameter(name: str) -> bool:
    register = EC_FAN[name]
    return register.space is Space.HOLDING and register.address >= 0xD100
