"""Drivers of instruments that speak SCPI: what they share, so that one takes a page."""

import re
from functools import partial

from drivers.bus.resync import Resync
from drivers.interfaces import Identity
from drivers.transports import Wire
from drivers.wire import WireInstrument
from lumina.errors import DeviceRangeError, DeviceStateError

__all__ = ["ScpiInstrument"]

POWER_ON = 0x80
"""Bit of the standard event status register: the power has come on."""

OUT_OF_RANGE = (-222, -223, -224, -220)
CONFLICT = (-221, -213, -200, -203, -241)
LONGEST_QUEUE = 50


class ScpiInstrument(WireInstrument):
    """An SCPI instrument: queries, settings that are checked and remembered."""

    error_query = "SYST:ERR?"

    def resync(self, wire: Wire) -> Resync:
        return Resync.reopen() if wire.reopening_forgets else Resync.scpi()

    async def identify(self) -> Identity:
        fields = (await self.query("*IDN?")).split(",")
        if len(fields) != 4:
            raise self.odd(f"{','.join(fields)!r} is no answer to *IDN?")
        return Identity(*(text.strip() for text in fields))

    async def prepare(self) -> None:
        """Forget the errors, and the power-on, of earlier times."""
        await self.send(b"*CLS")

    async def power_cycled(self) -> bool:
        return bool(await self.ask_int("*ESR?") & POWER_ON)

    async def query(self, question: str, *, timeout_s: float | None = None) -> str:
        """Ask, and return the answer without white space around it."""
        reply = await self.request(question.encode("ascii"), timeout_s=timeout_s)
        try:
            return reply.decode("ascii").strip()
        except UnicodeDecodeError as error:
            raise self.odd(f"{reply!r} is no answer to {question}") from error

    async def ask_float(self, question: str) -> float:
        """Ask for a number.

        Raises:
            ProtocolError: the answer is none.
        """
        text = await self.query(question)
        try:
            return float(text)
        except ValueError:
            raise self.odd(f"{text!r} is no answer to {question}") from None

    async def ask_int(self, question: str) -> int:
        """Ask for a whole number; ``+1`` and ``1.0`` are ones too."""
        return round(await self.ask_float(question))

    async def ask_bool(self, question: str) -> bool:
        """Ask for a switch: 0, 1, OFF or ON."""
        text = (await self.query(question)).upper()
        if text in ("ON", "OFF"):
            return text == "ON"
        try:
            return float(text) != 0.0
        except ValueError:
            raise self.odd(f"{text!r} is no answer to {question}") from None

    async def write(self, *commands: str) -> None:
        """Send commands, nobody in between, and see whether the instrument minds.

        Raises:
            DeviceRangeError: a value is outside what it takes.
            DeviceStateError: not in this state.
            ProtocolError: another entry in its error queue.
        """
        async with self.bus.sequence():
            for command in commands:
                await self.send(command.encode("ascii"))
            await self._check_errors("; ".join(commands))

    async def set(
        self, header: str, value: float | str, channels: str = "", *, restore: bool = True
    ) -> None:
        """Set one thing and remember it, for example ``VOLT 3.3, (@1)``.

        Args:
            header: the command.
            value: a number or a word.
            channels: channel list, such as ``(@1)``.
            restore: whether to set it again after a power cycle, not only report it.
        """
        text = value if isinstance(value, str) else f"{value:.9G}"
        command = f"{header} {text}" + (f", {channels}" if channels else "")
        question = f"{header}? {channels}".strip()
        await self.write(command)
        read = partial(self.query if isinstance(value, str) else self.ask_float, question)
        key = f"{header} {channels}".strip()
        self.remember(key, partial(self.write, command), value, read=read, restore=restore)

    async def switch(self, header: str, on: bool, channels: str = "") -> None:
        """Switch an output; after a power cycle it is reported, never switched on again."""
        await self.set(header, int(on), channels, restore=False)

    async def _check_errors(self, cause: str) -> None:
        first: tuple[int, str] | None = None
        for _ in range(LONGEST_QUEUE):
            number, text = await self._next_error()
            if number == 0:
                break
            first = first or (number, text)
        if first is not None:
            raise self._complaint(cause, *first)

    async def _next_error(self) -> tuple[int, str]:
        entry = await self.query(self.error_query)
        match = re.match(r'([+-]?\d+)\s*(?:,\s*"?(.*?)"?)?$', entry)
        if match is None:
            raise self.odd(f"{entry!r} is no answer to {self.error_query}")
        return int(match[1]), match[2] or ""

    def _complaint(self, cause: str, number: int, text: str) -> Exception:
        told = f'{cause!r} refused: {number}, "{text}"'
        if number in OUT_OF_RANGE:
            return DeviceRangeError(self.name, told, "the instrument's own limits")
        if number in CONFLICT:
            return DeviceStateError(self.name, told, text)
        return self.odd(told)
