"""The NPU board's protocol: golden bytes, round trips, and nothing but messages let through."""

from zlib import crc32

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from drivers.protocols import npu, npu_compiled, npu_light
from drivers.protocols.npu import BadFrameError, Message, Splitter
from drivers.protocols.npu_ends import build_pump
from drivers.protocols.npu_light import Coding, Standing
from drivers.protocols.npu_pump import next_message
from lumina.frames import HELD_SAFE

TABLE = npu_compiled.crc_table()

GOLDEN_COBS = {
    b"": "01",
    b"\x00": "0101",
    b"\x00\x00": "010101",
    b"\x11\x22\x00\x33": "0311220233",
    b"\x11\x22\x33\x44": "0511223344",
    b"\x11\x00\x00\x00": "0211010101",
    bytes(range(1, 255)): "ff" + bytes(range(1, 255)).hex(),
    bytes(range(255)): "01ff" + bytes(range(1, 255)).hex(),
    bytes(range(1, 256)): "ff" + bytes(range(1, 255)).hex() + "02ff",
    bytes([*range(2, 256), 0]): "ff" + bytes(range(2, 256)).hex() + "0101",
    bytes([*range(3, 256), 0, 1]): "fe" + bytes(range(3, 256)).hex() + "0201",
}

# Tick 4242, epoch 0xCAFE0001, held safe; one vector of two ports, 0.5 - 0.25j and 1j.
GOLDEN_LIGHT = "92100000000000000100feca0100000000000200010000000000003f000080be000000000000803f"

# Three taps and two vectors, tick 4242, epoch 0xCAFE0001, held safe.
GOLDEN_TAPS = "92100000000000000100feca010000000300000002000000010000ff0f00ffff34120000"

# Built with struct, zlib and the package "cobs" of PyPI.
GOLDEN_MESSAGE = {
    Message(npu.Kind.STREAM, 7, 1_000_000, b"\x01"): (
        "03021101020701010440420f010101010601c54e8a1c00"
    ),
    Message(npu.Kind.IDENTIFY, 0x01020304, -1): "030210011104030201ffffffffffffffff0c6875e200",
    Message(npu.Kind.DESCRIBE_TAPS, 5, 2): "03021501020501010202010101010101059f3f78c600",
    Message(npu.Kind.MULTIPLY | npu.REPLY, 9, 5, bytes.fromhex(GOLDEN_LIGHT)): (
        "030292010209010102050101010101010392100101010101020104feca0101010101020202010101010101023f"
        "010380be010101010107803f2b67a0b900"
    ),
}

messages = st.builds(
    Message,
    st.integers(0, 255),
    st.integers(0, 2**32 - 1),
    st.integers(-(2**63), 2**63 - 1),
    st.binary(max_size=1200) | st.just(bytes(npu.MAX_PAYLOAD)) | st.just(b"\xff" * npu.MAX_PAYLOAD),
)


def compiled_seal(message: Message) -> bytes:
    """The message on the wire, as machine code puts it."""
    buffer = np.zeros(npu.MAX_MESSAGE, np.uint8)
    out = np.zeros(npu.MAX_FRAME + 1, np.uint8)
    npu_compiled.write_header(buffer, message.kind, message.sequence, message.time_ns)
    length = npu_compiled.HEADER_BYTES + len(message.payload)
    buffer[npu_compiled.HEADER_BYTES : length] = np.frombuffer(message.payload, np.uint8)
    return out[: npu_compiled.seal_frame(TABLE, buffer, length, out, 0)].tobytes()


def compiled_open(frame: bytes) -> bytes | None:
    """Header and payload of a frame, as machine code reads it; None for no message."""
    message = np.zeros(npu.MAX_FRAME, np.uint8)
    given = np.frombuffer(frame, np.uint8).copy()
    length = npu_compiled.open_frame(TABLE, given, len(frame), message)
    return None if length < 0 else message[:length].tobytes()


def python_open(frame: bytes) -> bytes | None:
    """The same in Python."""
    try:
        npu.decode(frame)
    except BadFrameError:
        return None
    return npu.cobs_decode(frame)[: -npu.CRC_BYTES]


@pytest.mark.parametrize("data", GOLDEN_COBS, ids=lambda data: data.hex()[:16] or "empty")
def test_stuffing_gives_the_published_bytes(data: bytes) -> None:
    assert npu.cobs_encode(data).hex() == GOLDEN_COBS[data]
    assert npu.cobs_decode(bytes.fromhex(GOLDEN_COBS[data])) == data


