"""The simulated NPU board, by bytes: what it answers, what it refuses, when it goes safe."""

import os
import select
import socket
import struct
import time
from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
import pytest

from drivers.instruments.lumina_npu import LuminaNpu as Driver
from drivers.options import ProcessorOptions
from drivers.protocols import npu, npu_light
from drivers.protocols.npu import REPLY, ErrorCode, Kind, Message, Splitter
from drivers.protocols.npu_light import Coding, Standing
from drivers.registry import Mounting
from firmware_sim.instruments.lumina_npu import LuminaNpu
from lumina.errors import DeviceConnectionError
from lumina.frames import (
    ACTUATOR_HEADER,
    HEATERS_ENABLED,
    HELD_SAFE,
    LOCKED_OUT,
    SAFE_STATE,
    SENSOR_HEADER,
    ActuatorFrame,
)
from tests.npu_world import PLANT
from twin.plant import Plant

TIMEOUT_S = 5.0


class Host:
    """Speaks to a board as a client does, byte by byte."""

    def __init__(self, resource: str) -> None:
        self._socket: socket.socket | None = None
        if resource.startswith("tcp://"):
            host, port = resource.removeprefix("tcp://").split(":")
            self._socket = socket.create_connection((host, int(port)), TIMEOUT_S)
            self.fd = self._socket.fileno()
        else:
            self.fd = os.open(resource, os.O_RDWR | os.O_NOCTTY)
        self._splitter = Splitter()
        self._found: list[Message] = []
        self._sequence = 0

    @property
    def corrupt(self) -> int:
        """Pieces so far that were no messages."""
        return self._splitter.corrupt

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
        else:
            os.close(self.fd)

    def send(self, kind: int, payload: bytes = b"") -> int:
        self._sequence += 1
        os.write(self.fd, npu.encode(Message(kind, self._sequence, 0, payload)))
        return self._sequence

    def ask(self, kind: int, payload: bytes = b"") -> Message:
        sequence = self.send(kind, payload)
        while True:
            message = self.next()
            if message.kind != Kind.SENSOR:
                assert message.sequence == sequence
                return message

    def next(self) -> Message:
        while not self._found:
            assert select.select([self.fd], [], [], TIMEOUT_S)[0], "the board is silent"
            self._found = self._splitter.feed(os.read(self.fd, 65536))
        return self._found.pop(0)

    def status(self) -> np.void:
        record: np.void = np.frombuffer(self.ask(Kind.STATUS).payload, npu.STATUS)[0]
        return record


def build() -> tuple[LuminaNpu, Plant]:
    plant = Plant(PLANT, seed=1, chip_seed=2)
    plant.inputs["laser_on"] = 1.0
    return LuminaNpu("npu", ProcessorOptions(), plant), plant


@pytest.fixture
def on_tcp() -> Iterator[tuple[Host, Plant]]:
    yield from served("tcp")


@pytest.fixture(params=["pty", "tcp"])
def on_both(request: pytest.FixtureRequest) -> Iterator[tuple[Host, Plant]]:
    yield from served(request.param)


def served(kind: Literal["pty", "tcp"]) -> Iterator[tuple[Host, Plant]]:
    board, plant = build()
    host = Host(board.serve(kind))
    try:
        yield host, plant
    finally:
        host.close()
        board.stop()
        board.stop()


def drive(plant: Plant, host: Host, tick: int, **head: Any) -> None:
    """Send an actuator frame with all heaters at full code."""
    frame = ActuatorFrame.zeros(plant.architecture.shifters)
    frame.head["tick"] = tick
    for name, value in head.items():
        frame.head[name] = value
    frame.heater_code[:] = 65535
    host.send(Kind.ACTUATOR, frame.head.tobytes() + frame.heater_code.tobytes())


def wait_until(condition: Any) -> None:
    for _ in range(int(TIMEOUT_S / 0.005)):
        if condition():
            return
        time.sleep(0.005)  # noqa: TID251 - the board under test lives in real time
    pytest.fail("waited in vain")


def test_it_says_who_it_is(on_both: tuple[Host, Plant]) -> None:
    host, plant = on_both
    reply = host.ask(Kind.IDENTIFY)
    assert reply.kind == Kind.IDENTIFY | REPLY
    record = np.frombuffer(reply.payload, npu.BOARD)[0]
    assert (record["manufacturer"], record["model"]) == (b"Lumina", b"NPU-4")
    assert record["heaters"] == plant.architecture.shifters
    assert npu.KINDS[record["mesh"]] == "unitary"


