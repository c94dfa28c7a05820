"""Qontrol Q8iv heater drivers, chained on backplanes, over their serial line.

Voltages are set by binary vectors, one to a module: 64 channels take 18 ms of the line,
where single commands in text take 67 ms.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from drivers.bus.framing import LineFramer
from drivers.bus.resync import Resync
from drivers.data_sheets import Q8IV_FULL_SCALE_V
from drivers.interfaces import FloatArray, Identity, Limits, PhaseShifterBank
from drivers.options import PhaseShifterBankOptions
from drivers.protocols.qontrol import CODES, MODULE_CHANNELS, Binary, Flag, vector
from drivers.protocols.qontrol_replies import (
    OK,
    Code,
    QontrolError,
    is_identity,
    parse_fault,
    parse_identity,
    parse_quantity,
)
from drivers.ranges import check_drive
from drivers.registry import Mounting
from drivers.transports import Wire
from drivers.wire import WireInstrument
from lumina.errors import DeviceRangeError, DeviceStateError

__all__ = ["QontrolQ8iv"]

LOST_SHARE = 0.5
"""A channel that has lost more than this share of its voltage was without power."""

TELLING_V = 0.05
"""Below it a reading does not tell a channel that is on from one that is off."""

REFUSED_VALUE = (Code.OVER_VOLTAGE, Code.OVER_CURRENT)


class QontrolQ8iv(WireInstrument, PhaseShifterBank):
    """A chain, its channels numbered through. The modules themselves hold `max_drive_v`."""

    framer = LineFramer(write_end=b"", read_end=b"\n")
    line: ClassVar[Mapping[str, Any]] = {"baud": 115200}
    model = r"Qontrol,Q8iv"
    timeout_s = 0.5

    def __init__(self, mounting: Mounting) -> None:
        super().__init__(mounting)
        options: PhaseShifterBankOptions = mounting.options
        self._channels, self._max_drive_v = options.channels, options.max_drive_v
        self._drive_v = np.zeros(self._channels)

    def resync(self, wire: Wire) -> Resync:
        return Resync.sentinel(b"ID?\n", is_identity)

    async def identify(self) -> Identity:
        kind, serial = parse_identity(await self._query(b"ID?\n"))
        return Identity("Qontrol", kind, serial, await self._query(b"FIRMWARE?\n"))

    async def prepare(self) -> None:
        """Number the chain through, see that it is long enough, and limit its voltages."""
        await self._command(b"NUP=0\n")
        last = self._channels - 1
        try:
            await self._read("V", "V", last)
        except DeviceStateError as error:
            text = f"there is no channel {last}: options.channels is {self._channels}"
            raise DeviceStateError(self.name, text, error.state) from error
        await self._set("VMAX", np.full(self._channels, self._max_drive_v))

    async def power_cycled(self) -> bool:
        """After power-up every channel is off."""
        highest = int(self._drive_v.argmax())
        expected_v = float(self._drive_v[highest])
        if expected_v < TELLING_V:
            return False
        return await self._read("V", "V", highest) < LOST_SHARE * expected_v

    @property
    def channels(self) -> int:
        return self._channels

    def drive_limits_v(self) -> Limits:
        return Limits(0.0, self._max_drive_v)

    async def set_drive_v(self, drive_v: FloatArray) -> None:
        wanted_v = check_drive(self.name, drive_v, self.channels, self.drive_limits_v())
        await self._set("V", wanted_v)
        self._drive_v = wanted_v
        self.remember("drive", lambda: self._set("V", wanted_v), f"up to {wanted_v.max():.4g} V")

    async def read_drive_v(self) -> FloatArray:
        return await self._read_all("V", "V")

    async def read_current_a(self) -> FloatArray:
        return 1e-3 * await self._read_all("I", "mA")

    async def make_safe(self) -> None:
        await self.set_drive_v(np.zeros(self._channels))

    async def _set(self, name: str, values: FloatArray) -> None:
        """Set a quantity of every channel, a module at a time."""
        async with self.bus.sequence():
            for first in range(0, self._channels, MODULE_CHANNELS):
                of_module = values[first : first + MODULE_CHANNELS].tolist()
                await self._command(vector(name, first, of_module, Q8IV_FULL_SCALE_V))

    async def _read_all(self, name: str, unit: str) -> FloatArray:
        async with self.bus.sequence():
            return np.array([await self._read(name, unit, c) for c in range(self._channels)])

    async def _read(self, name: str, unit: str, channel: int) -> float:
        message = Binary(CODES[name], channel, flags=Flag.READ).encode()
        line = await self._query(message)
        try:
            return parse_quantity(line, unit)
        except QontrolError as error:
            raise self.odd(f"{name}{channel}: {error}") from error

    async def _command(self, message: bytes) -> None:
        line = await self._query(message)
        if line != OK:
            raise self.odd(f"{line!r} is no acknowledgement")

    async def _query(self, message: bytes) -> str:
        reply = await self.request(message)
        line = reply.decode("latin-1").strip("\0\x06\r ")
        fault = parse_fault(line)
        if fault is None:
            return line
        if fault.code in REFUSED_VALUE:
            text = f"channel {fault.channel} refused: {fault}"
            raise DeviceRangeError(self.name, text, "the module's own limits")
        raise DeviceStateError(self.name, f"it reports {fault}", fault.line())
