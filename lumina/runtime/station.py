"""One photonic processor with everything that serves it: its place on the bench."""

import asyncio
from collections.abc import Awaitable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from drivers.config import InstrumentConfig
from drivers.interfaces import Instrument, Laser, PowerSupply
from drivers.options import LaserOptions, PowerSupplyOptions
from lumina.control.memory_runner import MemoryRunner
from lumina.control.records import HeaterMode, TecMode
from lumina.control.running import Runner
from lumina.errors import DeviceError
from lumina.realtime import PERIOD_NS
from lumina.runtime.device import PhotonicDevice
from lumina.runtime.environment import Environment
from lumina.runtime.virtual_time import VirtualTimeLoop

if TYPE_CHECKING:
    from twin.plant import Plant

__all__ = ["LoopDrive", "Station"]


@dataclass(frozen=True)
class Station:
    """A device, the loop that runs it, and the instruments on the same plant.

    Attributes:
        device: the processor.
        runner: runs its 1 kHz loop.
        instruments: every instrument on the plant with its config, in the file's order.
        plant: the twin in this process; None where there is none.
        environment: the room around it; None on hardware.
    """

    device: PhotonicDevice
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
        await _all_tried(
            supply.set_output(options.board_channel, False) for supply, options in self.supplies
        )

    async def make_safe(self) -> None:
        """Light off, whatever the state; every instrument is tried.

        Raises:
            DeviceError: the first failure, after all were tried.
        """
        await _all_tried(laser.make_safe() for laser, _ in self.lasers)


async def _all_tried(actions: Iterable[Awaitable[None]]) -> None:
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
    runner's own thread runs them in real time.
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
        if isinstance(loop, VirtualTimeLoop) and not isinstance(self._runner, MemoryRunner):
            self._runner.advance(0)  # a board on a wire refuses here, not in mid-flight
            self._virtual = loop
            self._start_ns = loop.time_ns() - self._runner.ticks * PERIOD_NS
            loop.add_advancer(self._advance)
        else:
            self._runner.start()
        self._running = True

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