def test_the_check_value_of_the_crc() -> None:
    digits = np.frombuffer(b"123456789", np.uint8).copy()
    assert npu_compiled.crc32(TABLE, digits, 9) == crc32(b"123456789") == 0xCBF43926


@pytest.mark.parametrize("message", GOLDEN_MESSAGE, ids=lambda message: str(message.kind))
def test_messages_have_their_golden_bytes(message: Message) -> None:
    assert npu.encode(message).hex() == GOLDEN_MESSAGE[message]


@given(messages)
def test_what_is_encoded_is_decoded_alike_in_python_and_in_machine_code(message: Message) -> None:
    wire = npu.encode(message)
    assert wire.count(0) == 1
    assert wire.endswith(b"\0")
    assert npu.decode(wire[:-1]) == message
    assert compiled_seal(message) == wire
    assert compiled_open(wire[:-1]) == python_open(wire[:-1]) is not None


@given(st.binary(max_size=600))
@example(b"")
@example(b"\x05\x01")
def test_garbage_is_no_message_to_either(frame: bytes) -> None:
    assert python_open(frame) is None
    assert compiled_open(frame) is None


@given(messages, st.data())
def test_a_flipped_bit_is_noticed(message: Message, data: st.DataObject) -> None:
    frame = bytearray(npu.encode(message)[:-1])
    at = data.draw(st.integers(0, len(frame) - 1))
    frame[at] ^= 1 << data.draw(st.integers(0, 7))
    assert python_open(bytes(frame)) is None
    assert compiled_open(bytes(frame)) is None


def test_another_version_is_no_message() -> None:
    body = bytearray(npu.cobs_decode(npu.encode(Message(1, 2, 3))[:-1])[:-4])
    body[0] = npu.VERSION + 1
    frame = npu.cobs_encode(bytes(body) + crc32(body).to_bytes(4, "little"))
    assert compiled_open(frame) is None
    with pytest.raises(BadFrameError, match="version"):
        npu.decode(frame)


class Pumped:
    """What `Splitter` does, as machine code does it."""

    def __init__(self) -> None:
        self._pump = build_pump()

    @property
    def corrupt(self) -> int:
        return int(self._pump.state["corrupt"][0])

    def feed(self, data: bytes) -> list[Message]:
        self._pump.chunk[: len(data)] = np.frombuffer(data, np.uint8)
        self._pump.state["chunk_at"], self._pump.state["chunk_end"] = 0, len(data)
        found = []
        while (length := next_message(self._pump)) > 0:
            found.append(npu.parse(self._pump.incoming[:length].tobytes()))
        return found


READERS = pytest.mark.parametrize("reader", [Splitter, Pumped])


@READERS
@given(st.lists(messages | st.binary(max_size=50), max_size=5), st.integers(1, 97))
def test_messages_are_found_whatever_the_pieces_and_the_garbage_between(
    reader: type[Splitter | Pumped], items: list[Message | bytes], piece: int
) -> None:
    wire = b"\0".join(
        npu.encode(item)[:-1] if isinstance(item, Message) else item for item in items
    )
    wire += b"\0"
    splitter = reader()
    found = [
        message
        for start in range(0, len(wire), piece)
        for message in splitter.feed(wire[start : start + piece])
    ]
    assert found == [item for item in items if isinstance(item, Message)]


@READERS
def test_an_endless_frame_is_given_up_and_the_next_one_read(
    reader: type[Splitter | Pumped],
) -> None:
    splitter = reader()
    for _ in range(3):
        assert splitter.feed(b"\x01" * npu.MAX_FRAME) == []
    assert splitter.feed(b"\0" + npu.encode(Message(1, 2, 3))) == [Message(1, 2, 3)]
    assert splitter.corrupt == 1


@pytest.mark.parametrize(("coding", "error"), [(Coding.FLOAT32, 1e-7), (Coding.INT16, 3e-5)])
def test_vectors_survive_to_the_precision_of_their_coding(coding: Coding, error: float) -> None:
    rng = np.random.default_rng(1)
    fields = rng.uniform(-1, 1, (4, 7)) * 0.7 + 0.7j * rng.uniform(-1, 1, (4, 7))
    seen, told = npu_light.unpack_vectors(npu_light.pack_vectors(fields, coding))
    assert told is coding
    assert seen == pytest.approx(fields, abs=error)


