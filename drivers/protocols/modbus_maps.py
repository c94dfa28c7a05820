"""Register tables of the Modbus instruments, for driver and simulator alike.

A value takes one or more 16-bit registers, high word first.
"""

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

__all__ = [
    "AIN_FULL_SCALE_V",
    "EC_FAN",
    "EC_FAN_FULL_SPEED",
    "EC_FAN_SPEED_CLIP",
    "LABJACK_T7",
    "T7_INPUTS",
    "Kind",
    "MotorStatus",
    "Register",
    "RegisterMap",
    "Space",
    "Value",
    "rpm_to_word",
    "word_to_rpm",
]

Value = float | int | str


class Space(Enum):
    """The two address spaces of 16-bit registers; the value is the function that reads it."""

    HOLDING = 3
    INPUT = 4


class Kind(Enum):
    """How a value lies in its registers."""

    UINT16 = "H"
    UINT32 = "I"
    FLOAT32 = "f"
    TEXT = "s"


@dataclass(frozen=True)
class Register:
    """One named value of an instrument.

    Attributes:
        name: what drivers and simulators call it.
        address: of its first register.
        meaning: what it says, with unit or codes.
        space: where it lies.
        kind: how it is encoded.
        size: registers that it takes.
        writable: whether a host may write it.
        initial: its value at power-up.
        low: smallest value that the instrument takes.
        high: largest value that the instrument takes.
    """

    name: str
    address: int
    meaning: str
    space: Space = Space.HOLDING
    kind: Kind = Kind.UINT16
    size: int = 1
    writable: bool = False
    initial: Value = 0
    low: float = 0
    high: float = 0xFFFF

    def words(self, value: Value) -> list[int]:
        """The registers that hold a value.

        Raises:
            ValueError: the value does not fit.
        """
        try:
            if self.kind is Kind.TEXT:
                data = str(value).encode("latin-1").ljust(2 * self.size)
            else:
                data = struct.pack(f">{self.kind.value}", value)
        except (struct.error, OverflowError) as error:
            raise ValueError(f"{self.name} cannot hold {value}") from error
        if len(data) != 2 * self.size:
            raise ValueError(f"{self.name} cannot hold {value!r}")
        return list(struct.unpack(f">{self.size}H", data))

    def value(self, words: Sequence[int]) -> Value:
        """The value that the registers hold.

        Raises:
            ValueError: another number of registers.
        """
        if len(words) != self.size:
            raise ValueError(f"{self.name} takes {self.size} registers, not {len(words)}")
        data = struct.pack(f">{self.size}H", *words)
        if self.kind is Kind.TEXT:
            return data.decode("latin-1").strip(" \0")
        value: float | int = struct.unpack(f">{self.kind.value}", data)[0]
        return value


class RegisterMap(dict[str, Register]):
    """The registers of one instrument, by name."""

    def __init__(self, registers: Iterable[Register]) -> None:
        super().__init__((register.name, register) for register in registers)


EC_FAN_FULL_SPEED = 64000
"""Speed word of the highest speed, in closed-loop speed control."""

EC_FAN_SPEED_CLIP = 0xFF00
"""The actual speed is not shown beyond 1.02 of the highest speed."""


class MotorStatus:
    """Bits of the fan's motor status, input register D011."""

    UNDERVOLTAGE = 1 << 12
    BLOCKED = 1 << 7
    HOT = 1 << 5
    FAN_BAD = 1 << 4
    """Set with every other error."""
    INTERNAL = 1 << 3


def word_to_rpm(word: int, max_rpm: float) -> float:
    """Speed of a set or actual value, in RPM."""
    return word / EC_FAN_FULL_SPEED * max_rpm


def rpm_to_word(speed_rpm: float, max_rpm: float) -> int:
    """The set or actual value of a speed of 0 or more, clipped as the fan clips it."""
    return min(round(speed_rpm / max_rpm * EC_FAN_FULL_SPEED), EC_FAN_SPEED_CLIP)


