"""Modbus frames on the wire, and values in registers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymodbus.pdu import ExceptionResponse
from pymodbus.pdu.register_message import ReadHoldingRegistersResponse, ReadInputRegistersResponse

from drivers.protocols.modbus import (
    BadReplyError,
    FrameSplitter,
    Framing,
    Link,
    RefusedError,
    message_gap_s,
)
from drivers.protocols.modbus_maps import (
    EC_FAN,
    LABJACK_T7,
    RegisterMap,
    Space,
    rpm_to_word,
    word_to_rpm,
)

FAN = Link(Framing.RTU, 2)
T7 = Link(Framing.TCP, 1)


def frame(text: str) -> bytes:
    return bytes.fromhex(text)


READ_SPEED = frame("02 04 d0 10 00 01 08 fc")
SPEED_IS_32000 = frame("02 04 02 7d 00 dc 60")
SET_HALF_SPEED = frame("02 06 d0 01 7d 00 c1 a9")
REFUSED = frame("02 86 04 b3 a3")


@pytest.mark.parametrize(
    ("built", "golden"),
    [
        (FAN.read(Space.INPUT, 0xD010, 1), READ_SPEED),
        (FAN.write(0xD001, [32000]), SET_HALF_SPEED),
        (
            FAN.write(0xD15C, [1, 64000, 100]),
            frame("02 10 d1 5c 00 03 06 00 01 fa 00 00 64 80 f1"),
        ),
        (T7.read(Space.HOLDING, 0, 4, 0x1234), frame("12 34 00 00 00 06 01 03 00 00 00 04")),
        (
            T7.write(1000, LABJACK_T7["dac0"].words(2.5), 7),
            frame("00 07 00 00 00 0b 01 10 03 e8 00 02 04 40 20 00 00"),
        ),
    ],
)
def test_requests_are_these_bytes(built: bytes, golden: bytes) -> None:
    assert built == golden


def test_a_reply_answers_its_request() -> None:
    assert FAN.answer(READ_SPEED, SPEED_IS_32000) == [32000]
    assert FAN.answer(SET_HALF_SPEED, SET_HALF_SPEED) == []


def test_a_refusal_says_why() -> None:
    with pytest.raises(RefusedError, match=r"exception 4, .* no authorisation") as refusal:
        FAN.answer(SET_HALF_SPEED, REFUSED)
    assert refusal.value.code == 4


@pytest.mark.parametrize(
    ("request_", "reply"),
    [
        (READ_SPEED, SET_HALF_SPEED),  # another function
        (Link(Framing.RTU, 3).read(Space.INPUT, 0xD010, 1), SPEED_IS_32000),  # another unit
        (FAN.read(Space.INPUT, 0xD010, 2), SPEED_IS_32000),  # another number of registers
        (FAN.write(0xD101, [1]), SET_HALF_SPEED),  # another address
        (READ_SPEED, READ_SPEED[:4]),  # no message at all
    ],
)
def test_a_reply_to_something_else_is_refused(request_: bytes, reply: bytes) -> None:
    with pytest.raises(BadReplyError):
        FAN.answer(request_, reply)


def test_another_transaction_is_another_request() -> None:
    reply = T7.frame(ReadHoldingRegistersResponse(registers=[1]), transaction=8)
    assert T7.answer(T7.read(Space.HOLDING, 0, 1, 8), reply) == [1]
    with pytest.raises(BadReplyError, match="transaction 8 answered"):
        T7.answer(T7.read(Space.HOLDING, 0, 1, 9), reply)


def test_frames_in_one_piece_come_out_one_by_one() -> None:
    splitter = FrameSplitter(Framing.RTU)
    assert splitter.feed(SPEED_IS_32000 + SET_HALF_SPEED + REFUSED) == [
        SPEED_IS_32000,
        SET_HALF_SPEED,
        REFUSED,
    ]


def test_what_is_cut_short_or_garbled_hides_no_later_frame() -> None:
    splitter = FrameSplitter(Framing.RTU)
    garbled = bytes([*SPEED_IS_32000[:3], 0xFF, *SPEED_IS_32000[4:]])
    assert splitter.feed(garbled) == []
    assert splitter.feed(SPEED_IS_32000[:5]) == []
    assert splitter.feed(SET_HALF_SPEED) == [SET_HALF_SPEED]


def test_a_tcp_stream_out_of_step_is_dropped() -> None:
    splitter = FrameSplitter(Framing.TCP)
    assert splitter.feed(b"GET / HTTP/1.1\r\n") == []
    good = T7.frame(ExceptionResponse(3, 2), transaction=5)
    assert splitter.feed(good) == [good]


registers = st.lists(st.integers(0, 0xFFFF), min_size=1, max_size=20)


@given(registers, st.integers(1, 247), st.sampled_from(list(Framing)), st.data())
def test_replies_survive_any_cutting(
    words: list[int], unit: int, framing: Framing, data: st.DataObject
) -> None:
    link = Link(framing, unit)
    reply = link.frame(ReadInputRegistersResponse(registers=words), transaction=3)
    stream = reply * 2
    cut = data.draw(st.integers(0, len(stream)))
    splitter = FrameSplitter(framing)
    replies = splitter.feed(stream[:cut]) + splitter.feed(stream[cut:])
    assert replies == [reply, reply]
    request = link.read(Space.INPUT, 0, len(words), 3 if framing is Framing.TCP else 0)
    assert link.answer(request, replies[0]) == words


@given(st.binary(max_size=600), st.sampled_from(list(Framing)), st.booleans())
def test_garbage_is_survived(data: bytes, framing: Framing, requests: bool) -> None:
    splitter = FrameSplitter(framing, requests=requests)
    splitter.feed(data)
    splitter.clear()
    assert splitter.feed(b"") == []


@given(st.floats(width=32, allow_nan=False))
def test_a_voltage_lies_in_two_registers_high_word_first(voltage_v: float) -> None:
    words = LABJACK_T7["dac0"].words(voltage_v)
    assert LABJACK_T7["dac0"].value(words) == voltage_v
    assert LABJACK_T7["dac0"].words(1.0) == [0x3F80, 0x0000]


@given(st.integers(0, 0xFFFFFFFF))
def test_a_serial_number_lies_in_two_registers(number: int) -> None:
    assert LABJACK_T7["serial"].value(LABJACK_T7["serial"].words(number)) == number


@given(st.floats(0, 4000), st.floats(100, 4000))
def test_a_speed_is_a_64000th_of_the_highest(speed_rpm: float, max_rpm: float) -> None:
    word = rpm_to_word(min(speed_rpm, max_rpm), max_rpm)
    told_rpm = word_to_rpm(word, max_rpm)
    assert told_rpm == pytest.approx(min(speed_rpm, max_rpm), abs=max_rpm / 64000)


def test_the_speed_is_clipped_as_the_fan_clips_it() -> None:
    assert rpm_to_word(4300.0, 4000.0) == 0xFF00


@pytest.mark.parametrize(("name", "value"), [("set_value", 65536), ("type", "x" * 13)])
def test_what_does_not_fit_is_refused(name: str, value: int | str) -> None:
    with pytest.raises(ValueError, match=f"{name} cannot hold"):
        EC_FAN[name].words(value)
    with pytest.raises(ValueError, match=f"{name} takes"):
        EC_FAN[name].value([])


@pytest.mark.parametrize("table", [EC_FAN, LABJACK_T7])
def test_no_two_values_share_a_register(table: RegisterMap) -> None:
    taken = [
        (register.space, register.address + n)
        for register in table.values()
        for n in range(register.size)
    ]
    assert len(taken) == len(set(taken))


def test_a_frame_ends_after_three_and_a_half_characters_of_silence() -> None:
    assert message_gap_s(19200) == pytest.approx(2.0e-3, rel=0.01)
    assert message_gap_s(115200) == 0.00175
