"""The rules of one bus, without I/O: what to send, what to wait for, what to drop.

Each exchange is a generator that yields steps and is sent their results, so that the
same rules run on a thread with a blocking wire and on the event loop in virtual time:

- ``bytes``: write them
- ``float``: read; the result is what has arrived, empty after that many seconds
- ``None``: close and open the wire again
"""

import logging
from collections.abc import Callable, Generator
from typing import TypeVar

from drivers.bus.framing import Framer, TellsRest
from drivers.bus.resync import Resync, Sentinel

__all__ = ["Conversation", "GarbageError", "SilenceError", "Step"]

logger = logging.getLogger(__name__)

Step = bytes | float | None
T = TypeVar("T")
Steps = Generator[Step, bytes, T]

TRIES = 2
"""A garbled answer spoils one attempt to get back in step; the next starts clean."""


class SilenceError(Exception):
    """Nothing came in time."""


class GarbageError(Exception):
    """What came cannot be a reply."""


class Conversation:
    """What has been asked on one wire and not been answered.

    Attributes:
        dropped: late or surplus replies dropped so far.
    """

    def __init__(
        self,
        device: str,
        framer: Framer,
        resync: Resync,
        now: Callable[[], float],
        silence_s: float,
    ) -> None:
        """Begin with nothing asked.

        Args:
            device: the instrument's name, for the log.
            framer: how messages are marked off.
            resync: how to get back in step.
            now: tells the wire's time, s.
            silence_s: after so long without a byte no late reply comes any more, s.
        """
        self._device, self._framer, self._resync, self._now = device, framer, resync, now
        self._silence_s = silence_s
        self._unanswered: list[bytes] = []
        self._surplus = False
        self.dropped = 0
        self._fresh_splitter()

    def start_anew(self, *, may_bring_old: bool) -> None:
        """The wire has just been opened.

        Args:
            may_bring_old: whether replies to earlier requests, perhaps of another process,
                can still come.
        """
        self._fresh_splitter()
        self._surplus = may_bring_old
        if not may_bring_old:
            self._unanswered.clear()

    def request(self, message: bytes, timeout_s: float) -> Steps[bytes]:
        """Send a message and wait for its reply.

        Raises:
            SilenceError: no reply within `timeout_s`.
            GarbageError: the framing is broken.
        """
        yield from self._get_clean(timeout_s)
        self._unanswered.append(message)
        yield self._framer.encode(message)
        answers = self._resync.answers
        wanted = (lambda reply: answers(message, reply)) if answers else _any
        reply = yield from self._await(wanted, timeout_s)
        self._unanswered.clear()
        return reply

    def send(self, message: bytes, timeout_s: float) -> Steps[bytes]:
        """Send a message that has no reply."""
        yield from self._get_clean(timeout_s)
        yield self._framer.encode(message)
        return b""

    def _get_clean(self, timeout_s: float) -> Steps[None]:
        if self._resync.answers is not None:
            if self._holds_a_piece():  # it broke off: the next reply is not its end
                self._fresh_splitter()
            return
        stale = yield 0.0
        if stale:
            self._judge(stale)
        if not self._unanswered and not self._surplus:
            return
        if self._resync.reopens:
            yield None
        else:
            yield from self._follow_sentinels(timeout_s)
        self.start_anew(may_bring_old=False)

    def _judge(self, stale: bytes) -> None:
        """Bytes that nobody has asked for: more than the tail of an end of line?"""
        replies = self._feed(stale)
        if replies or self._holds_a_piece() or stale.strip(b"\r\n\0"):
            self._drop(len(replies))
            self._surplus = True

    def _holds_a_piece(self) -> bool:
        return self._piece is not None and not self._piece.idle

    def _fresh_splitter(self) -> None:
        self._splitter = self._framer.splitter()
        self._piece = self._splitter if isinstance(self._splitter, TellsRest) else None

    def _follow_sentinels(self, timeout_s: float) -> Steps[None]:
        for last in [False] * (TRIES - 1) + [True]:
            try:
                yield from self._one_round(timeout_s)
                return
            except SilenceError:
                if last:
                    raise

    def _one_round(self, timeout_s: float) -> Steps[None]:
        assert self._resync.sentinels is not None
        self._fresh_splitter()
        for sentinel in next(self._resync.sentinels):
            yield from self._ask(sentinel, timeout_s)

    def _ask(self, sentinel: Sentinel, timeout_s: float) -> Steps[None]:
        """Ask, and hear as many answers as were asked for; where some are lost, silence.

        The same question may have gone unanswered before, and an answer does not tell which
        of them it is: until all are heard, each is taken for the first one's.
        """
        question = b"".join(sentinel.messages)
        self._unanswered.append(question)
        for message in sentinel.messages:
            yield self._framer.encode(message)
        until_s, heard = self._now() + timeout_s, False
        while question in self._unanswered or self._holds_a_piece():
            left_s = until_s - self._now()
            if left_s <= 0:
                break
            data = yield left_s
            for reply in self._feed(data):
                self._drop(1)
                if sentinel.is_answer(reply):
                    heard = True
                    self._tick_off(question)
            if data and heard:
                until_s = self._now() + max(timeout_s, self._silence_s)
        if not heard:
            raise SilenceError

    def _tick_off(self, question: bytes) -> None:
        """It has been answered; what was asked before it will not be any more."""
        if question in self._unanswered:
            del self._unanswered[: self._unanswered.index(question) + 1]

    def _await(self, wanted: Callable[[bytes], bool], timeout_s: float) -> Steps[bytes]:
        """The first reply that is wanted; those before it are dropped."""
        until_s = self._now() + timeout_s
        while (left_s := until_s - self._now()) > 0:
            data = yield left_s
            if not data:
                continue
            replies = self._feed(data)
            for index, reply in enumerate(replies):
                if wanted(reply):
                    self._surplus = index + 1 < len(replies) or self._holds_a_piece()
                    return reply
                self._drop(1)
        raise SilenceError

    def _feed(self, data: bytes) -> list[bytes]:
        try:
            return self._splitter.feed(data)
        except ValueError as error:
            self._surplus = True
            self._fresh_splitter()
            raise GarbageError(str(error)) from error

    def _drop(self, count: int) -> None:
        self.dropped += count
        logger.debug("%s: dropped %d late or surplus replies", self._device, count)


def _any(_: bytes) -> bool:
    return True
