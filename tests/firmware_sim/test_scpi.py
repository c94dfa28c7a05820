"""The SCPI engine: spellings, compound messages, numbers with units, the error queue."""

from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_sim.instrument import Wiring
from firmware_sim.scpi import Command, Instrument, Unit, choice, number, switch
from firmware_sim.scpi_syntax import Call, ScpiError, header_pattern, split_outside


@dataclass
class Settings:
    volts: float = 1.0
    metres: float = 1.55e-6
    on: bool = False
    mode: str = "CURR"


class Example(Instrument):
    wiring = Wiring(serial=False)

    def identify(self) -> str:
        return "Maker,Model,1,2"

    def reset(self) -> None:
        self.settings = Settings()

    commands = (
        number("[SOURce#:]VOLTage[:LEVel]", "volts", Unit("V"), -5.0, 5.0, "{:g}"),
        number("SENSe:WAVelength", "metres", Unit("M", 1e-9), 1e-6, 2e-6, "{:g}"),
        switch("OUTPut[:STATe]", "on"),
        choice("SENSe:FUNCtion", "mode", ("CURRent", "VOLTage")),
        Command("SENSe:COUNt", query=lambda *_: "3"),
    )


@pytest.fixture
def example() -> Example:
    instrument = Example("example")
    assert ask(instrument, "*CLS;*ESR?") == "0"
    return instrument


def ask(instrument: Instrument, message: str) -> str:
    return (
        b"".join(reply.data for reply in instrument.receive(message.encode() + b"\n"))
        .decode()
        .strip()
    )


@pytest.mark.parametrize(
    "header", ["VOLT", "volt", "VOLTAGE", ":SOUR:VOLT", "SOURce2:VOLTage:LEVel", ":voltage:lev"]
)
def test_a_header_is_known_in_all_its_spellings(example: Example, header: str) -> None:
    assert ask(example, f"{header} 2.5;{header}?".replace(";", "\n")) == "2.5"


@pytest.mark.parametrize("header", ["VOLTA", "VOL", "SOURVOLT", "SENS:VOLT", "VOLT:LEVE", ":"])
def test_what_is_nearly_a_header_is_undefined(example: Example, header: str) -> None:
    assert ask(example, f"{header}?") == ""
    assert ask(example, "SYST:ERR?") == '-113,"Undefined header"'
    assert example.unknown[-1] == f"{header}?"


@pytest.mark.parametrize(
    ("sent", "volts"),
    [("1.5", 1.5), ("1500 mV", 1.5), ("1500MV", 1.5), (".0015kV", 1.5), ("+1.5E0", 1.5),
     ("MIN", -5), ("MAXimum", 5)],
)  # fmt: skip
def test_numbers_come_with_units_and_limits(example: Example, sent: str, volts: float) -> None:
    ask(example, f"VOLT {sent}")
    assert example.settings.volts == pytest.approx(volts)


def test_a_bare_number_has_the_unit_of_the_manual(example: Example) -> None:
    ask(example, "SENS:WAV 1310")
    assert example.settings.metres == pytest.approx(1.31e-6)
    ask(example, "SENS:WAV 1.5um")
    assert ask(example, "SENS:WAV?") == "1500"
    assert ask(example, "SENS:WAV? MAX") == "2000"


@pytest.mark.parametrize(
    ("sent", "error"),
    [("VOLT", -109), ("VOLT x", -104), ("VOLT 6", -222), ("VOLT 1 A", -131), ("VOLT 1,2", -108),
     ("SENS:FUNC RES", -224), ("SENS:COUN 4", -113), ("VOLT 1e999", -222), ("*ESE 256", -222)],
)  # fmt: skip
def test_errors_carry_the_numbers_of_the_standard(example: Example, sent: str, error: int) -> None:
    ask(example, sent)
    assert ask(example, "SYST:ERR?").startswith(f"{error},")
    assert example.settings == Settings(), "nothing was changed"


def test_an_empty_error_queue_says_so_and_a_full_one_overflows(example: Example) -> None:
    assert ask(example, "SYST:ERR?") == '+0,"No error"'
    for _ in range(30):
        ask(example, "NONSENSE")
    told = [ask(example, "SYST:ERR?") for _ in range(21)]
    assert told[0] == '-113,"Undefined header"'
    assert told[-2:] == ['-350,"Queue overflow"', '+0,"No error"']


