"""Qontrol's text and binary commands: golden vectors of the makers' client, round trips."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.protocols.qontrol import (
    CODES,
    FULL_WORD,
    Binary,
    CommandSplitter,
    Flag,
    Malformed,
    Text,
    from_word,
    parse_text,
    to_word,
    vector,
)
from drivers.protocols.qontrol_replies import (
    Code,
    Fault,
    QontrolError,
    is_identity,
    parse_fault,
    parse_identity,
    parse_quantity,
)

WORD = st.integers(0, FULL_WORD)
PLAIN = st.builds(
    Binary,
    st.sampled_from(sorted(CODES.values())),
    WORD,
    st.tuples(WORD),
    st.sampled_from([Flag(0), Flag.READ, Flag.ALL_CHANNELS, Flag.EVERYBODY | Flag.ACT]),
)
VECTORS = st.builds(
    Binary,
    st.sampled_from(sorted(CODES.values())),
    WORD,
    st.lists(WORD, min_size=1, max_size=64).map(tuple),
    st.sampled_from([Flag.VECTOR, Flag.VECTOR | Flag.ALL_CHANNELS]),
)
BY_MODULE = st.builds(
    Binary, st.just(0), st.integers(0, 255), st.tuples(WORD), st.just(Flag.BY_MODULE), WORD
)
TEXTS = st.builds(
    Text,
    st.sampled_from(["V", "IALL", "VVEC", "NUP", "ID"]),
    st.none() | st.integers(0, 1023),
    st.just(False),
    st.none() | st.sampled_from(["0", "1.25", "-3", "1,2.5,3E-1"]),
)

# Taken down from the makers' client, qontrol 1.1.20, and from its recordings of a module.
GOLDEN = {
    "88 00 00 00 00 00 00": Binary(CODES["V"], flags=Flag.READ),
    "a9 00 00 00 00 00 00": Binary(CODES["V"], flags=Flag.READ | Flag.ALL_CHANNELS),
    "a9 0a 00 00 00 00 00": Binary(CODES["VIP"], flags=Flag.READ | Flag.ALL_CHANNELS),
    "81 00 00 00 03 12 34": Binary(CODES["V"], 3, (0x1234,)),
    "82 00 00 00 08 00 03 00 00 35 55 ff ff": Binary(
        CODES["V"], 8, (0, 0x3555, 0xFFFF), Flag.VECTOR
    ),
    "82 02 00 01 2c 00 02 ff ff ff ff": Binary(CODES["VMAX"], 300, (0xFFFF,) * 2, Flag.VECTOR),
    "90 03 0a 0b 05 00 07": Binary(CODES["IMAX"], 5, (7,), Flag.BY_MODULE, 0x0A0B),
    "e1 00 00 00 00 00 00": Binary(CODES["V"], flags=Flag.EVERYBODY | Flag.ALL_CHANNELS),
}


@pytest.mark.parametrize("known", GOLDEN)
def test_binary_commands_have_the_known_bytes(known: str) -> None:
    assert GOLDEN[known].encode() == bytes.fromhex(known)
    assert CommandSplitter().feed(bytes.fromhex(known)) == [GOLDEN[known]]


def test_a_vector_of_voltages_has_the_known_bytes() -> None:
    known = "82 00 00 00 08 00 03 00 00 35 55 ff ff"
    assert vector("V", 8, [0.0, 2.5, 12.0], 12.0) == bytes.fromhex(known)


@pytest.mark.parametrize(
    ("line", "command"),
    [
        (b"V3?", Text("V", 3, ask=True)),
        (b"v 3 = 2.5", Text("V", 3, argument="2.5")),
        (b"nupall?", Text("NUPALL", ask=True)),
        (b"VVEC0=1,2.5,0", Text("VVEC", 0, argument="1,2.5,0")),
        (b"rocom", Text("ROCOM")),
    ],
)
def test_lines_of_text_are_understood(line: bytes, command: Text) -> None:
    assert parse_text(line) == command


def test_replies_of_a_module_are_understood() -> None:
    assert parse_quantity("+3.0041 V", "V") == 3.0041
    assert parse_quantity("+2.500000 V", "V") == 2.5
    assert parse_quantity("+0.0161 mA", "mA") == 0.0161
    assert parse_identity("Q8iv-****") == ("Q8iv", "****")
    assert parse_fault("E12:09") == Fault(Code.CHANNEL, 9)
    assert str(Fault(Code.CHANNEL, 9)) == "E12:09, no such channel"
    assert parse_fault("OK") is None


def test_only_an_identity_is_taken_for_one() -> None:
    assert is_identity(b"Q8iv-0001\r")
    for other in (b"Q8iv-0001:0", b"OK", b"+2.5 V", b"E10:00", b"v2.4.1"):
        assert not is_identity(other)


@given(PLAIN | VECTORS | BY_MODULE)
def test_every_binary_command_survives_the_wire_and_its_header_is_even(command: Binary) -> None:
    data = command.encode()
    assert data[0].bit_count() % 2 == 0
    assert CommandSplitter().feed(data) == [command]


@given(st.lists(PLAIN | VECTORS | TEXTS, max_size=5), st.integers(1, 9))
def test_text_and_binary_may_follow_each_other_in_any_pieces(
    commands: list[Binary | Text], size: int
) -> None:
    data = b"".join(
        command.encode() + (b"\n" if isinstance(command, Text) else b"") for command in commands
    )
    splitter = CommandSplitter()
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    assert [command for piece in pieces for command in splitter.feed(piece)] == commands
    assert not splitter.waiting


def test_wrong_parity_is_a_serial_error() -> None:
    (found,) = CommandSplitter().feed(bytes.fromhex("80 00 00 00 03 12 34"))
    assert found == Malformed(Fault(Code.SERIAL, 0))


@given(st.lists(st.binary(max_size=40)))
def test_any_bytes_are_commands_or_errors(pieces: list[bytes]) -> None:
    splitter = CommandSplitter()
    for piece in pieces:
        for command in splitter.feed(piece):
            assert isinstance(command, Binary | Text | Malformed)


@given(st.text())
def test_garbled_replies_are_refused_by_the_codecs_own_error(line: str) -> None:
    parse_fault(line)
    for parse in (lambda text: parse_quantity(text, "V"), parse_identity):
        try:
            parse(line)
        except QontrolError:
            continue


@given(WORD)
def test_words_stand_for_voltages(word: int) -> None:
    assert to_word(from_word(word, 12.0), 12.0) == word
