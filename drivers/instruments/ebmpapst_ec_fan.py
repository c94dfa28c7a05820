"""ebm-papst EC fan over Modbus RTU (MODBUS parameter specification V5.0)."""

import asyncio
import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from drivers.interfaces import Fan, Identity, Limits
from drivers.modbus import ModbusRtuInstrument
from drivers.options import EbmpapstEcFanOptions
from drivers.protocols.modbus import Framing, Link
from drivers.protocols.modbus_maps import (
    EC_FAN,
    MotorStatus,
    rpm_to_word,
    word_to_rpm,
)
from drivers.ranges import check_range
from drivers.registry import Mounting
from lumina.errors import DeviceError, DeviceStateError

__all__ = ["EbmpapstEcFan"]

RS485, SPEED_CONTROL, MAY_STOP, FAIL_SAFE = 1, 0, 1, 1
LAGS_PER_S = 10
GENERATIONS = range(1, 0x11)
"""What the identification register holds on the series that there are."""


class EbmpapstEcFan(ModbusRtuInstrument, Fan):
    """A fan in closed-loop speed control, which runs at its fail-safe speed without a host.

    The fan knows that its host is there by being spoken to, so the driver asks its speed
    whenever nobody else does.
    """

    model = "ebm-papst"
    registers = EC_FAN
    sentinel = (EC_FAN["identification"].address, 9)

    def __init__(self, mounting: Mounting) -> None:
        options: EbmpapstEcFanOptions = mounting.options
        self.link = Link(Framing.RTU, options.unit)
        super().__init__(mounting)
        self._options = options
        self._full_rpm = self._max_rpm = options.max_rpm
        self._set_word: int | None = None
        self._reminder: asyncio.Task[None] | None = None

    def line_settings(self, mounting: Mounting) -> Mapping[str, Any]:
        options: EbmpapstEcFanOptions = mounting.options
        parity = "none" if _is_pseudo_terminal(mounting.address) else options.parity
        return {"baud": options.baud, "parity": parity}

    async def connect(self) -> Identity:
        identity = await super().connect()
        self._reminder = asyncio.create_task(self._remind())
        return identity

    async def close(self) -> None:
        task, self._reminder = self._reminder, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await super().close()

    async def identify(self) -> Identity:
        generation = await self.number("identification")
        if generation not in GENERATIONS:
            raise self.odd(f"identification {generation:g} is no EC fan's")
        serial, kind = await self.read("serial"), await self.read("type")
        software = round(await self.number("software"))
        version = f"{software >> 8}.{software & 0xFF:02d}"
        return Identity("ebm-papst", str(kind), str(serial), version)

    async def prepare(self) -> None:
        """Speed control over the bus, and a fail-safe. The EEPROM is written where it differs."""
        self._full_rpm = await self.number("max_speed")
        self._max_rpm = min(self._options.max_rpm, self._full_rpm)
        fail_safe_rpm = min(self._options.fail_safe_rpm, self._full_rpm)
        if self._options.password is not None:
            await self.write("password", self._options.password)
        for name, value in (
            ("fail_safe_lag", round(self._options.fail_safe_s * LAGS_PER_S)),
            ("fail_safe_value", rpm_to_word(fail_safe_rpm, self._full_rpm)),
            ("fail_safe_source", FAIL_SAFE),
            ("motor_stop", MAY_STOP),
            ("mode", SPEED_CONTROL),
            ("source", RS485),
        ):
            await self._settle(name, value)

    async def power_cycled(self) -> bool:
        """The set value is not kept without power."""
        return self._set_word is not None and await self.number("set_value") != self._set_word

    @property
    def max_rpm(self) -> float:
        return self._max_rpm

    async def set_speed_rpm(self, speed_rpm: float) -> None:
        check_range(self.name, "speed", speed_rpm, Limits(0.0, self._max_rpm), "RPM")
        word = rpm_to_word(speed_rpm, self._full_rpm)
        await self.write("set_value", word)
        self._set_word = word
        self.remember("speed", lambda: self.write("set_value", word), speed_rpm)

    async def read_speed_rpm(self) -> float:
        return word_to_rpm(round(await self.number("speed")), self._full_rpm)

    async def is_stalled(self) -> bool:
        return bool(round(await self.number("motor_status")) & MotorStatus.BLOCKED)

    async def make_safe(self) -> None:
        """Full speed: a fan is safe when it blows."""
        await self.set_speed_rpm(self._max_rpm)

    async def _settle(self, name: str, value: int) -> None:
        if await self.number(name) == value:
            return
        try:
            await self.write(name, value)
        except DeviceStateError as error:
            hint = "; give the customer's password as options.password"
            raise DeviceStateError(self.name, f"{error}{hint}", error.state) from error

    async def _remind(self) -> None:
        """Speak often enough that the fan does not take its host for gone."""
        while True:
            await asyncio.sleep(self._options.fail_safe_s / 4.0)
            with contextlib.suppress(DeviceError):  # whoever uses the fan is told
                await self.number("speed")


def _is_pseudo_terminal(address: str | None) -> bool:
    """Pseudo-terminals, on which simulated fans are served, know no parity."""
    path = (address or "").removeprefix("serial:").partition("?")[0]
    return str(Path(path).resolve()).startswith("/dev/pts/")
