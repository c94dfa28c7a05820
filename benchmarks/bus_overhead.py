"""What a request costs through our bus, beside plain pyserial, pyvisa and sockets."""

import asyncio
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from time import perf_counter
from typing import NamedTuple

import numpy as np
import pyvisa
import serial
from numpy.typing import NDArray
from pyvisa.resources import MessageBasedResource

from benchmarks.harness import Figure
from drivers.bus.bus import Bus, LineFramer, Resync
from drivers.transports import open_transport

__all__ = ["overhead_figures"]

QUERY = b"MEAS:POW?"
BLOCK = 200
"""Requests of one client before the next has its turn."""
ROUNDS = 10
WARM_UP = 20
TARGETS = {"median": (50, 1.5), "p99": (99, 3.0)}
"""Percentile, and how many times the plain client's it may be; ours to set for the p99."""

Ask = Callable[[], Awaitable[object]]
Client = Callable[[], AbstractAsyncContextManager[Ask]]


class Peer(NamedTuple):
    """Where the answering process is."""

    pty: str
    port: int


def overhead_figures() -> dict[str, Figure]:
    """Median and p99 of a request and its reply, ours over theirs on the same wire."""
    figures: dict[str, Figure] = {}
    with peer_process() as peer:
        for wire, clients in contests(peer).items():
            figures |= compared(wire, asyncio.run(contest(clients)))
    return figures


def contests(peer: Peer) -> dict[str, dict[str, Client]]:
    """On each wire, ours first and then the plain clients."""
    visa = f"TCPIP::127.0.0.1::{peer.port}::SOCKET"
    return {
        "pty": {
            "ours": lambda: our_bus(peer.pty),
            "pyserial": lambda: plain_serial(peer.pty),
            "pyvisa": lambda: plain_visa(f"ASRL{peer.pty}::INSTR"),
        },
        "socket": {
            "ours": lambda: our_bus(f"tcp://127.0.0.1:{peer.port}"),
            "socket": lambda: plain_socket(peer.port),
            "pyvisa": lambda: plain_visa(visa),
        },
        "visa_socket": {
            "ours": lambda: our_bus(visa),
            "pyvisa": lambda: plain_visa(visa),
        },
    }


async def contest(clients: dict[str, Client]) -> dict[str, NDArray[np.float64]]:
    """Times of single requests, in us; the clients take turns, so that noise strikes all."""
    times_us: dict[str, list[float]] = {name: [] for name in clients}
    for _ in range(ROUNDS):
        for name, client in clients.items():
            async with client() as ask:
                times_us[name] += (await timed(ask))[WARM_UP:]
    return {name: np.array(values) for name, values in times_us.items()}


async def timed(ask: Ask) -> list[float]:
    """Times of a block of requests, in us."""
    times_us = []
    for _ in range(BLOCK + WARM_UP):
        began_s = perf_counter()
        await ask()
        times_us.append(1e6 * (perf_counter() - began_s))
    return times_us


def compared(wire: str, times_us: dict[str, NDArray[np.float64]]) -> dict[str, Figure]:
    """The figures of one wire."""
    ours_us = times_us.pop("ours")
    figures = {}
    for name, plain_us in times_us.items():
        for part, (share, target) in TARGETS.items():
            ours, plain = np.percentile(ours_us, share), np.percentile(plain_us, share)
            versus = f"{ours:.0f} us by our bus, {plain:.0f} us by plain {name}"
            figures[f"{wire}_{part}_over_{name}"] = Figure(
                float(ours / plain), "times", versus, target, "lower"
            )
    return figures


@contextmanager
def peer_process() -> Iterator[Peer]:
    """The answering process, until the block ends."""
    command = [sys.executable, "-m", "benchmarks.bus_peer"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            pty, port = process.stdout.readline().split()
            yield Peer(pty, int(port))
        finally:
            process.stdin.close()


@asynccontextmanager
async def our_bus(address: str) -> AsyncIterator[Ask]:
    """Through `drivers.bus.bus`, as drivers do."""
    bus = Bus("it", open_transport(address), LineFramer(), resync_for(address))
    await bus.open()
    try:
        yield lambda: bus.request(QUERY)
    finally:
        await bus.close()


def resync_for(address: str) -> Resync:
    """As SCPI drivers choose it."""
    return Resync.scpi() if address.startswith("/dev/") else Resync.reopen()


@asynccontextmanager
async def plain_serial(path: str) -> AsyncIterator[Ask]:
    """pyserial, blocking."""
    with serial.Serial(path, 115200, timeout=1.0, exclusive=True) as port:

        async def ask() -> bytes:
            port.write(QUERY + b"\n")
            return port.read_until(b"\n")

        yield ask


@asynccontextmanager
async def plain_visa(resource: str) -> AsyncIterator[Ask]:
    """pyvisa on pyvisa-py, blocking."""
    manager = pyvisa.ResourceManager("@py")
    session = manager.open_resource(resource)
    assert isinstance(session, MessageBasedResource)
    session.read_termination = session.write_termination = "\n"
    query = QUERY.decode()
    try:

        async def ask() -> str:
            return session.query(query)

        yield ask
    finally:
        session.close()


@asynccontextmanager
async def plain_socket(port: int) -> AsyncIterator[Ask]:
    """A blocking socket and its file."""
    with socket.create_connection(("127.0.0.1", port), 1.0) as link:
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with link.makefile("rb") as replies:

            async def ask() -> bytes:
                link.sendall(QUERY + b"\n")
                return replies.readline()

            yield ask
