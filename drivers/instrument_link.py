"""A TEC controller and a fan in a board's place: what they measure, and what they are told.

Each has a line of its own, on which one thing at a time is asked: the link reads when it is
told to, and writes the newest command; neither waits for the other instrument. What fails on
a line leaves its last reading to grow old.

The TEC's output is switched on only when a command turns from off to on. Whoever comes back
from a lost connection or a power cycle is found `locked_out`: off, until somebody who
knows of it has commanded off as well.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from drivers.interfaces import Fan, FrameLink, Instrument, TecSample, TemperatureController
from lumina.errors import DeviceConnectionError, DeviceError

__all__ = ["InstrumentCommand", "InstrumentLink", "News"]

Heard = TypeVar("Heard")

STEP_RPM = 1.0
"""A change of the fan's speed by less is not worth a message."""


@dataclass(frozen=True)
class InstrumentCommand:
    """What TEC controller and fan are to do.

    Attributes:
        enabled: whether the TEC's output is on.
        current_a: through the TEC, A; positive cools.
        fan_rpm: speed of the fan, RPM.
        heeds_lockout: whether whoever commands knows that the link was locked out.
    """

    enabled: bool
    current_a: float
    fan_rpm: float
    heeds_lockout: bool = False


class News(NamedTuple):
    """Something that happened to one of the instruments.

    Attributes:
        instrument: its name.
        kind: lost, back or changed.
        text: the same in words.
    """

    instrument: str
    kind: str
    text: str


