"""What every driver of a real or simulated instrument shares: its connection's life."""

import asyncio
import logging
import re
from abc import abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, ClassVar

from drivers.bus.bus import Bus
from drivers.bus.framing import Framer, LineFramer
from drivers.bus.resync import Resync
from drivers.comeback import BACKOFF_S, Comeback
from drivers.interfaces import Identity, Instrument
from drivers.registry import Mounting
from drivers.settings import PowerCycle, Settings
from drivers.transports import FORMS, Wire, open_transport
from lumina.errors import (
    DeviceConnectionError,
    DeviceError,
    DeviceStateError,
    DeviceTimeoutError,
    IdentityError,
    ProtocolError,
    UsageError,
)

__all__ = ["WireInstrument"]

logger = logging.getLogger(__name__)

SILENCES = 3
"""Time-outs in a row after which an instrument counts as lost."""


class WireInstrument(Instrument):
    """An instrument behind a bus.

    Connected, it stays connected: when the wire is lost, calls raise
    `DeviceConnectionError` at once while a task of its own tries again, first after
    `backoff_s[0]`, then ever slower up to `backoff_s[1]`. Every new connection begins
    with the check of who answers. What was remembered is set again when the
    instrument has been without power; a request is never sent again.

    Attributes:
        framer: how messages are marked off.
        model: regular expression that ``manufacturer,model`` must match.
        line: settings of a serial line where the address does not give them.
        timeout_s: how long to wait for a reply, s.
        power_cycle: what the last noticed power cycle had changed.
    """

    framer: ClassVar[Framer] = LineFramer()
    model: ClassVar[str] = ""
    line: ClassVar[Mapping[str, Any]] = {}
    timeout_s: ClassVar[float] = 1.0
    backoff_s: ClassVar[tuple[float, float]] = BACKOFF_S

    def __init__(self, mounting: Mounting) -> None:
        super().__init__(mounting.name)
        if mounting.address is None:
            raise UsageError(f"{self.name}: needs an address: {FORMS}")
        wire = self.open_wire(mounting.address, self.line_settings(mounting))
        self.bus = Bus(self.name, wire, self.framer, self.resync(wire), timeout_s=self.timeout_s)
        self.power_cycle: PowerCycle | None = None
        self._told: PowerCycle | None = None
        self._settings = Settings()
        self._identity: Identity | None = None
        self._in_doubt = False
        self._silences = 0
        self._insider: asyncio.Task[Any] | None = None
        self._comeback = Comeback(self.name, self._come_back, self.backoff_s)

    def line_settings(self, mounting: Mounting) -> Mapping[str, Any]:
        """Settings of a serial line; override it where the options have a say."""
        return self.line

    def open_wire(self, address: str, settings: Mapping[str, Any]) -> Wire:
        """The wire to an address, not yet opened; override it for one with habits."""
        return open_transport(
            address, **{"read_end": getattr(self.framer, "read_end", b"\n"), **settings}
        )

    @abstractmethod
    def resync(self, wire: Wire) -> Resync:
        """How this protocol gets back in step on this wire."""

    @abstractmethod
    async def identify(self) -> Identity:
        """Ask who answers; nothing may be set before that."""

    async def prepare(self) -> None:
        """Set what the driver itself relies on; on every connection and power-up."""

    async def power_cycled(self) -> bool:
        """Whether the instrument has been without power since it was last asked.

        An instrument that cannot tell is taken to have been.
        """
        return True

    async def connect(self) -> Identity:
        await self.close()
        self._insider = asyncio.current_task()
        try:
            self._identity = await self._open_and_identify()
            await self.prepare()
        except BaseException:
            self._identity = None
            await self.bus.close()
            raise
        finally:
            self._insider = None
        return self._identity

    async def close(self) -> None:
        await self._comeback.end()
        self._identity, self._in_doubt, self._silences = None, False, 0
        await self.bus.close()

    async def check(self) -> str | None:
        try:
            await self.identify()  # who it is was checked when it was connected
        except ValueError as error:
            raise self.odd(f"says something odd: {error}") from error
        return self.news()

    def news(self) -> str | None:
        told, self._told = self._told, self.power_cycle
        return None if self._told is told else str(self._told)

    async def request(self, message: bytes, *, timeout_s: float | None = None) -> bytes:
        """Ask the instrument; as `Bus.request`, with the connection watched.

        Raises:
            DeviceStateError: `connect` has not been called.
        """
        return bytes(await self._watched(self.bus.request, message, timeout_s=timeout_s))

    async def send(self, message: bytes) -> None:
        """Tell the instrument something that it does not answer."""
        await self._watched(self.bus.send, message)

    def remember(
        self,
        key: str,
        apply: Callable[[], Awaitable[object]],
        value: object = None,
        *,
        read: Callable[[], Awaitable[object]] | None = None,
        restore: bool = True,
    ) -> None:
        """Keep a setting for the next power cycle.

        Args:
            key: its name, for people; the same key replaces it.
            apply: sets it.
            value: what it sets, for the report.
            read: reads it, in the same terms as `value`; without it the setting is made
                again whatever it was.
            restore: False only reports the loss: an output is not switched on again.
        """
        self._settings.remember(key, apply, value, read, restore)

    def forget(self, key: str) -> None:
        """Do not set this again after a power cycle."""
        self._settings.forget(key)

    async def reapply(self) -> None:
        """Set again what was remembered: after a reset that the driver asked for itself."""
        await self._settings.reapply()

    def odd(self, told: str) -> ProtocolError:
        """The error for an answer that its protocol does not allow.

        Args:
            told: what was odd about it.
        """
        return ProtocolError(self.name, f"{self.bus.resource}: {told}")

    async def _watched(self, call: Callable[..., Awaitable[Any]], *args: Any, **more: Any) -> Any:
        if self._identity is None or self._comeback.lost or self._in_doubt:
            await self._make_ready()
        try:
            reply = await call(*args, **more)
        except DeviceConnectionError as error:
            self._lose(error)
            raise
        except DeviceTimeoutError as error:
            await self._count_silence(error)
            raise
        self._silences = 0
        return reply

    async def _make_ready(self) -> None:
        if self._insider is not None and self._insider is asyncio.current_task():
            return
        if self._comeback.lost:
            text = f"{self.bus.resource}: lost and not back yet; it was: {self._comeback.lost}"
            raise DeviceConnectionError(self.name, text)
        if self._identity is None:
            raise DeviceStateError(self.name, "connect it first", "not connected")
        async with self.bus.sequence():
            if self._in_doubt:
                await self._as_insider(self._check_power)

    async def _as_insider(self, call: Callable[[], Awaitable[None]]) -> None:
        self._insider = asyncio.current_task()
        try:
            await call()
        finally:
            self._insider = None

    async def _check_power(self) -> None:
        """Set again what a power cycle has taken, if there was one."""
        if await self.power_cycled():
            await self.prepare()
            self.power_cycle = await self._settings.reapply()
            logger.warning("%s: %s", self.name, self.power_cycle)
        self._in_doubt = False

    async def _count_silence(self, error: DeviceTimeoutError) -> None:
        self._in_doubt = True
        self._silences += 1
        if self._silences >= SILENCES and self._comeback.lost is None:
            await self.bus.close()
            self._lose(error)

    def _lose(self, error: DeviceError) -> None:
        if self._identity is not None:  # else it is `connect` that fails
            self._comeback.begin(error)

    async def _come_back(self) -> None:
        """One attempt to reconnect."""
        try:
            async with self.bus.sequence():
                await self._as_insider(self._revive)
        except DeviceError:
            await self.bus.close()
            raise

    async def _revive(self) -> None:
        await self._open_and_identify()
        await self._check_power()
        self._silences = 0

    async def _open_and_identify(self) -> Identity:
        await self.bus.open()
        try:
            identity = await self.identify()
        except DeviceTimeoutError as error:
            text = f"{self.bus.resource}: it opens, but nobody answers; is it switched on?"
            raise DeviceConnectionError(self.name, text) from error
        except (ProtocolError, ValueError) as error:
            text = f"{self.bus.resource}: something else answers there: {error}"
            raise IdentityError(self.name, text) from error
        self._check_identity(identity)
        return identity

    def _check_identity(self, identity: Identity) -> None:
        who = f"{identity.manufacturer},{identity.model}"
        where = self.bus.resource
        if not re.search(self.model, who, re.IGNORECASE):
            text = f"{where}: expected {self.model}, but {who} answers"
            raise IdentityError(self.name, text)
        before = self._identity
        if before is not None and before.serial != identity.serial:
            text = f"{where}: serial number {identity.serial} answers, it was {before.serial}"
            raise IdentityError(self.name, text)