EC_FAN = RegisterMap(
    (
        Register("set_value", 0xD001, "speed, 64000 = maximum speed", writable=True),
        Register("password", 0xD002, "authorises writing; reads 0", size=3, kind=Kind.TEXT,
                 writable=True, initial="\0" * 6),
        Register("address", 0xD100, "Modbus address", writable=True, initial=1, low=1, high=247),
        Register("source", 0xD101, "of the set value: 0 analog, 1 RS485", writable=True, high=1),
        Register("mode", 0xD106, "0 speed control, 1 sensor control, 2 open loop", writable=True,
                 initial=2, high=2),
        Register("motor_stop", 0xD112, "1: stands still at set value 0", writable=True,
                 initial=1, high=1),
        Register("max_speed", 0xD119, "maximum speed, RPM", writable=True, initial=4000),
        Register("baud", 0xD149, "4 = 19200", writable=True, initial=4, high=7),
        Register("parity", 0xD14A, "0 even, 1 odd, 2 none", writable=True, high=2),
        Register("fail_safe_source", 0xD15C, "0 off, 1 fail-safe set value", writable=True,
                 high=1),
        Register("fail_safe_value", 0xD15D, "set value when the host is silent", writable=True),
        Register("fail_safe_lag", 0xD15E, "silence until then, 100 ms", writable=True,
                 high=0xFF),
        Register("serial", 0xD1A2, "last four characters of the serial number", size=2,
                 kind=Kind.TEXT, initial="    "),
        Register("type", 0xD1A5, "fan type", size=6, kind=Kind.TEXT, initial="R3G250-AV29"),
        Register("identification", 0xD000, "electronics and protocol", Space.INPUT, initial=8),
        Register("software", 0xD003, "bus controller software version", Space.INPUT,
                 initial=0x0500),
        Register("speed", 0xD010, "actual speed, 64000 = maximum speed", Space.INPUT),
        Register("motor_status", 0xD011, "errors, see MotorStatus", Space.INPUT),
        Register("warning", 0xD012, "warnings", Space.INPUT),
        Register("set_in_force", 0xD01A, "current set value", Space.INPUT),
    )
)  # fmt: skip
"""ebm-papst EC fan, MODBUS parameter specification V5.0."""

T7_INPUTS = 14
"""Analog inputs of a LabJack T7 without an expansion board."""

AIN_FULL_SCALE_V = 10.0
"""Widest range of an analog input."""


def _float32(name: str, address: int, meaning: str, writable: bool, initial: float) -> Register:
    limit = 3.4e38
    return Register(
        name, address, meaning, Space.HOLDING, Kind.FLOAT32, 2, writable, initial, -limit, limit
    )


LABJACK_T7 = RegisterMap(
    (
        *(_float32(f"ain{n}", 2 * n, f"voltage of input {n}, V", False, 0.0)
          for n in range(T7_INPUTS)),
        _float32("dac0", 1000, "voltage of output 0, V", True, 0.0),
        _float32("dac1", 1002, "voltage of output 1, V", True, 0.0),
        *(_float32(f"ain{n}_range", 40000 + 2 * n, f"range of input {n}, V", True,
                   AIN_FULL_SCALE_V) for n in range(T7_INPUTS)),
        *(Register(f"ain{n}_resolution", 41500 + n, f"resolution index of input {n}, 0 default",
                   writable=True, high=12) for n in range(T7_INPUTS)),
        Register("test", 55100, "always 0x00112233", kind=Kind.UINT32, size=2,
                 initial=0x00112233),
        _float32("product", 60000, "product number, 7", False, 7.0),
        _float32("hardware", 60002, "hardware version", False, 1.30),
        _float32("firmware", 60004, "firmware version", False, 1.0292),
        Register("serial", 60028, "serial number", kind=Kind.UINT32, size=2,
                 initial=470010000),
    )
)  # fmt: skip
"""LabJack T7. Its one address space is read by functions 3 and 4 alike."""
