"""The Thermostat's lines of text and JSON: golden lines, round trips, garbage."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.protocols.thermostat import (
    OUTPUT_FIELDS,
    PID_FIELDS,
    Command,
    Report,
    ThermostatError,
    encode_refusal,
    encode_reply,
    is_revision,
    parse_command,
    parse_obeyed,
    parse_reply,
    parse_reports,
    parse_revision,
    parse_targets,
)

NUMBER = (
    st.floats(-1e3, 1e3)
    .map(lambda value: float(f"{value:.9g}"))
    .filter(lambda value: value == 0 or abs(value) > 1e-9)
)
SETTINGS = st.builds(
    Command, st.just("pid"), st.integers(0, 1), st.sampled_from(PID_FIELDS), NUMBER
)
OUTPUTS = st.builds(
    Command, st.just("output"), st.integers(0, 1), st.sampled_from(OUTPUT_FIELDS), NUMBER
)
SHOWN = st.sampled_from(["report", "pid", "output", "hwrev", "fan"]).map(Command)
REAL = st.floats(allow_nan=False, allow_infinity=False)


@pytest.mark.parametrize(
    ("line", "command"),
    [
        (b"report", Command("report")),
        (b"pid 0 target 25", Command("pid", 0, "target", 25.0)),
        (b"output 0 pid", Command("output", 0, "pid")),
        (b"output 0 i_set -1.5", Command("output", 0, "i_set", -1.5)),
        (b"output 1 polarity reversed", Command("output", 1, "polarity", "reversed")),
        (b"fan auto", Command("fan", None, "auto")),
        (b"fan 60", Command("fan", None, "", 60.0)),
        (b"save 1", Command("save", 1)),
    ],
)
def test_lines_of_the_manual_are_written_and_read(line: bytes, command: Command) -> None:
    assert command.encode() == line
    assert parse_command(line) == command


@given(SETTINGS | OUTPUTS | SHOWN)
def test_every_command_survives_the_wire(command: Command) -> None:
    assert parse_command(command.encode()) == command


REPORT = (
    b'[{"channel":0,"time":2320,"interval":0.1,"adc":1.0181,"sens":10105.5,'
    b'"temperature":24.8,"pid_engaged":true,"i_set":0.5,"dac_value":1.6,"dac_feedback":1.6,'
    b'"i_tec":1.9,"tec_i":0.499,"tec_u_meas":0.8,"pid_output":0.5},'
    b'{"channel":1,"time":2320,"interval":0.1,"adc":null,"sens":null,"temperature":null,'
    b'"pid_engaged":false,"i_set":0.0,"dac_value":1.5,"dac_feedback":1.5,"i_tec":1.5,'
    b'"tec_i":0.0,"tec_u_meas":0.0,"pid_output":null}]'
)


def test_a_report_tells_both_channels_and_which_thermistor_is_missing() -> None:
    carrier, sink = parse_reports(REPORT)
    assert carrier == Report(0, 2320.0, 0.1, 24.8, True, 0.5, 0.499, 0.8)
    assert sink.temperature_c is None


@given(st.builds(Report, st.just(0), REAL, REAL, st.none() | REAL, st.booleans(), REAL, REAL, REAL))
def test_every_report_survives_the_wire(first: Report) -> None:
    second = Report(1, 0.0, 0.1, None, False, 0.0, 0.0, 0.0)
    line = encode_reply([first.fields(), second.fields()])
    assert parse_reports(line) == (first, second)


def test_a_refusal_is_raised() -> None:
    with pytest.raises(ThermostatError, match="no such command"):
        parse_reply(encode_refusal("no such command"))


def test_only_a_revision_is_taken_for_one() -> None:
    revision = b'{"rev":{"major":2,"minor":2},"settings":{"fan_k_a":1.0}}'
    assert parse_revision(revision) == "2.2"
    assert is_revision(revision)
    assert not any(map(is_revision, (b"{}", REPORT, encode_refusal("x"), b'{"rev":2}')))


def test_set_points_are_read_from_an_answer_to_pid() -> None:
    line = (
        b'[{"channel":0,"parameters":{"kp":1.0},"target":25.5},'
        b'{"channel":1,"parameters":{"kp":1.0},"target":20}]'
    )
    assert parse_targets(line) == (25.5, 20.0)


def test_only_an_empty_object_says_that_a_setting_was_obeyed() -> None:
    parse_obeyed(b"{}")
    with pytest.raises(ThermostatError):
        parse_obeyed(REPORT)


@pytest.mark.parametrize("number", ["NaN", "-Infinity", "1e999", "9" * 400])
def test_a_number_beyond_floats_is_refused(number: str) -> None:
    with pytest.raises(ThermostatError):
        parse_reply(b'{"temperature":%s}' % number.encode())


def test_what_is_no_number_is_told_as_null() -> None:
    assert json.loads(encode_reply({"a": [float("nan")]})) == {"a": [None]}


@given(st.binary() | st.text().map(str.encode))
def test_garbage_is_refused_by_the_codecs_own_error(garbage: bytes) -> None:
    for parse in (parse_command, parse_reply, parse_reports, parse_revision, parse_targets):
        try:
            parse(garbage)
        except ThermostatError:
            continue


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | REAL | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["channel", "rev"]), inner),
    max_leaves=6,
)


@given(JSON)
def test_other_json_is_refused_by_the_codecs_own_error(content: object) -> None:
    with pytest.raises(ThermostatError):
        parse_reports(json.dumps(content).encode())
