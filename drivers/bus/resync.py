"""How a bus gets back in step after a reply that it no longer wants may still come.

On a plain line of requests and replies nothing in a reply says which request it
answers. So after a time-out or a cancelled request, before anything else is asked, the
bus gets clean in one of four ways; the protocol decides which.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import cycle

__all__ = ["Resync", "Sentinel", "scpi_sentinel"]

Is = Callable[[bytes], bool]


@dataclass(frozen=True)
class Sentinel:
    """A question whose answer cannot be taken for another's.

    Attributes:
        messages: what to send, in order; only the last is answered.
        is_answer: whether a reply is this question's answer.
    """

    messages: tuple[bytes, ...]
    is_answer: Is


@dataclass(frozen=True)
class Resync:
    """One way back in step; build it with the class methods."""

    reopens: bool = False
    sentinels: Iterator[tuple[Sentinel, ...]] | None = None
    answers: Callable[[bytes, bytes], bool] | None = None

    @classmethod
    def reopen(cls) -> "Resync":
        """A new connection; only for wires on which it forgets the old one's bytes."""
        return cls(reopens=True)

    @classmethod
    def sentinel(cls, query: bytes, is_answer: Is) -> "Resync":
        """Ask `query` and drop everything up to its answer; replies come in order.

        Where `query` itself has gone unanswered before, one answer for each is waited for,
        or, where some are lost, a silence as long as the bus's own time-out. So a reply
        reaches the wrong caller only if it is later than that and another one was lost.
        """
        return cls(sentinels=cycle([(Sentinel((query,), is_answer),)]))

    @classmethod
    def scpi(cls) -> "Resync":
        """Write a number into the event status enable register and ask for it back.

        Twice, with different numbers: the one reply that can be late may equal the
        first by chance, and then the first's own answer is not the second number.
        """
        return cls(sentinels=_scpi_rounds())

    @classmethod
    def match(cls, is_answer_to: Callable[[bytes, bytes], bool]) -> "Resync":
        """Replies carry their request's mark: drop those that answer another request.

        Args:
            is_answer_to: called with a request and a reply, both without framing.
        """
        return cls(answers=is_answer_to)


def scpi_sentinel(number: int) -> Sentinel:
    """Set and ask back ``*ESE``; some instruments answer with a sign."""
    return Sentinel(
        (b"*ESE %d" % number, b"*ESE?"), lambda reply: reply.strip().lstrip(b"+") == b"%d" % number
    )


def _scpi_rounds() -> Iterator[tuple[Sentinel, ...]]:
    # 0, 1 and small counts are common answers: stay above them. Bit 7 stays clear of 255.
    numbers = cycle(range(101, 251))
    while True:
        yield scpi_sentinel(next(numbers)), scpi_sentinel(next(numbers))
