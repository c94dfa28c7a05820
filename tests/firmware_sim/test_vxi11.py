"""VXI-11's core channel, call by call; pyvisa-py is tried in tests/drivers."""

import contextlib
import socket
import struct
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_sim.instrument import Reply, SimulatedInstrument, Wiring
from firmware_sim.servers import Server, Vxi11Endpoint
from firmware_sim.servers.rpc import Call, Records, reply

PATIENCE_S = 10.0
CORE, VERSION = 0x0607AF, 1
CREATE_LINK, WRITE, READ, STATUS, CLEAR, DESTROY_LINK = 10, 11, 12, 13, 15, 23
END, AT_CHARACTER = 8, 128


class Echo(SimulatedInstrument):
    """Says what it is told."""

    wiring = Wiring(serial=False, vxi11=True)

    def receive(self, data: bytes) -> list[Reply]:
        return [Reply(data)]

    def power_cycle(self) -> None:
        """It remembers nothing."""


def string(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data + bytes(-len(data) % 4)


class Client:
    """Calls, and the words that answer them."""

    def __init__(self, port: int) -> None:
        self.wire = socket.create_connection(("127.0.0.1", port), PATIENCE_S)
        self._number = 0

    def tell(self, procedure: int, *words: int, data: bytes = b"", program: int = CORE) -> None:
        self._number += 1
        head = [self._number, 0, 2, program, VERSION, procedure, 0, 0, 0, 0, *words]
        body = struct.pack(f">{len(head)}I", *head) + data
        self.wire.sendall(struct.pack(">I", 1 << 31 | len(body)) + body)

    def hear(self) -> tuple[int, bytes]:
        """RPC's outcome, and the results."""
        (head,) = struct.unpack(">I", self.wire.recv(4, socket.MSG_WAITALL))
        body = self.wire.recv(head & ~(1 << 31), socket.MSG_WAITALL)
        number, kind, accepted, _, _, outcome = struct.unpack_from(">6I", body)
        assert (number, kind, accepted) == (self._number, 1, 0)
        return outcome, body[24:]

    def call(self, procedure: int, *words: int, data: bytes = b"") -> tuple[int, ...]:
        self.tell(procedure, *words, data=data)
        outcome, results = self.hear()
        assert outcome == 0
        return struct.unpack(f">{len(results) // 4}I", results)

    def link(self) -> int:
        error, link, _, _ = self.call(CREATE_LINK, 7, 0, 0, data=string(b"inst0"))
        assert error == 0
        return link

    def write(self, link: int, data: bytes, flags: int = END) -> tuple[int, ...]:
        return self.call(WRITE, link, 1000, 0, flags, data=string(data))

    def read(
        self, link: int, most: int = 1000, timeout_ms: int = 5000, flags: int = 0, stop: int = 0
    ) -> tuple[int, int, bytes]:
        """Error, reason and data."""
        self.tell(READ, link, most, timeout_ms, 0, flags, stop)
        outcome, results = self.hear()
        assert outcome == 0
        error, reason, size = struct.unpack_from(">3I", results)
        return error, reason, results[12 : 12 + size]


@pytest.fixture
def endpoint() -> Iterator[Vxi11Endpoint]:
    endpoint = Vxi11Endpoint("echo", "127.0.0.1", status=lambda: 68)
    server = Server("echo", Echo(), [endpoint])
    server.start()
    yield endpoint
    server.stop()


@pytest.fixture
def client(endpoint: Vxi11Endpoint) -> Iterator[Client]:
    client = Client(endpoint.port)
    with contextlib.closing(client.wire):
        yield client


def test_a_message_is_told_in_pieces_and_read_in_pieces(client: Client) -> None:
    link = client.link()
    assert client.write(link, b"ab;", flags=0) == (0, 3)
    assert client.write(link, b"cd") == (0, 2)
    assert client.read(link, most=2) == (0, 1, b"ab"), "all that was asked for"
    assert client.read(link, flags=AT_CHARACTER, stop=ord(";")) == (0, 2, b";")
    assert client.read(link) == (0, 4, b"cd\n"), "the end; its terminator was left out"


def test_a_read_waits_for_its_time(client: Client) -> None:
    assert client.read(client.link(), timeout_ms=20) == (15, 0, b"")


def test_status_and_clear(client: Client) -> None:
    link = client.link()
    assert client.call(STATUS, link, 0, 0, 0) == (0, 68)
    client.write(link, b"old")
    assert client.call(CLEAR, link, 0, 0, 0) == (0,)
    client.write(link, b"new")
    assert client.read(link)[2] == b"new\n"


def test_there_is_one_link_and_one_client(client: Client, endpoint: Vxi11Endpoint) -> None:
    assert client.read(1) == (4, 0, b""), "no such link yet"
    link = client.link()
    assert client.call(CREATE_LINK, 7, 0, 0, data=string(b"inst0"))[0] == 9
    assert client.write(link + 1, b"x") == (4, 0)
    second = Client(endpoint.port)
    with contextlib.closing(second.wire):
        assert second.wire.recv(1) == b"", "hung up on"
    assert client.call(DESTROY_LINK, link) == (0,)
    assert client.call(STATUS, link, 0, 0, 0)[0] == 4
    client.link()


def test_strangers_are_told_so(client: Client) -> None:
    client.tell(3, program=100000)
    assert client.hear()[0] == 1, "a port mapper is not here"
    client.tell(99)
    assert client.hear()[0] == 3
    client.tell(WRITE, 1, 0)
    assert client.hear()[0] == 4
    client.wire.sendall(b"GET / HTTP/1.1\r\n\r\n")
    assert client.wire.recv(1) == b""


@given(st.lists(st.binary(max_size=40)))
def test_any_bytes_are_records_or_too_long(pieces: list[bytes]) -> None:
    records = Records()
    with contextlib.suppress(ValueError):
        for piece in pieces:
            for record in records.feed(piece):
                Call.parse(record)


@given(st.lists(st.binary(max_size=30), min_size=1, max_size=5), st.integers(1, 7))
def test_records_come_through_however_they_are_cut(bodies: list[bytes], size: int) -> None:
    sent = b"".join(struct.pack(">I", 1 << 31 | len(body)) + body for body in bodies)
    records = Records()
    heard: list[bytes] = []
    for at in range(0, len(sent), size):
        heard += records.feed(sent[at : at + size])
    assert heard == bodies


def test_a_record_may_come_in_fragments() -> None:
    fragments = struct.pack(">I", 2) + b"ab" + struct.pack(">I", 1 << 31 | 1) + b"c"
    assert list(Records().feed(fragments)) == [b"abc"]


def test_a_golden_reply() -> None:
    assert reply(7, 0, 4, data=b"1\n") == bytes.fromhex(
        "80000028"  # the last fragment, 40 bytes
        "00000007 00000001 00000000"  # call 7, a reply, accepted
        "00000000 00000000 00000000"  # no verifier, success
        "00000000 00000004 00000002 310a0000"  # no error, ended, two bytes
    )
