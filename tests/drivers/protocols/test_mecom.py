"""MeCom frames: golden vectors of the makers' own client, round trips, garbage."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.protocols.mecom import (
    IDENTIFY,
    PARAMETERS,
    MecomError,
    Parameter,
    Request,
    acknowledge,
    answer,
    checksum,
    is_reply_to,
    parse_reply,
    parse_request,
    reading,
    setting,
)

OBJECT, TARGET = PARAMETERS["object_c"], PARAMETERS["target_c"]
REQUESTS = st.builds(
    Request,
    st.integers(0, 255),
    st.integers(0, 0xFFFF),
    st.just("VS"),
    st.integers(0, 0xFFFF),
    st.integers(0, 255),
    st.integers(0, 2**32 - 1).map("{:08X}".format),
)


def test_the_checksum_is_crc16_xmodem() -> None:
    assert checksum(b"123456789") == 0x31C3


def test_reading_the_object_temperature_has_the_known_bytes() -> None:
    request = reading(2, 0x15AB, OBJECT)
    assert request.encode() == b"#0215AB?VR03E80134D8"
    reply = answer(2, request, OBJECT.to_hex(25.0))
    assert reply == b"!0215AB41C80000A903"
    assert OBJECT.from_hex(parse_reply(reply, request.encode()).payload) == 25.0


def test_setting_the_target_has_the_known_bytes_and_its_checksum_comes_back() -> None:
    request = setting(2, 0x15AC, TARGET, 30.0)
    assert request.encode() == b"#0215ACVS0BB80141F00000E28C"
    assert acknowledge(2, request) == b"!0215ACE28C"
    assert parse_reply(b"!0215ACE28C", request.encode()).payload == ""


def test_a_refusal_has_the_known_bytes() -> None:
    request = setting(2, 0x15AC, TARGET, 30.0)
    assert answer(2, request, "+07") == b"!0215AC+079D3E"
    assert parse_reply(b"!0215AC+079D3E", request.encode()).error == 7


def test_an_acknowledgement_of_another_request_is_no_answer() -> None:
    first, second = setting(2, 7, TARGET, 30.0), setting(2, 7, TARGET, 31.0)
    assert is_reply_to(first.encode(), acknowledge(2, first))
    assert not is_reply_to(second.encode(), acknowledge(2, first))
    assert not is_reply_to(reading(2, 8, TARGET).encode(), answer(2, first, "41F00000"))


@given(REQUESTS)
def test_every_request_survives_the_wire(request: Request) -> None:
    assert parse_request(request.encode()) == request


@given(REQUESTS, st.integers(0, 24), st.integers(1, 255))
def test_a_flipped_byte_is_noticed(request: Request, place: int, flip: int) -> None:
    frame = bytearray(request.encode())
    frame[place] ^= flip
    with pytest.raises(MecomError):
        parse_request(bytes(frame))


@given(st.floats(width=32, allow_nan=False))
def test_a_real_value_survives_the_wire(value: float) -> None:
    assert TARGET.from_hex(TARGET.to_hex(value)) == value


@given(st.integers(-(2**31), 2**31 - 1))
def test_a_whole_value_survives_the_wire(value: int) -> None:
    whole = PARAMETERS["output_enable"]
    assert whole.from_hex(whole.to_hex(value)) == value


@pytest.mark.parametrize("value", [2.0**31, math.nan, math.inf])
def test_a_value_that_an_integer_cannot_hold_is_refused(value: float) -> None:
    with pytest.raises(MecomError):
        PARAMETERS["output_enable"].to_hex(value)


@given(st.one_of(st.binary(), st.from_regex(rb"[#!][0-9A-F+?VRS]{0,30}")))
def test_garbage_is_refused_by_the_codecs_own_error(garbage: bytes) -> None:
    request = Request(0, 1, IDENTIFY).encode()
    for parse in (parse_request, lambda frame: parse_reply(frame, request)):
        try:
            parse(garbage)
        except MecomError:
            continue


@given(st.text())
def test_a_garbled_value_is_refused_by_the_codecs_own_error(text: str) -> None:
    try:
        value = Parameter(1, real=False).from_hex(text)
    except MecomError:
        return
    assert float(int(text, 16) - (1 << 32 if int(text, 16) >> 31 else 0)) == value