def test_it_streams_a_frame_each_millisecond_when_asked(on_both: tuple[Host, Plant]) -> None:
    host, plant = on_both
    assert host.ask(Kind.STREAM, b"\1").payload == b""
    frames = [host.next() for _ in range(50)]
    assert {message.kind for message in frames} == {Kind.SENSOR}
    assert {len(m.payload) for m in frames} == {
        SENSOR_HEADER.itemsize + 2 * plant.architecture.ports
    }
    heads = [np.frombuffer(m.payload, SENSOR_HEADER, 1)[0] for m in frames]
    ticks = np.diff([int(head["tick"]) for head in heads])
    assert (np.diff([m.time_ns for m in frames]) == ticks * 1_000_000).all()
    assert (ticks > 0).all()
    assert host.ask(Kind.STREAM, b"\0").kind == Kind.STREAM | REPLY


def test_an_actuator_frame_acts_until_the_watchdog_takes_over(
    on_both: tuple[Host, Plant],
) -> None:
    host, plant = on_both
    wait_until(lambda: plant.tick > 5)
    drive(plant, host, plant.tick, flags=HEATERS_ENABLED, fan_rpm=1000.0)
    wait_until(lambda: plant.actuator.head["fan_rpm"][0] == 1000.0)
    acted = plant.tick
    assert (plant.actuator.heater_code == 65535).all()
    wait_until(lambda: plant.actuator.head["flags"][0] == SAFE_STATE)
    assert plant.tick - acted <= 40  # 20, and the time that this thread took to look
    assert not plant.actuator.heater_code.any()
    status = host.status()
    assert (status["safe"], status["watchdog_trips"], status["actuators"]) == (1, 1, 1)
    drive(plant, host, plant.tick, fan_rpm=500.0)
    wait_until(lambda: plant.actuator.head["fan_rpm"][0] == 500.0)


def test_light_and_frames_tell_under_what_they_were_seen(on_tcp: tuple[Host, Plant]) -> None:
    host, plant = on_tcp
    vectors = npu_light.pack_vectors(np.eye(4, dtype=complex), Coding.FLOAT32)

    def standing() -> Standing:
        return npu_light.unpack_light(host.ask(Kind.MULTIPLY, vectors).payload)[0]

    wait_until(lambda: plant.tick > 5)
    drive(plant, host, 4)
    wait_until(lambda: plant.actuator.head["tick"][0] == 4)
    while (commanded := standing()).flags != 0:
        drive(plant, host, 4)
    wait_until(lambda: plant.sensor.head["flags"][0] == HELD_SAFE)  # the watchdog's word
    tripped = standing()
    assert plant.sensor.head["acted_tick"][0] == 4
    assert tripped.flags == HELD_SAFE
    assert tripped.epoch == (commanded.epoch + 1) % 2**32 == plant.sensor.head["epoch"][0]
    assert tripped.tick > commanded.tick


def test_a_board_that_lost_its_host_takes_rails_only_from_one_that_asked_for_none(
    on_tcp: tuple[Host, Plant],
) -> None:
    host, plant = on_tcp
    head = plant.actuator.head

    def sent(volts: float) -> int:
        """What the board tells in the tick after a frame that asks for so much."""
        tick = plant.tick
        while plant.sensor.head["acted_tick"][0] < tick:
            drive(plant, host, plant.tick, rail_set_v=volts)
            time.sleep(0.001)  # noqa: TID251 - the board under test lives in real time
        return int(plant.sensor.head["flags"][0])

    wait_until(lambda: plant.tick > 5)
    assert sent(1.0) == HELD_SAFE | LOCKED_OUT
    assert not head["rail_set_v"].any()
    assert sent(0.0) == 0
    assert sent(1.0) == 0
    assert head["rail_set_v"].all()
    host.ask(Kind.RESET)
    wait_until(lambda: plant.sensor.head["flags"][0] == HELD_SAFE | LOCKED_OUT)
    assert sent(1.0) == HELD_SAFE | LOCKED_OUT
    assert not head["rail_set_v"].any()


def test_reset_goes_safe_at_once_and_counts_from_zero(on_tcp: tuple[Host, Plant]) -> None:
    host, plant = on_tcp
    host.ask(Kind.STREAM, b"\1")
    drive(plant, host, 0, fan_rpm=1000.0)
    host.ask(Kind.RESET)
    wait_until(lambda: host.status()["safe"] == 1)
    status = host.status()
    assert (status["actuators"], status["watchdog_trips"]) == (0, 0)


def test_a_host_that_answers_nothing_is_no_longer_sent_frames(on_tcp: tuple[Host, Plant]) -> None:
    host, plant = on_tcp
    host.ask(Kind.STREAM, b"\1")
    sent = 0
    while select.select([host.fd], [], [], 0.2)[0]:
        sent += len(os.read(host.fd, 65536))
        assert plant.tick < 20_000
    assert sent > 500 * SENSOR_HEADER.itemsize


