"""How a lost connection comes back: tried again and again, ever slower, told once."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable

from lumina.errors import DeviceError, IdentityError

__all__ = ["BACKOFF_S", "Comeback"]

logger = logging.getLogger(__name__)

BACKOFF_S = (0.1, 5.0)
"""Time before the first attempt, and between later ones at most, s."""


class Comeback:
    """Watches one connection.

    Attributes:
        lost: why there is no connection; None while there is one.
        times: how often it has been lost.
    """

    def __init__(
        self, device: str, attempt: Callable[[], Awaitable[None]], backoff_s: tuple[float, float]
    ) -> None:
        """A connection that stands.

        Args:
            device: the instrument's name, for the log.
            attempt: connects anew and makes sure that it is the same instrument; cleans up
                after itself when it raises a DeviceError.
            backoff_s: as BACKOFF_S.
        """
        self.lost: DeviceError | None = None
        self.times = 0
        self._device, self._attempt, self._backoff_s = device, attempt, backoff_s
        self._task: asyncio.Task[None] | None = None

    def begin(self, error: DeviceError) -> None:
        """The connection is lost: from now on a task of its own tries to get it back."""
        if self.lost is None and self._task is None:
            self.lost, self.times = error, self.times + 1
            logger.warning("%s; trying to reconnect", error)
            self._task = asyncio.create_task(self._try(), name=f"comeback-{self._device}")

    async def end(self) -> None:
        """Try no more; idempotent."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        self.lost = None

    async def _try(self) -> None:
        delay_s, longest_s = self._backoff_s
        while self.lost is not None:
            await asyncio.sleep(delay_s)
            delay_s = min(2.0 * delay_s, longest_s)
            try:
                await self._attempt()
            except DeviceError as error:
                self._tell_if_new(error)
            else:
                self.lost = None
        logger.warning("%s: back", self._device)
        self._task = None

    def _tell_if_new(self, error: DeviceError) -> None:
        """A log line when the trouble is another than before, not one an attempt."""
        if isinstance(error, IdentityError) and not isinstance(self.lost, IdentityError):
            logger.warning("%s", error)
            self.lost = error