@given(st.binary(max_size=64))
def test_a_payload_is_vectors_or_refused(payload: bytes) -> None:
    try:
        fields, coding = npu_light.unpack_vectors(payload)
    except BadFrameError:
        return
    assert len(npu_light.pack_vectors(fields, coding)) == len(payload)


def test_light_has_its_golden_bytes() -> None:
    standing = Standing(4242, 0xCAFE0001, HELD_SAFE)
    seen = np.array([[0.5 - 0.25j], [1j]])
    assert npu_light.pack_light(standing, seen, Coding.FLOAT32).hex() == GOLDEN_LIGHT
    told, fields = npu_light.unpack_light(bytes.fromhex(GOLDEN_LIGHT))
    assert told == standing
    assert (fields == seen).all()


standings = st.builds(
    Standing,
    st.integers(-(2**63), 2**63 - 1),
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**32 - 1),
)


@given(standings, st.integers(1, 5), st.integers(0, 7))
def test_how_the_board_stood_survives(standing: Standing, ports: int, vectors: int) -> None:
    sent = np.full((ports, vectors), 0.25 + 0.5j)
    told, seen = npu_light.unpack_light(npu_light.pack_light(standing, sent, Coding.FLOAT32))
    assert told == standing
    assert (seen == sent).all()


@given(st.binary(max_size=80))
def test_a_payload_is_light_or_refused(payload: bytes) -> None:
    try:
        standing, seen = npu_light.unpack_light(payload)
    except BadFrameError:
        return
    coding = Coding(payload[npu_light.LIGHT.itemsize])
    assert len(npu_light.pack_light(standing, seen, coding)) == len(payload)


def test_tap_codes_have_their_golden_bytes() -> None:
    standing = Standing(4242, 0xCAFE0001, HELD_SAFE)
    codes = np.array([[1, 0xFFFF], [0xFF00, 0x1234], [0x000F, 0]], np.uint16)
    assert npu_light.pack_taps(standing, codes).hex() == GOLDEN_TAPS
    told, seen = npu_light.unpack_taps(bytes.fromhex(GOLDEN_TAPS))
    assert told == standing
    assert (seen == codes).all()


@given(standings, hnp.arrays(np.uint16, st.tuples(st.integers(1, 9), st.integers(0, 7))))
def test_tap_codes_survive(standing: Standing, codes: NDArray[np.uint16]) -> None:
    told, seen = npu_light.unpack_taps(npu_light.pack_taps(standing, codes))
    assert told == standing
    assert seen.shape == codes.shape
    assert (seen == codes).all()


@given(st.binary(max_size=64))
def test_a_payload_is_tap_codes_or_refused(payload: bytes) -> None:
    try:
        standing, codes = npu_light.unpack_taps(payload)
    except BadFrameError:
        return
    assert len(npu_light.pack_taps(standing, codes)) == len(payload)


@given(st.integers(1, 64), st.integers(1, 8192), st.sampled_from(Coding))
def test_vectors_for_taps_fit_there_and_back(ports: int, taps: int, coding: Coding) -> None:
    vectors = npu_light.tap_vectors_per_message(ports, taps, coding, npu.MAX_PAYLOAD // 2)
    request = npu_light.pack_vectors(np.zeros((ports, vectors), complex), coding)
    reply = npu_light.pack_taps(Standing(0, 0, 0), np.zeros((taps, vectors), np.uint16))
    assert len(request) <= npu.MAX_PAYLOAD // 2
    assert len(reply) <= npu.MAX_PAYLOAD // 2 or vectors == 1


@given(st.integers(1, 4096), st.sampled_from(Coding), st.integers(64, npu.MAX_PAYLOAD))
def test_a_batch_that_fits_has_a_reply_that_fits(ports: int, coding: Coding, longest: int) -> None:
    vectors = npu_light.vectors_per_message(ports, coding, longest)
    reply = npu_light.pack_light(Standing(0, 0, 0), np.zeros((ports, vectors), complex), coding)
    assert len(reply) <= longest or vectors == 1


@given(st.binary(max_size=40))
def test_an_error_can_always_be_told(payload: bytes) -> None:
    code, text = npu.unpack_error(payload)
    assert npu.unpack_error(npu.pack_error(npu.ErrorCode.REFUSED, text)) == (3, text)
    assert 0 <= code < 2**16
