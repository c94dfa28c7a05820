"""A chip with everything that serves it: its place on the bench."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from drivers.config import InstrumentConfig
from drivers.instrument_link import News
from drivers.interfaces import (
    Instrument,
    Laser,
    OpticalPowerMeter,
    PhotonicProcessor,
    PowerSupply,
)
from drivers.options import LaserOptions, PowerSupplyOptions
from lumina.control.records import HeaterMode, TecMode, Tier
from lumina.control.running import Runner
from lumina.control.running.instruments import InstrumentRunner
from lumina.control.running.memory import MemoryRunner
from lumina.errors import DeviceError
from lumina.realtime import PERIOD_NS
from lumina.runtime.device import PhotonicDevice, Regulated
from lumina.runtime.environment import Environment
from lumina.runtime.virtual_time import VirtualTimeLoop

if TYPE_CHECKING:
    from twin.plant import Plant

__all__ = ["BaseStation", "LoopDrive", "Station", "all_tried"]


@dataclass(frozen=True)
class BaseStation(ABC):
    """A held carrier, the loop that holds it, and the instruments on the same plant.

    Attributes:
        device: the carrier: of a processor, or of a chip without a board.
        runner: runs its loop.
        instruments: every instrument on the plant with its config, in the file's order.
        plant: the twin in this process; None where there is none.
        environment: the room around it; None on hardware.
    """

    dark_from: ClassVar[Tier] = Tier.EMERGENCY
    """Tier from which on the lasers are switched off at the source."""

    last_resort: ClassVar[str] = "bench supplies off"
    """What `cut_power` does, in words."""

    row_name: ClassVar[str] = "row"
    """Under which name views are shown the newest telemetry row."""

    lockout: ClassVar[str] = (
        "the board was powered down: it was without power, or without us for a second"
    )
    """What has happened when the loop finds itself locked out, in words."""

    device: Regulated
    runner: Runner
    instruments: tuple[tuple[Instrument, InstrumentConfig], ...]
    plant: "Plant | None"
    environment: Environment | None

    @property
    def lasers(self) -> list[tuple[Laser, LaserOptions]]:
        """The lasers, with what bring-up sets on them."""
        return [
            (instrument, config.options)
            for instrument, config in self.instruments
            if isinstance(instrument, Laser) and isinstance(config.options, LaserOptions)
        ]

    @property
    def laser_w(self) -> float:
        """Power that bring-up has the one laser emit, W; 0 where there is none, or several."""
        powers_w = [options.power_w for _, options in self.lasers]
        return powers_w[0] if len(powers_w) == 1 else 0.0

    @abstractmethod
    async def fall_back(self) -> None:
        """As before bring-up.

        Raises:
            DeviceError: the first failure, after all was tried.
        """

    @abstractmethod
    async def cut_power(self) -> None:
        """The last resort, when nobody knows what the loop does.

        Raises:
            DeviceError: the first failure, after all was tried.
        """

    def depends_on(self, instrument: Instrument) -> bool:
        """Whether the chip's light, heat or power depends on an instrument."""
        return not isinstance(instrument, OpticalPowerMeter)

    def hears(self, instrument: Instrument) -> bool:
        """Whether the loop itself hears an instrument all the time."""
        return isinstance(instrument, PhotonicProcessor)

    def news(self) -> list[News]:
        """What has happened to the instruments that the loop hears, since this was asked."""
        return []

    async def make_safe(self) -> None:
        """Light off, whatever the state; every instrument is tried.

        Raises:
            DeviceError: the first failure, after all were tried.
        """
        await all_tried(laser.make_safe() for laser, _ in self.lasers)


@dataclass(frozen=True)
class Station(BaseStation):
    """A processor with its board, and what feeds and lights it."""

    device: PhotonicDevice

    @property
    def supplies(self) -> list[tuple[PowerSupply, PowerSupplyOptions]]:
        """The bench supplies that feed the board, with what bring-up sets on them."""
        return [
            (instrument, config.options)
            for instrument, config in self.instruments
            if isinstance(instrument, PowerSupply)
            and isinstance(config.options, PowerSupplyOptions)
        ]

    async def fall_back(self) -> None:
        """As before bring-up: light, heaters and TEC off, rails down in order.

        The loop does its part as soon as it ticks, the board's watchdog if it does not; the
        fan goes on. Nothing is waited for but the lasers.

        Raises:
            DeviceError: the first failure, after all was tried.
        """
        loop = self.device.loop
        try:
            loop.set_laser_scale(0.0)
            loop.set_heater_mode(HeaterMode.OFF)
            loop.set_tec_mode(TecMode.OFF)
            loop.rails_down()
        finally:
            await self.make_safe()

    async def cut_power(self) -> None:
        """Bench supplies off: the board's rails fall, whatever board and loop do.

        Raises:
            DeviceError: the first failure, after all were tried.
        """
        await all_tried(
            supply.set_output(options.board_channel, False) for supply, options in self.supplies
        )


async def all_tried(actions: Iterable[Awaitable[None]]) -> None:
    """Try every action.

    Raises:
        DeviceError: the first failure, after all were tried.
    """
    for outcome in await asyncio.gather(*actions, return_exceptions=True):
        if isinstance(outcome, DeviceError):
            raise outcome


class LoopDrive:
    """Keeps a loop running on whatever clock the asyncio loop has.

    On a `VirtualTimeLoop` the ticks run in batches before each jump of the clock, by this
    drive or, where a board in memory has the time, by the board. On any other loop the
    runner's own thread runs them in real time. A loop over instruments is a task of either.
    """

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._virtual: VirtualTimeLoop | None = None
        self._start_ns = 0
        self._running = False

    def start(self) -> None:
        """Start ticking from the present time; a loop that runs goes on.

        Raises:
            VirtualTimeError: time is virtual and the loop runs over a wire.
        """
        if self._running:
            return
        loop = asyncio.get_running_loop()
        lives_by_itself = isinstance(self._runner, MemoryRunner | InstrumentRunner)
        if isinstance(loop, VirtualTimeLoop) and not lives_by_itself:
            self._runner.advance(0)  # a board on a wire refuses here, not in mid-flight
            self._virtual = loop
            self._start_ns = loop.time_ns() - self._runner.ticks * PERIOD_NS
            loop.add_advancer(self._advance)
        else:
            self._runner.start()
        self._running = True

    @property
    def running(self) -> bool:
        """Whether the loop ticks."""
        return self._running

    def stop(self) -> None:
        """Stop ticking; idempotent."""
        if self._virtual is not None:
            self._virtual.remove_advancer(self._advance)
            self._virtual = None
        self._runner.stop()
        self._running = False

    def _advance(self, time_ns: int) -> None:
        due = (time_ns - self._start_ns) // PERIOD_NS
        if due > self._runner.ticks:
            self._runner.advance(due - self._runner.ticks)
