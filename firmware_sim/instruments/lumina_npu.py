"""A simulated NPU board: it owns the time of its plant, and exchanges frames over a wire.

Unlike the other simulated instruments it is not asked now and then: a compiled thread runs
the plant and the wire each millisecond (`firmware_sim.npu_loop`). A second thread, in
Python, answers requests and lets clients in; nothing that it does can delay the first.
"""

import os
import select
import threading
from math import pi
from typing import Literal
from zlib import crc32

import numpy as np

from drivers.options import DriverOptions
from drivers.protocols import npu
from drivers.protocols.npu import REPLY, BadFrameError, ErrorCode, Kind
from drivers.protocols.npu_ends import PumpEnds
from firmware_sim.npu_loop import board_arrays, run_board
from firmware_sim.servers import Endpoint, PtyEndpoint, TcpEndpoint
from lumina import __version__
from lumina.compiled import entry_point
from lumina.errors import MatrixError
from lumina.privileges import raise_privileges
from twin.plant import Plant

__all__ = ["LuminaNpu"]

STOP_TIMEOUT_S = 5.0


class LuminaNpu:
    """One board about one plant; while it is served, nobody else may step that plant.

    Attributes:
        resource: where clients find it, while it is served.
    """

    ticks_plant = True

    def __init__(self, name: str, options: DriverOptions, plant: Plant) -> None:
        """Put a board together; its time starts when it is served.

        Args:
            name: the instrument's name.
            options: a board tells what it has, there is nothing to set.
            plant: what it is made of.
        """
        del options
        self.name = name
        self.resource = ""
        self._plant = plant
        self._boot = int.from_bytes(os.urandom(4), "little")
        self._ends = PumpEnds()
        self._arrays = board_arrays(plant, self._ends.pump)
        self._endpoint: Endpoint | None = None
        self._listener_fd = -1
        self._stopping, self._closed = threading.Event(), False
        self._threads = (
            threading.Thread(target=self._live, name=f"board-{name}", daemon=True),
            threading.Thread(target=self._attend, name=f"requests-{name}", daemon=True),
        )
        self._answers = {
            Kind.IDENTIFY: self._identify,
            Kind.STREAM: self._stream,
            Kind.MULTIPLY: self._multiply,
            Kind.RESET: self._reset,
            Kind.STATUS: self._status,
        }

    def serve(self, kind: Literal["pty", "tcp"], *, host: str = "127.0.0.1", port: int = 0) -> str:
        """Start the board's time and let a client in; returns the resource.

        Args:
            kind: what to be found on.
            host: the interface to listen on.
            port: TCP port; 0 takes any free one.

        Raises:
            DeviceConnectionError: the port is taken.
        """
        endpoint = PtyEndpoint(self.name) if kind == "pty" else TcpEndpoint(self.name, host, port)
        endpoint.open()
        self._endpoint, self.resource = endpoint, endpoint.resource
        (fd,) = endpoint.watched()
        if kind == "pty":
            self._ends.attach(fd)
        else:
            self._listener_fd = fd
        self._compile()
        for thread in self._threads:
            thread.start()
        return self.resource

    def stop(self) -> None:
        """Power off: both threads end, the wire is gone; idempotent."""
        if self._endpoint is None or self._closed:
            return
        self._closed = True
        self._stopping.set()
        self._ends.pump.state["stop"] = 1
        self._ends.ring()
        os.eventfd_write(self._ends.notify_fd, 1)
        for thread in self._threads:
            thread.join(STOP_TIMEOUT_S)
        self._endpoint.close()
        self._ends.close()

    def _compile(self) -> None:
        """Have all machine code made before anybody waits for an answer."""
        self._run = entry_point(run_board, self._arrays)
        operations = self._plant.arrays.state["operations"].copy()
        self._plant.multiply(np.zeros((self._plant.architecture.ports, 1), complex))
        self._plant.arrays.state["operations"] = operations

    def _live(self) -> None:
        raise_privileges()
        self._run(self._arrays)

    # The second thread

    def _attend(self) -> None:
        watched = [self._ends.notify_fd]
        if self._listener_fd >= 0:
            watched.append(self._listener_fd)
        while not self._stopping.is_set():
            readable, _, _ = select.select(watched, [], [])
            if self._listener_fd in readable:
                self._let_in()
            for message in self._ends.fetch():
                self._ends.post(self._reply(message))
            if self._ends.gone:
                self._let_go()

    def _let_in(self) -> None:
        """A client comes; one that is not the first is hung up on."""
        assert self._endpoint is not None
        self._endpoint.ready([self._listener_fd])
        client = self._client_fd()
        if client >= 0 and self._ends.pump.state["fd"][0] < 0:
            self._ends.attach(client)

    def _let_go(self) -> None:
        """The client has gone: hang up, so that another may come."""
        assert self._endpoint is not None
        self._ends.pump.state["gone"] = 0
        client = self._client_fd()
        if client >= 0:
            self._endpoint.ready([client])

    def _client_fd(self) -> int:
        assert self._endpoint is not None
        return next((fd for fd in self._endpoint.watched() if fd != self._listener_fd), -1)

    # Requests

    def _reply(self, message: bytes) -> bytes:
        """The answer to a request, header and payload."""
        request = npu.parse(message)
        try:
            kind, payload = request.kind | REPLY, self._answers[Kind(request.kind)](request.payload)
        except (ValueError, KeyError) as error:
            kind, payload = Kind.ERROR, npu.pack_error(*_refusal(request.kind, error))
        return npu.body(kind, request.sequence, request.time_ns, payload)

    def _identify(self, payload: bytes) -> bytes:
        _require(not payload)
        record = np.zeros(1, npu.BOARD)
        chip, receivers = self._plant.config.chip, self._plant.config.receivers
        mesh, heater = self._plant.architecture, chip.heater
        fields = {
            "manufacturer": b"Lumina",
            "model": f"NPU-{mesh.ports}".encode(),
            "serial": f"{crc32(self._plant.chip.phi0_rad.tobytes()):08X}".encode(),
            "firmware": f"sim-{__version__}".encode(),
            "boot": self._boot,
            "ports": mesh.ports,
            "heaters": mesh.shifters,
            "interferometers": mesh.interferometers,
            "wavelength_channels": 1,
            "rails": len(self._plant.config.rails),
            "mesh": npu.KINDS.index(mesh.kind),
            "detection": npu.DETECTIONS.index(receivers.detection),
            "heater_bits": heater.bits,
            "converter_bits": receivers.bits,
            "thermal_control": 1,
            "max_drive_v": heater.max_drive_v,
            "nominal_phase_rad_per_v2": pi / (heater.pi_power_w * heater.resistance_ohm),
            "vector_rate_hz": receivers.vector_rate_hz,
        }
        for name, value in fields.items():
            record[name] = value
        return record.tobytes()

    def _stream(self, payload: bytes) -> bytes:
        _require(payload in (b"\0", b"\1"))
        self._arrays.state["quiet_ticks"] = 0
        self._arrays.state["streaming"] = payload[0]
        return b""

    def _multiply(self, payload: bytes) -> bytes:
        fields, coding = npu.unpack_vectors(payload)
        return npu.pack_vectors(self._plant.multiply(fields), coding)

    def _reset(self, payload: bytes) -> bytes:
        _require(not payload)
        self._arrays.state["reset"] = 1
        return b""

    def _status(self, payload: bytes) -> bytes:
        _require(not payload)
        state = self._arrays.state[0]
        record = np.zeros(1, npu.STATUS)
        for name in ("ticks", "late", "actuators", "dropped", "watchdog_trips", "safe"):
            record[name] = state[name]
        record["tick"] = self._plant.tick
        record["corrupt"] = self._ends.pump.state["corrupt"]
        trips = self._arrays.round_trips
        cumulative = np.cumsum(trips) / max(int(trips.sum()), 1)
        for name, share in (("round_trip_p50_us", 0.5), ("round_trip_p99_us", 0.99)):
            record[name] = np.searchsorted(cumulative, share) + 1.0 if trips.any() else 0.0
        record["round_trip_worst_us"] = state["worst_trip_ns"] / 1000
        return record.tobytes()


def _require(well_formed: bool) -> None:
    if not well_formed:
        raise BadFrameError("the payload is not what this request takes")


def _refusal(kind: int, error: Exception) -> tuple[ErrorCode, str]:
    """What to tell of an error."""
    if isinstance(error, BadFrameError):
        return ErrorCode.MALFORMED, str(error)
    if isinstance(error, MatrixError):
        return ErrorCode.REFUSED, str(error)
    return ErrorCode.UNKNOWN, f"there is no request {kind}"