def test_the_status_byte_sums_events_and_errors_up(example: Example) -> None:
    assert ask(example, "*STB?") == "0"
    ask(example, "*ESE 32;*SRE 32")
    ask(example, "NONSENSE")
    assert int(ask(example, "*STB?")) == 4 | 32 | 64
    assert ask(example, "*ESR?") == "32"
    assert ask(example, "*ESR?") == "0"
    assert ask(example, "*OPC;*ESR?") == "1"


def test_parts_of_a_message_go_on_from_the_path_of_the_one_before(example: Example) -> None:
    assert ask(example, "SENS:FUNC VOLT;COUN?;*OPC?;FUNC?;:VOLT?") == "3;1;VOLT;1"
    assert ask(example, "SENS:FUNC VOLT;VOLT?") == ""
    assert ask(example, "SYST:ERR?") == '-113,"Undefined header"'


def test_cr_lf_and_both_end_a_message_and_pieces_wait_for_it(example: Example) -> None:
    replies = [
        r.data
        for piece in (b"*OP", b"C?\r*OPC?\n*O", b"PC?\r", b"\n")
        for r in example.receive(piece)
    ]
    assert replies == [b"1\n", b"1\n", b"1\n"]


def test_power_up_is_told_and_settings_are_lost(example: Example) -> None:
    ask(example, "VOLT 3")
    example.power_cycle()
    assert ask(example, "*ESR?") == "128"
    assert ask(example, "VOLT?") == "1"


def test_what_never_ends_is_thrown_away(example: Example) -> None:
    example.receive(b"x" * 100_000)
    assert ask(example, "SYST:ERR?") == '-363,"Input buffer overrun"'


@given(st.binary(max_size=300))
def test_no_bytes_bring_it_down(data: bytes) -> None:
    example = Example("example")
    example.receive(data + b"\n")
    assert ask(example, "*CLS;*OPC?") == "1"


WORDS = st.sampled_from(
    ["VOLT", "SENS:WAV", "OUTP", "?", " ", ";", ":", ",", "*", "1e400", "nan", "MIN", "(@1:3)",
     "(@", "'", '"', "-3", "SOUR999:VOLT", "SYST:ERR?", "\t", "²"]
)  # fmt: skip


@given(st.lists(WORDS, max_size=12))
def test_no_near_commands_bring_it_down(words: list[str]) -> None:
    example = Example("example")
    ask(example, "".join(words))
    assert -5.0 <= example.settings.volts <= 5.0
    ask(example, "'\"")
    assert ask(example, "*CLS;*OPC?") == "1"


def test_channel_lists_are_lists_and_ranges() -> None:
    call = Call((), "3.3, (@1,3:5)")
    assert (call.arguments, call.channels) == (("3.3",), (1, 3, 4, 5))
    for wrong in ("(@a)", "(@1", "(@1:2:3)", "(@)"):
        with pytest.raises(ScpiError):
            Call((), wrong)


def test_separators_inside_quotes_and_parentheses_do_not_split() -> None:
    assert split_outside("a;'b;c';(d;e)", ";") == ["a", "'b;c'", "(d;e)"]


@pytest.mark.parametrize(
    ("sent", "value"), [("10 dBm", 0.01), ("1 mW", 1e-3), ("5", 5.0), ("-3dBm", 5.0119e-4)]
)
def test_watts_are_also_told_in_dbm(sent: str, value: Any) -> None:
    assert Call((), sent).number(0, Unit("W")) == pytest.approx(value, rel=1e-4)


def test_m_is_mega_before_hertz_only() -> None:
    assert Unit("HZ").value(1.0, "MHZ") == 1e6
    assert Unit("V").value(1.0, "MV") == 1e-3


def test_a_suffix_is_caught_by_the_pattern() -> None:
    match = header_pattern("SENSe#[:CHANnel#]:POWer").fullmatch("SENS2:POW")
    assert match is not None
    assert match.groups() == ("2", None)
