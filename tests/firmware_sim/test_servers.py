"""Servers on real ptys and sockets: who gets in, what comes through, what happens then."""

import os
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
import serial

from firmware_sim.faults import Fault, FaultKind
from firmware_sim.instrument import Reply, SimulatedInstrument, Wiring
from firmware_sim.servers import (
    Endpoint,
    HislipEndpoint,
    PtyEndpoint,
    Server,
    TcpEndpoint,
    Vxi11Endpoint,
)
from lumina.errors import DeviceConnectionError

PATIENCE_S = 5.0


class Counter(SimulatedInstrument):
    """Answers each line with how many there have been since power-up."""

    wiring = Wiring(serial=True)

    def __init__(self) -> None:
        self.count, self.goodbyes, self._input = 0, 0, b""

    def receive(self, data: bytes) -> list[Reply]:
        *lines, self._input = (self._input + data).split(b"\n")
        replies = []
        for _ in lines:
            self.count += 1
            replies.append(Reply(b"%d\n" % self.count))
        return replies

    def power_cycle(self) -> None:
        self.count, self._input = 0, b""

    def disconnected(self) -> None:
        self.goodbyes, self._input = self.goodbyes + 1, b""


@pytest.fixture(params=["pty", "tcp"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    tcp = request.param == "tcp"
    endpoint: Endpoint = TcpEndpoint("counter", "127.0.0.1") if tcp else PtyEndpoint("counter")
    server = Server("counter", Counter(), [endpoint])
    server.start()
    yield server
    server.stop()


class Client:
    """Whatever the resource is: bytes there and back, with patience."""

    def __init__(self, resource: str) -> None:
        self._wire: serial.Serial | socket.socket
        if resource.startswith("tcp://"):
            host, port = resource.removeprefix("tcp://").split(":")
            self._wire = socket.create_connection((host, int(port)), PATIENCE_S)
        else:
            self._wire = serial.Serial(resource, timeout=PATIENCE_S)

    def send(self, data: bytes) -> None:
        if isinstance(self._wire, socket.socket):
            self._wire.sendall(data)
        else:
            self._wire.write(data)

    def line(self, patience_s: float = PATIENCE_S) -> bytes:
        """A line, or what there is of it when patience or the link ends."""
        line = b""
        if isinstance(self._wire, serial.Serial):
            self._wire.timeout = patience_s
            return bytes(self._wire.readline())
        self._wire.settimeout(patience_s)
        while not line.endswith(b"\n"):
            try:
                piece = self._wire.recv(1)
            except (TimeoutError, ConnectionError):
                return line
            if not piece:
                return line
            line += piece
        return line

    def ask(self) -> bytes:
        self.send(b"?\n")
        return self.line()

    def talk_for_ever(self) -> None:
        if isinstance(self._wire, socket.socket):
            self._wire.settimeout(0.3)
        else:
            self._wire.write_timeout = 0.3
        while True:
            self.send(b"\n" * 65536)

    def close(self) -> None:
        self._wire.close()


def hear_it_hang_up(client: Client) -> None:
    for _ in range(10_000):
        try:
            if not client.ask():
                return
        except (OSError, serial.SerialException):
            return
    pytest.fail("it goes on answering")


def reach(resource: str) -> Client:
    """Connect to an instrument that is on its way back."""
    for _ in range(200):
        try:
            return Client(resource)
        except (OSError, serial.SerialException):
            with socket.socket() as pause:  # a wait without a clock
                pause.settimeout(0.02)
                pause.bind(("127.0.0.1", 0))
                pause.listen()
                with pytest.raises(TimeoutError):
                    pause.accept()
    raise AssertionError(f"{resource} does not come back")


def test_bytes_come_through_and_clients_come_and_go(server: Server) -> None:
    for number in (b"1\n", b"2\n"):
        client = Client(server.resources[0])
        assert client.ask() == number
        client.close()


def test_half_a_message_waits_for_its_end(server: Server) -> None:
    client = Client(server.resources[0])
    client.send(b"no end")
    assert client.line(0.1) == b""
    client.send(b"\n")
    assert client.line() == b"1\n"
    client.close()


def test_a_late_reply_comes_late(server: Server) -> None:
    client = Client(server.resources[0])
    server.inject(Fault(FaultKind.LATE, 0.3))
    client.send(b"?\n")
    assert client.line(0.1) == b""
    assert client.line() == b"1\n"
    client.close()


@pytest.mark.parametrize(
    ("kind", "answers"),
    [
        (FaultKind.DROPPED, [b"2\n"]),
        (FaultKind.DOUBLED, [b"1\n", b"1\n", b"2\n"]),
        (FaultKind.TRUNCATED, [b"12\n"]),
    ],
)
def test_a_reply_is_lost_doubled_or_cut(
    server: Server, kind: FaultKind, answers: list[bytes]
) -> None:
    client = Client(server.resources[0])
    server.inject(Fault(kind))
    client.send(b"?\n?\n")
    assert [client.line() for _ in answers] == answers
    client.close()


@pytest.mark.parametrize(
    ("kind", "number"), [(FaultKind.DISCONNECT, b"2\n"), (FaultKind.POWER_CYCLE, b"1\n")]
)
def test_what_goes_away_comes_back_at_the_same_address(
    server: Server, kind: FaultKind, number: bytes
) -> None:
    resource = server.resources[0]
    client = Client(resource)
    assert client.ask() == b"1\n"
    server.inject(Fault(kind, 0.2))
    hear_it_hang_up(client)
    client.close()
    again = reach(resource)
    assert again.ask() == number
    again.close()


def test_a_second_client_is_hung_up_on_and_the_first_does_not_notice() -> None:
    server = Server("counter", Counter(), [TcpEndpoint("counter", "127.0.0.1")])
    server.start()
    first = Client(server.resources[0])
    assert first.ask() == b"1\n"
    second = Client(server.resources[0])
    assert second.line() == b""
    assert first.ask() == b"2\n"
    first.close()
    second.close()
    third = Client(server.resources[0])
    assert third.ask() == b"3\n"
    third.close()
    server.stop()


@pytest.mark.parametrize("kind", [TcpEndpoint, Vxi11Endpoint])
def test_who_comes_before_the_last_ones_leave_was_read_is_let_in(
    kind: type[TcpEndpoint | Vxi11Endpoint],
) -> None:
    endpoint = kind("counter", "127.0.0.1")
    endpoint.open()
    (listener,) = endpoint.watched()
    first = socket.create_connection(("127.0.0.1", endpoint.port), PATIENCE_S)
    endpoint.ready([listener])
    first.sendall(b"not read any more")
    first.close()
    with socket.create_connection(("127.0.0.1", endpoint.port), PATIENCE_S) as second:
        endpoint.ready([listener])
        for _ in range(3):
            endpoint.ready(endpoint.watched())
        second.settimeout(0.05)
        with pytest.raises(TimeoutError):
            second.recv(1)
    endpoint.close()


def test_a_port_in_use_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        server = Server("counter", Counter(), [TcpEndpoint("counter", "127.0.0.1", port)])
        with pytest.raises(DeviceConnectionError, match=rf"counter: .*127.0.0.1:{port}.*another"):
            server.start()


def test_a_serial_line_takes_its_time() -> None:
    server = Server("counter", Counter(), [PtyEndpoint("counter")], baud=100)
    server.start()
    client = Client(server.resources[0])
    client.send(b"?\n")
    assert client.line(0.2) == b"", "two bytes there and two back take 0.4 s"
    assert client.line() == b"1\n"
    client.close()
    server.stop()


def test_a_client_that_never_reads_harms_nobody(server: Server) -> None:
    deaf = Client(server.resources[0])
    with pytest.raises((OSError, serial.SerialException)):
        deaf.talk_for_ever()
    deaf.close()
    server.stop()


def test_nothing_is_left_behind() -> None:
    before = len(os.listdir("/proc/self/fd"))
    endpoint = PtyEndpoint("counter")
    server = Server("counter", Counter(), [endpoint])
    server.start()
    link = Path(server.resources[0])
    assert link.exists()
    server.stop()
    server.stop()
    assert not link.parent.exists()
    assert len(os.listdir("/proc/self/fd")) == before


HEADER = struct.Struct(">2sBBIQ")


class Hislip:
    """A session, message by message."""

    def __init__(self, port: int) -> None:
        self.sync = socket.create_connection(("127.0.0.1", port), PATIENCE_S)
        self.tell(self.sync, 0, 0x0100_0000, b"hislip0")
        kind, parameter, _ = self.hear(self.sync)
        assert (kind, parameter >> 16) == (1, 0x0100)
        self.side = socket.create_connection(("127.0.0.1", port), PATIENCE_S)
        self.tell(self.side, 17, parameter & 0xFFFF)
        assert self.hear(self.side)[0] == 18

    @staticmethod
    def tell(wire: socket.socket, kind: int, parameter: int = 0, payload: bytes = b"") -> None:
        wire.sendall(HEADER.pack(b"HS", kind, 0, parameter, len(payload)) + payload)

    @staticmethod
    def hear(wire: socket.socket) -> tuple[int, int, bytes]:
        header = wire.recv(HEADER.size, socket.MSG_WAITALL)
        _, kind, _, parameter, size = HEADER.unpack(header)
        return kind, parameter, wire.recv(size, socket.MSG_WAITALL) if size else b""

    def close(self) -> None:
        self.sync.close()
        self.side.close()


@pytest.fixture
def hislip() -> Iterator[tuple[Server, HislipEndpoint]]:
    endpoint = HislipEndpoint("counter", "127.0.0.1", status=lambda: 68)
    server = Server("counter", Counter(), [endpoint])
    server.start()
    yield server, endpoint
    server.stop()


def test_hislip_answers_with_the_number_of_the_message(
    hislip: tuple[Server, HislipEndpoint],
) -> None:
    client = Hislip(hislip[1].port)
    client.tell(client.sync, 6, 0xFFFFFF00, b"?")
    client.tell(client.sync, 7, 0xFFFFFF02, b"\n")
    assert client.hear(client.sync) == (7, 0xFFFFFF02, b"1\n")
    client.tell(client.sync, 7, 0xFFFFFF04, b"no terminator")
    assert client.hear(client.sync) == (7, 0xFFFFFF04, b"2\n")
    client.close()


def test_hislip_side_channel_tells_status_and_clears(
    hislip: tuple[Server, HislipEndpoint],
) -> None:
    server, endpoint = hislip
    client = Hislip(endpoint.port)
    client.tell(client.side, 21)
    header = client.side.recv(HEADER.size, socket.MSG_WAITALL)
    assert HEADER.unpack(header)[1:3] == (22, 68)
    server.inject(Fault(FaultKind.LATE, 60.0))
    client.tell(client.sync, 7, 2, b"?\n")
    for _ in range(2):  # two turns of the server later it has worked on the message
        client.tell(client.side, 21)
        client.hear(client.side)
    client.tell(client.side, 19)
    assert client.hear(client.side)[0] == 23
    client.tell(client.sync, 8)
    assert client.hear(client.sync)[0] == 9
    client.tell(client.sync, 7, 4, b"?\n")
    assert client.hear(client.sync) == (7, 4, b"2\n"), "not the reply that was late"
    client.close()


def test_hislip_takes_one_session_and_no_strangers(hislip: tuple[Server, HislipEndpoint]) -> None:
    endpoint = hislip[1]
    client = Hislip(endpoint.port)
    with socket.create_connection(("127.0.0.1", endpoint.port), PATIENCE_S) as second:
        Hislip.tell(second, 0)
        assert Hislip.hear(second)[0] == 2
    with socket.create_connection(("127.0.0.1", endpoint.port), PATIENCE_S) as stranger:
        stranger.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert Hislip.hear(stranger)[0] == 2
    client.tell(client.sync, 7, 2, b"?\n")
    assert client.hear(client.sync)[2] == b"1\n"
    client.close()
    again = Hislip(endpoint.port)
    again.close()
