"""Where one message ends and the next begins."""

import re
from typing import Protocol, runtime_checkable

__all__ = ["ANY_END", "Framer", "LineFramer", "Splitter", "TellsRest"]

ANY_END = b""
"""As `read_end`: a line ends with CR, LF or both, and empty lines mean nothing."""

LONGEST = 1 << 20
"""Bytes without an end after which a reply is taken for garbage."""


class Splitter(Protocol):
    """Cuts one connection's stream of bytes into whole replies."""

    def feed(self, data: bytes) -> list[bytes]:
        """The replies that `data` completes, framing removed.

        Raises:
            ValueError: the bytes cannot be part of any reply.
        """


@runtime_checkable
class TellsRest(Protocol):
    """A splitter that knows whether it holds a piece of a reply.

    Needed where replies carry no mark of their request: a piece that stays after a reply
    is the beginning of one that nobody has asked for.
    """

    @property
    def idle(self) -> bool:
        """Whether it holds nothing."""


class Framer(Protocol):
    """How messages are marked off on a wire."""

    def encode(self, message: bytes) -> bytes:
        """The message with its framing, ready to be sent."""

    def splitter(self) -> Splitter:
        """A splitter that has seen nothing yet."""


class LineFramer:
    """Lines of text.

    Args:
        write_end: what ends a line that we send.
        read_end: what ends a line that we receive; `ANY_END` for CR, LF or CR LF.
    """

    def __init__(self, write_end: bytes = b"\n", read_end: bytes = b"\n") -> None:
        self.write_end, self.read_end = write_end, read_end

    def encode(self, message: bytes) -> bytes:
        return message + self.write_end

    def splitter(self) -> Splitter:
        return _Lines(self.read_end)


class _Lines:
    def __init__(self, end: bytes) -> None:
        self._end = re.compile(rb"[\r\n]+" if end == ANY_END else re.escape(end))
        self._skip_empty = end == ANY_END
        self._rest = b""

    @property
    def idle(self) -> bool:
        return not self._rest

    def feed(self, data: bytes) -> list[bytes]:
        *lines, self._rest = self._end.split(self._rest + data)
        if len(self._rest) > LONGEST:
            self._rest = b""
            raise ValueError(f"{LONGEST} bytes without an end of line")
        return [line for line in lines if line] if self._skip_empty else lines