def test_garbage_is_counted_and_the_next_request_answered(on_both: tuple[Host, Plant]) -> None:
    host, _ = on_both
    rng = np.random.default_rng(1)
    os.write(host.fd, rng.bytes(3000).replace(b"\0", b"\1") + b"\0garbage\0\0\0")
    good = npu.encode(Message(Kind.IDENTIFY, 99, 0))
    os.write(host.fd, good[:-3] + b"\0")  # cut short
    assert host.status()["corrupt"] == 3


@pytest.mark.parametrize(
    ("kind", "payload", "code"),
    [
        (0x33, b"", ErrorCode.UNKNOWN),
        (Kind.SENSOR, b"", ErrorCode.UNKNOWN),
        (Kind.STREAM, b"\2", ErrorCode.MALFORMED),
        (Kind.IDENTIFY, b"x", ErrorCode.MALFORMED),
        (Kind.MULTIPLY, b"x", ErrorCode.MALFORMED),
        (
            Kind.MULTIPLY,
            npu_light.pack_vectors(np.ones((3, 1), complex), Coding.FLOAT32),
            ErrorCode.REFUSED,
        ),
        (
            Kind.MULTIPLY,
            npu_light.pack_vectors(np.full((4, 1), np.nan, complex), Coding.FLOAT32),
            ErrorCode.REFUSED,
        ),
    ],
)
def test_a_wrong_request_is_refused_with_a_reason(
    on_tcp: tuple[Host, Plant], kind: int, payload: bytes, code: ErrorCode
) -> None:
    host, _ = on_tcp
    reply = host.ask(kind, payload)
    assert reply.kind == Kind.ERROR
    told, text = npu.unpack_error(reply.payload)
    assert told == code
    assert text
    assert host.ask(Kind.IDENTIFY).kind == Kind.IDENTIFY | REPLY


def test_an_actuator_frame_of_the_wrong_size_is_no_frame(on_tcp: tuple[Host, Plant]) -> None:
    host, plant = on_tcp
    host.send(Kind.ACTUATOR, bytes(ACTUATOR_HEADER.itemsize))
    status = host.status()
    assert (status["actuators"], status["corrupt"]) == (0, 1)
    assert not plant.actuator.heater_code.any()


@pytest.mark.parametrize("kind", ["pty", "tcp"])
@pytest.mark.parametrize(("coding", "error"), [(Coding.FLOAT32, 1e-6), (Coding.INT16, 4e-4)])
def test_multiply_over_the_wire_is_the_plants(
    kind: Literal["pty", "tcp"], coding: Coding, error: float
) -> None:
    board, _ = build()
    _, twin = build()
    rng = np.random.default_rng(3)
    quadratures = rng.uniform(-0.7, 0.7, (2, 4, 20))
    fields = (quadratures[0] + 1j * quadratures[1]).astype(np.complex128)
    host = Host(board.serve(kind))
    try:
        wait_until(lambda: host.status()["tick"] > 3)
        payload = host.ask(Kind.MULTIPLY, npu_light.pack_vectors(fields, coding)).payload
    finally:
        host.close()
        board.stop()
    _, seen = npu_light.unpack_light(payload)
    twin.step(3)
    sent, _ = npu_light.unpack_vectors(npu_light.pack_vectors(fields, coding))
    assert seen == pytest.approx(twin.multiply(sent), abs=error)


async def test_the_driver_multiplies_like_the_twin_however_large_the_batch() -> None:
    board, _ = build()
    _, twin = build()
    fields = np.tile(np.eye(4, dtype=complex), 1500)
    driver = Driver(Mounting("npu", ProcessorOptions(), None, board.serve("tcp")))
    try:
        await driver.connect()
        seen = (await driver.multiply(fields)).amplitudes
    finally:
        await driver.close()
        board.stop()
    twin.step(3)
    mean = seen.reshape(4, 1500, 4).mean(axis=1)
    assert mean == pytest.approx(twin.multiply(fields).reshape(4, 1500, 4).mean(axis=1), abs=1e-4)


async def test_a_second_client_is_hung_up_on_and_told_so() -> None:
    board, _ = build()
    first, second = (
        Driver(Mounting("npu", ProcessorOptions(), None, address))
        for address in [board.serve("tcp")] * 2
    )
    try:
        await first.connect()
        with pytest.raises(DeviceConnectionError, match=r"npu: tcp://.* gone"):
            await second.connect()
        assert (await first.status())["tick"] > 0
        await first.close()
        for _ in range(50):  # the board takes a moment to notice
            try:
                await second.connect()
                break
            except DeviceConnectionError:
                time.sleep(0.01)  # noqa: TID251, ASYNC251 - the board lives in real time
        assert (await second.status())["tick"] > 0
    finally:
        await first.close()
        await second.close()
        board.stop()


def test_a_truncated_header_is_no_message() -> None:
    splitter = Splitter()
    assert splitter.feed(npu.cobs_encode(struct.pack("<I", 0)) + b"\0") == []
    assert splitter.corrupt == 1