class Line(Generic[Heard]):
    """One instrument: read when asked, told the newest command, one at a time."""

    def __init__(
        self,
        instrument: Instrument,
        read: Callable[[], Awaitable[Heard]],
        write: Callable[[InstrumentCommand], Awaitable[None]],
        tell: Callable[[News], None],
    ) -> None:
        self.instrument, self._read, self._write, self._tell = instrument, read, write, tell
        self.heard: Heard | None = None
        self.heard_s = -math.inf
        self.errors = 0
        self.lost = False
        self.answered = asyncio.Event()
        self._wanted = asyncio.Event()
        self._asked = False
        self._command: InstrumentCommand | None = None

    def ask(self) -> None:
        """Read, as soon as the line is free."""
        self.answered.clear()
        self._asked = True
        self._wanted.set()

    def command(self, command: InstrumentCommand) -> None:
        """Write this, as soon as the line is free, in place of what was not written yet."""
        self._command = command
        self._wanted.set()

    async def work(self) -> None:
        """Do what is asked, until cancelled."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            try:
                await self._talk()
            except DeviceError as error:
                self._note(error)

    async def _talk(self) -> None:
        if self._asked:
            self._asked = False
            heard = await self._read()
            self.heard, self.heard_s = heard, asyncio.get_running_loop().time()
            self._note_presence()
            self.answered.set()
        command, self._command = self._command, None
        if command is not None:
            await self._write(command)

    def _note(self, error: DeviceError) -> None:
        self.errors += 1
        if isinstance(error, DeviceConnectionError) and not self.lost:
            self.lost = True
            self._tell(News(self.instrument.name, "lost", str(error)))

    def _note_presence(self) -> None:
        if self.lost:
            self.lost = False
            self._tell(News(self.instrument.name, "back", f"{self.instrument.name}: back"))
        changed = self.instrument.news()
        if changed is not None:
            self._tell(News(self.instrument.name, "changed", f"{self.instrument.name}: {changed}"))


class InstrumentLink(FrameLink):
    """The two instruments of one plant.

    Attributes:
        locked_out: one of them was away or without power; until an off has been commanded
            and carried out, nothing else is.
        interruptions: how often that was so.
        news: what happened to them; whoever reads it empties it.
    """

    heaters = outputs = 0

    def __init__(self, tec: TemperatureController, fan: Fan) -> None:
        self.tec, self.fan = tec, fan
        self.locked_out = False
        self.interruptions = 0
        self.news: list[News] = []
        self._on: bool | None = None
        self._set_rpm: float | None = None
        self._tec_line = Line(tec, tec.read_sample, self._drive_tec, self._note)
        self._fan_line = Line(fan, fan.read_speed_rpm, self._drive_fan, self._note)
        self._working: list[asyncio.Task[None]] = []

    @property
    def name(self) -> str:
        """The TEC controller's, after which the loop is called."""
        return self.tec.name

    @property
    def fault(self) -> str | None:
        """Who does not answer, in words; None while both do."""
        lost = [line.instrument.name for line in (self._tec_line, self._fan_line) if line.lost]
        return f"{' and '.join(lost)} does not answer" if lost else None

    @property
    def errors(self) -> int:
        """Requests that failed."""
        return self._tec_line.errors + self._fan_line.errors

    def start(self) -> None:
        """Talk to the instruments from now on."""
        loop = asyncio.get_running_loop()
        self._working = [
            loop.create_task(line.work(), name=f"line-{line.instrument.name}")
            for line in (self._tec_line, self._fan_line)
        ]

    def stop(self) -> None:
        """Talk to them no more; what they do, they go on doing."""
        for task in self._working:
            task.cancel()
        self._working = []

    async def listen(self, within_s: float) -> None:
        """Read both; returns when both have answered, or after so long."""
        lines = (self._tec_line, self._fan_line)
        for line in lines:
            line.ask()
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                for line in lines:
                    await line.answered.wait()

    @property
    def tec_sample(self) -> TecSample | None:
        """What the TEC controller said last; None before it has."""
        return self._tec_line.heard

    @property
    def speed_rpm(self) -> float | None:
        """What the fan said last, RPM; None before it has."""
        return self._fan_line.heard

    @property
    def heard_s(self) -> float:
        """When the one was heard that has been silent for longer, by the event loop's clock, s."""
        return min(self._tec_line.heard_s, self._fan_line.heard_s)

    def command(self, command: InstrumentCommand) -> None:
        """What they are to do from now on; limited to what they can."""
        self._tec_line.command(command)
        self._fan_line.command(command)

    async def time_exchange(self) -> float:
        """How long it takes to read both and to command both, the TEC's output off, s.

        Raises:
            DeviceError: one of them does not answer.
        """
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        await asyncio.gather(self._exchange_tec(), self._exchange_fan())
        return loop.time() - began_s

    async def make_safe(self) -> None:
        """TEC off, fan at full speed; both are tried.

        Raises:
            DeviceError: the first failure.
        """
        self._on = self._set_rpm = None
        outcomes = await asyncio.gather(
            self.tec.make_safe(), self.fan.make_safe(), return_exceptions=True
        )
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome

    async def _exchange_tec(self) -> None:
        await self.tec.read_sample()
        await self.tec.set_current_a(0.0)

    async def _exchange_fan(self) -> None:
        await self.fan.read_speed_rpm()
        await self.fan.set_speed_rpm(0.0)

    async def _drive_tec(self, command: InstrumentCommand) -> None:
        if command.enabled and not self.locked_out:
            limits = self.tec.current_limits_a()
            await self.tec.set_current_a(min(max(command.current_a, limits.low), limits.high))
            if not self._on:
                await self.tec.set_enabled(True)
                self._on = True
            return
        if self._on is not False:
            await self.tec.set_enabled(False)
            self._on = False
        if command.heeds_lockout and not command.enabled:
            self.locked_out = False

    async def _drive_fan(self, command: InstrumentCommand) -> None:
        speed_rpm = min(max(command.fan_rpm, 0.0), self.fan.max_rpm)
        if self._set_rpm is None or abs(speed_rpm - self._set_rpm) >= STEP_RPM:
            await self.fan.set_speed_rpm(speed_rpm)
            self._set_rpm = speed_rpm

    def _note(self, news: News) -> None:
        self.news.append(news)
        if news.instrument == self.tec.name:
            self._on = None
        else:
            self._set_rpm = None
        if news.kind != "lost":
            self.locked_out = True
            self.interruptions += 1
