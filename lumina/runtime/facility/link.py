"""The bench and the room's cooling, as long as the bench is up and the broker is there.

The link never disturbs the bench: what goes wrong with it is told once, and it comes back
by itself. An inlet temperature that it hears feeds the loops until it is too old.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

from lumina.errors import DeviceConnectionError, DeviceStateError
from lumina.runtime.device import PhotonicDevice
from lumina.runtime.facility.config import FacilityConfig
from lumina.runtime.facility.messages import inlet_of, report
from lumina.runtime.recording.journal import Journal, Level
from lumina.runtime.virtual_time import VirtualTimeLoop

if TYPE_CHECKING:
    from lumina.runtime.facility.broker import Broker

__all__ = ["FacilityLink", "linked"]

FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 30.0


class FacilityLink:
    """Tells the room what the devices need, and the devices what the room tells.

    Args:
        config: where the broker is.
        bench: the bench's name, for the topics.
        devices: whose temperatures and power are reported.
        journal: where it is told that the link is there, or is not.
    """

    def __init__(
        self,
        config: FacilityConfig,
        bench: str,
        devices: Sequence[PhotonicDevice],
        journal: Journal,
    ) -> None:
        self._config, self._devices, self._journal = config, devices, journal
        self._root = f"{config.prefix}/{bench}"
        self._reached: bool | None = None
        self._inlet_c, self._heard_s = 0.0, 0.0
        self._unfed: list[PhotonicDevice] = []
        self._doubt = ""
        self._ending = False

    def end(self, task: asyncio.Task[None]) -> None:
        """End the task that runs this link.

        A farewell that fails swallows the cancellation, hence the word.
        """
        self._ending = True
        task.cancel()

    async def run(self) -> None:
        """Keep the link up until it is ended."""
        wait_s = FIRST_WAIT_S
        while True:
            before_s = self._now_s()
            problem = await self._until_lost()
            if self._ending:
                return
            self._now_reached(False, f"{problem}; the bench goes on without")
            lived = self._now_s() - before_s > LONGEST_WAIT_S
            wait_s = FIRST_WAIT_S if lived else min(2.0 * wait_s, LONGEST_WAIT_S)
            await asyncio.sleep(wait_s)

    async def _until_lost(self) -> str:
        """One connection's life; says what ended it."""
        from lumina.runtime.facility.broker import connected  # 150 ms that few benches need

        problem = ""
        try:
            async with connected(self._config, f"{self._root}/status") as broker:
                where = f"{self._config.broker}:{self._config.port}"
                self._now_reached(True, f"facility: linked by {where} as {self._root}")
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._report(broker))
                    group.create_task(self._listen(broker))
        except* DeviceConnectionError as lost:
            problem = str(lost.exceptions[0])
        return problem

    async def _report(self, broker: "Broker") -> None:
        while True:
            for device in self._devices:
                row = device.loop.latest()
                if row is not None:
                    await self._report_one(broker, device, row)
            self._feed()
            await asyncio.sleep(self._config.period_s)

    async def _report_one(self, broker: "Broker", device: PhotonicDevice, row: Any) -> None:
        limit_rpm = device.config.fan.max_rpm
        said = report(row, self._journal.now_s(), limit_rpm, self._config.airflow_from)
        topic = f"{self._root}/{device.name}"
        await broker.say(f"{topic}/report", json.dumps(said).encode())
        await broker.say(f"{topic}/airflow", json.dumps(said["airflow"]).encode())

    async def _listen(self, broker: "Broker") -> None:
        topic = self._config.inlet_topic or f"{self._root}/inlet"
        async for payload in broker.heard(topic):
            try:
                self._inlet_c = inlet_of(payload)
            except ValueError as error:
                self._doubted(f"facility: a message under {topic} was left out: {error}")
                continue
            self._doubt, self._heard_s = "", self._now_s()
            self._unfed = list(self._devices)
            self._feed()

    def _feed(self) -> None:
        """Give the inlet temperature, while it counts, to the loops that do not have it yet."""
        left_s = self._config.inlet_valid_s - (self._now_s() - self._heard_s)
        for device in self._unfed.copy():
            if left_s > 0.0 and device.loop.latest() is None:
                continue  # its loop does not tick yet
            self._unfed.remove(device)
            if left_s > 0.0:
                # A loop that stands still takes no commands; its supervisor tells of it.
                with suppress(DeviceStateError):
                    device.loop.set_inlet_c(self._inlet_c, left_s)

    def _now_reached(self, reached: bool, message: str) -> None:
        """Tell a change, and only a change."""
        if reached is not self._reached:
            self._reached = reached
            self._tell(message, "info" if reached else "warning", reached=reached)

    def _doubted(self, message: str) -> None:
        if message != self._doubt:
            self._doubt = message
            self._tell(message, "warning")

    def _tell(self, message: str, level: Level, **data: Any) -> None:
        self._journal.tell("facility", "facility", message, level=level, **data)

    @staticmethod
    def _now_s() -> float:
        return asyncio.get_running_loop().time()


@asynccontextmanager
async def linked(
    config: FacilityConfig | None,
    bench: str,
    devices: Sequence[PhotonicDevice],
    journal: Journal,
) -> AsyncIterator[None]:
    """The link inside the block; none without a config, or in virtual time."""
    if config is None:
        yield
        return
    if isinstance(asyncio.get_running_loop(), VirtualTimeLoop):
        journal.tell("facility", "facility", "facility: not linked, time is virtual")
        yield
        return
    link = FacilityLink(config, bench, devices, journal)
    task = asyncio.create_task(link.run(), name="facility")
    try:
        yield
    finally:
        link.end(task)
        await asyncio.wait([task])
        if not task.cancelled() and task.exception() is not None:
            text = f"facility: the link broke: {task.exception()!r}"
            journal.tell("facility", "facility", text, level="error")
