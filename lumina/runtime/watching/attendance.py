"""Asks the instruments beside a loop once a second whether they are still there.

Nobody talks to a laser or a supply while a bench just runs, so nobody would notice that it
has gone, or that it has been without power and is dark since.
"""

import asyncio

from drivers.interfaces import Instrument
from lumina.errors import DeviceConnectionError, DeviceError, IdentityError
from lumina.runtime.device import DeviceState
from lumina.runtime.recording.journal import Journal
from lumina.runtime.station import BaseStation

__all__ = ["Attendance"]

PERIOD_S = 1.0


class Attendance:
    """Watches a station's instruments until cancelled.

    A lost instrument that only measures is told; one that acts on the board takes the
    station down to where it was before bring-up. What the loop itself hears all the time, as a
    board each millisecond, the supervisor watches.
    """

    def __init__(self, station: BaseStation, journal: Journal) -> None:
        self._station, self._journal = station, journal
        self._missing: set[str] = set()
        self._trouble = ""  # as told to the device

    async def run(self) -> None:
        """Watch until cancelled."""
        async with asyncio.TaskGroup() as group:
            for instrument, _ in self._station.instruments:
                if not self._station.hears(instrument):
                    group.create_task(self._attend(instrument), name=f"attend-{instrument.name}")

    async def _attend(self, instrument: Instrument) -> None:
        while True:
            await asyncio.sleep(PERIOD_S)
            try:
                news = await instrument.check()
            except (DeviceConnectionError, IdentityError) as error:
                await self._note_loss(instrument, error)
            except DeviceError:
                continue  # a silence or a garbled answer is no loss: the driver counts them
            else:
                await self._note_presence(instrument, news)

    async def _note_loss(self, instrument: Instrument, error: DeviceError) -> None:
        if instrument.name in self._missing:
            return
        self._missing.add(instrument.name)
        self._journal.tell(instrument.name, "lost", str(error), level="error")
        if self._station.depends_on(instrument):
            self._trouble = f"{instrument.name} is lost"
            self._station.device.fail(self._trouble)
            await self._fall_back()

    async def _note_presence(self, instrument: Instrument, news: str | None) -> None:
        if instrument.name in self._missing:
            self._missing.remove(instrument.name)
            self._journal.tell(instrument.name, "back", f"{instrument.name}: back")
            self._come_down_if_all_are_back(instrument)
        if news is None:
            return
        self._journal.tell(
            instrument.name, "changed", f"{instrument.name}: {news}", level="warning"
        )
        if self._station.depends_on(instrument) and not self._missing:
            self._station.device.come_down(f"{instrument.name}: {news}")
            await self._fall_back()

    def _come_down_if_all_are_back(self, instrument: Instrument) -> None:
        device = self._station.device
        ours = device.lifecycle is DeviceState.ERROR and device.trouble == self._trouble
        if ours and not self._missing:
            device.come_down(f"{instrument.name} was lost")

    async def _fall_back(self) -> None:
        device = self._station.device
        try:
            await self._station.fall_back()
        except DeviceError as error:
            text = f"could not be made safe: {error}"
            self._journal.tell(device.name, "unsafe", text, level="error")
