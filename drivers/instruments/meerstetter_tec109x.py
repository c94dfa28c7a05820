"""Meerstetter TEC-1089 .. TEC-1167 temperature controllers over MeCom, serial or TCP."""

import asyncio
import secrets
from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar

from drivers.bus.framing import LineFramer
from drivers.bus.resync import Resync
from drivers.data_sheets import TEC109X_TARGET_C
from drivers.interfaces import Identity, Limits, TemperatureController
from drivers.options import MeerstetterTec109xOptions
from drivers.protocols.mecom import (
    ERRORS,
    PARAMETERS,
    RESET,
    DeviceStatus,
    MecomError,
    OutputEnable,
    OutputInput,
    Request,
    Stability,
    is_reply_to,
    parse_reply,
    reading,
    setting,
)
from drivers.ranges import check_range
from drivers.registry import Mounting
from drivers.transports import Wire
from drivers.wire import WireInstrument
from lumina.errors import DeviceRangeError, DeviceStateError

__all__ = ["MeerstetterTec109x"]

BUSY, OUT_OF_RANGE = 2, 7
UNSAVED = 1
"""Of parameter 108: settings stay out of the flash, which wears out."""

RESET_S = 1.0
"""A reset takes effect after 0.2 s, and some time more to start."""

WATCHDOG_S = Limits(0.0, 3600.0)

READABLE_C = Limits(-100.0, 250.0)
"""What a thermistor can read; beyond, it is open or shorted."""


class MeerstetterTec109x(WireInstrument, TemperatureController):
    """Channel 1. Wire the TEC so that positive current cools.

    Nothing that is set goes to the flash, so a power cycle brings back what was saved in
    the instrument, and shows in the parameter that keeps settings out of the flash.
    """

    framer = LineFramer(write_end=b"\r", read_end=b"\r")
    line: ClassVar[Mapping[str, Any]] = {"baud": 57600}
    model = r"Meerstetter,TEC-1\d{3}"
    timeout_s = 0.5

    def __init__(self, mounting: Mounting) -> None:
        super().__init__(mounting)
        options: MeerstetterTec109xOptions = mounting.options
        self._address, self._limit_a = options.device_address, options.current_limit_a
        # Replies are told apart by it: do not start where an earlier process may have been.
        self._sequence = secrets.randbelow(1 << 16)

    def resync(self, wire: Wire) -> Resync:
        return Resync.match(is_reply_to)

    async def identify(self) -> Identity:
        kind = round(await self._get("device_type"))
        serial = round(await self._get("serial_number"))
        firmware = await self._get("firmware_version") / 100
        return Identity("Meerstetter", f"TEC-{kind}", str(serial), f"{firmware:.2f}")

    async def prepare(self) -> None:
        await self._set("save_mode", UNSAVED)
        await self._set("current_limit_a", self._limit_a)

    async def power_cycled(self) -> bool:
        return await self._get("save_mode") != UNSAVED

    def temperature_limits_c(self) -> Limits:
        return Limits(*TEC109X_TARGET_C)

    def current_limits_a(self) -> Limits:
        return Limits(-self._limit_a, self._limit_a)

    async def set_target_c(self, target_c: float) -> None:
        check_range(self.name, "target", target_c, self.temperature_limits_c(), "C")
        async with self.bus.sequence():
            await self._keep("target_c", target_c)
            await self._keep("output_input", OutputInput.TEMPERATURE_CONTROLLER)

    async def read_target_c(self) -> float:
        return await self._get("target_c")

    async def set_current_a(self, current_a: float) -> None:
        check_range(self.name, "current", current_a, self.current_limits_a(), "A")
        async with self.bus.sequence():
            await self._keep("static_current_a", current_a)
            await self._keep("output_input", OutputInput.STATIC)

    async def set_watchdog_s(self, silence_s: float) -> bool:
        check_range(self.name, "watchdog", silence_s, WATCHDOG_S, "s")
        await self._keep("watchdog_s", silence_s)
        return True

    async def set_enabled(self, enabled: bool) -> None:
        if enabled:
            await self._leave_error()
        wanted = OutputEnable.ON if enabled else OutputEnable.OFF
        await self._keep("output_enable", wanted, restore=not enabled)

    async def is_enabled(self) -> bool:
        return await self._get("output_enable") == OutputEnable.ON

    async def read_temperature_c(self) -> float:
        return await self._thermistor_c("object_c")

    async def read_sink_c(self) -> float:
        return await self._thermistor_c("sink_c")

    async def read_current_a(self) -> float:
        return await self._get("current_a")

    async def read_voltage_v(self) -> float:
        return await self._get("voltage_v")

    async def is_stable(self) -> bool:
        return await self._get("stability") == Stability.STABLE

    async def make_safe(self) -> None:
        await self.set_enabled(False)

    async def _leave_error(self) -> None:
        """Reset it where it stands in its error state, in which it enables nothing.

        Raises:
            DeviceStateError: the error is still there.
        """
        if await self._get("device_status") != DeviceStatus.ERROR:
            return
        await self._ask(Request(self._address, self._next(), RESET), "reset")
        await asyncio.sleep(RESET_S)
        await self.prepare()
        await self.reapply()
        if await self._get("device_status") == DeviceStatus.ERROR:
            number = round(await self._get("error_number"))
            raise DeviceStateError(self.name, f"error {number} after a reset", "error")

    async def _thermistor_c(self, name: str) -> float:
        """A temperature.

        Raises:
            DeviceStateError: the thermistor is open or shorted.
        """
        temperature_c = await self._get(name)
        if temperature_c in READABLE_C:
            return temperature_c
        status = DeviceStatus(round(await self._get("device_status")))
        number = round(await self._get("error_number"))
        text = f"thermistor open or shorted, {name} reads {temperature_c:g}, error {number}"
        raise DeviceStateError(self.name, text, status.name.lower())

    async def _keep(self, name: str, value: float, *, restore: bool = True) -> None:
        """Set a parameter, and again after a power cycle."""
        await self._set(name, value)
        apply, read = partial(self._set, name, value), partial(self._get, name)
        self.remember(name, apply, float(value), read=read, restore=restore)

    async def _get(self, name: str) -> float:
        parameter = PARAMETERS[name]
        payload = await self._ask(reading(self._address, self._next(), parameter), name)
        try:
            return parameter.from_hex(payload)
        except MecomError as error:
            raise self.odd(f"{name}: {error}") from error

    async def _set(self, name: str, value: float) -> None:
        request = setting(self._address, self._next(), PARAMETERS[name], value)
        payload = await self._ask(request, f"{name} = {value:g}")
        if payload:
            raise self.odd(f"{name}: {payload!r} is no acknowledgement")

    async def _ask(self, request: Request, what: str) -> str:
        message = request.encode()
        reply = parse_reply(await self.request(message), message)
        if reply.error is not None:
            raise self._refusal(reply.error, what)
        return reply.payload

    def _refusal(self, code: int, what: str) -> Exception:
        told = f"{what} refused: {code}, {ERRORS.get(code, 'unknown error')}"
        if code == OUT_OF_RANGE:
            return DeviceRangeError(self.name, told, "the instrument's own limits")
        if code == BUSY:
            return DeviceStateError(self.name, told, "busy")
        return self.odd(told)

    def _next(self) -> int:
        self._sequence = (self._sequence + 1) & 0xFFFF
        return self._sequence
