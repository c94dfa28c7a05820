"""A tape survives kills and torn ends, and a procedure cannot tell it from the chip."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from calibration.mesh.procedure import calibrate_chip
from calibration.result import ChipCalibration
from calibration.tape import (
    Answer,
    Exchange,
    TapedChip,
    TapeWriter,
    decode_exchange,
    encode_exchange,
    read_tape,
    settings_on,
)
from lumina.errors import CalibrationError, StoreError
from tests.calibration.simulated_chip import SimulatedChip
from tests.store.children import child

FLOATS = st.floats(allow_nan=True)
ANSWERS = st.one_of(
    st.none(),
    FLOATS,
    hnp.arrays(np.float64, hnp.array_shapes(max_dims=3, max_side=3, min_side=0)),
    hnp.arrays(np.complex128, hnp.array_shapes(max_dims=2, max_side=3)),
)
EXCHANGES = st.builds(Exchange, FLOATS, st.text("abc_", max_size=20), ANSWERS, ANSWERS)


def same(one: Exchange, other: Exchange) -> bool:
    return encode_exchange(one) == encode_exchange(other)


@given(EXCHANGES)
def test_any_exchange_survives_its_record(exchange: Exchange) -> None:
    found = decode_exchange(encode_exchange(exchange))
    assert found is not None
    assert same(found, exchange)
    assert found.asks(exchange.question, exchange.argument)


@given(EXCHANGES, st.data())
def test_a_record_that_is_cut_or_changed_is_not_taken_for_one(
    exchange: Exchange, data: st.DataObject
) -> None:
    record = bytearray(encode_exchange(exchange))
    cut = data.draw(st.integers(0, len(record) - 1))
    assert decode_exchange(bytes(record[:cut])) is None
    record[data.draw(st.integers(0, len(record) - 1))] ^= data.draw(st.integers(1, 255))
    assert decode_exchange(bytes(record)) is None


@given(st.binary(max_size=80))
def test_any_bytes_are_read_without_complaint(content: bytes) -> None:
    found = decode_exchange(content)
    assert found is None or encode_exchange(found) == content


@given(st.lists(EXCHANGES, max_size=5), st.binary(max_size=90))
def test_any_tape_is_read_to_its_last_whole_record(
    tmp_path_factory: pytest.TempPathFactory, exchanges: list[Exchange], tail: bytes
) -> None:
    path = written(tmp_path_factory.mktemp("tapes") / "one.tape", exchanges)
    with path.open("ab") as file:
        file.write(tail)
    found = list(read_tape(path))
    assert list(map(encode_exchange, found)) == list(map(encode_exchange, exchanges))


def written(path: Path, exchanges: list[Exchange]) -> Path:
    with TapeWriter(path) as writer:
        for exchange in exchanges:
            writer.write(exchange)
    return path


SOME = [Exchange(0.1 * k, "set_drive_v", np.arange(3.0) + k, None) for k in range(200)]


def test_a_torn_end_costs_the_last_record_only(tmp_path: Path) -> None:
    path = written(tmp_path / "one.tape", SOME)
    content = path.read_bytes()
    assert [e.t_s for e in read_tape(path)] == [e.t_s for e in SOME]
    path.write_bytes(content[:-1])
    assert len(list(read_tape(path))) == 199
    path.write_bytes(content + b"\x00\x00")
    assert len(list(read_tape(path))) == 200
    path.write_bytes(content[:5])
    assert list(read_tape(path)) == []


def test_a_chip_is_asked_anew_from_the_last_setting_on(tmp_path: Path) -> None:
    look = [
        Exchange(0.0, "set_drive_v", np.zeros(3), None),
        Exchange(0.0, "die_temperature_c", None, 45.0),
        Exchange(0.0, "measure_transfer", 1.0, np.eye(2, dtype=complex)),
    ]
    assert settings_on(written(tmp_path / "cut.tape", [*look, *look[:2]])) == 3
    assert settings_on(written(tmp_path / "whole.tape", [*look, *look])) == 3
    assert settings_on(written(tmp_path / "empty.tape", [])) == 0


def test_what_is_no_tape_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.tape"
    with pytest.raises(StoreError, match="No such file"):
        list(read_tape(path))
    path.write_text("three volts")
    with pytest.raises(StoreError, match="not a tape"):
        list(read_tape(path))
    with pytest.raises(StoreError, match="File exists"):
        TapeWriter(path)


def test_a_killed_process_loses_nothing_that_was_written(tmp_path: Path) -> None:
    program = """
    from calibration.tape import TapeWriter
    from tests.calibration.tape.test_tape import SOME
    writer = TapeWriter(folder / "one.tape")
    while True:
        for exchange in SOME:
            writer.write(exchange)
        print("some", flush=True)
    """
    with child(tmp_path, program) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.kill()
    assert len(list(read_tape(tmp_path / "one.tape"))) >= 200


async def calibrated(
    chip: SimulatedChip, path: Path, earlier: list[Exchange]
) -> tuple[ChipCalibration, TapedChip]:
    with TapeWriter(path) as writer:
        taped = TapedChip(chip, writer, earlier=earlier)
        rng = np.random.default_rng(7)
        return await calibrate_chip(taped, rng=rng, progress=lambda stage, done: None), taped


@pytest.mark.parametrize("taps", [False, True])
async def test_a_procedure_cut_at_any_exchange_goes_on_to_the_same_end(
    tmp_path: Path, taps: bool
) -> None:
    path = tmp_path / "whole.tape"
    whole, _ = await calibrated(SimulatedChip(4, seed=1, taps=taps), path, [])
    assert whole.quality is not None
    tape = list(read_tape(path))
    assert any(exchange.question == "measure_taps" for exchange in tape) == taps
    for cut in (3, len(tape) // 3, len(tape)):
        # A chip that went through the same history stands as the killed run's did.
        chip = SimulatedChip(4, seed=1, taps=taps)
        for exchange in tape[:cut]:
            await replayed(chip, exchange)
        done = chip.measurements
        path = tmp_path / f"cut-{cut}.tape"
        again, taped = await calibrated(chip, path, tape[:cut])
        assert again.to_findings().same_as(whole.to_findings())
        assert taped.measurements == chip.measurements == whole.quality.measurements
        assert chip.measurements - done == sum(map(repeats, tape[cut:]))
        assert list(map(content, read_tape(path))) == list(map(content, tape))


def content(exchange: Exchange) -> bytes:
    return encode_exchange(exchange._replace(t_s=0.0))


def repeats(exchange: Exchange) -> int:
    measured = exchange.question == "measure_transfer"
    return int(number(exchange.argument)) if measured else 0


def number(value: Answer) -> float:
    assert isinstance(value, float)
    return value


async def replayed(chip: SimulatedChip, exchange: Exchange) -> None:
    match exchange.question:
        case "set_drive_v":
            await chip.set_drive_v(np.asarray(exchange.argument, float))
        case "set_carrier_c":
            await chip.set_carrier_c(number(exchange.argument))
        case "measure_transfer":
            await chip.measure_transfer(repeats(exchange))
        case "measure_readings":
            asked = np.asarray(exchange.argument)
            await chip.measure_readings(asked[:-1], int(asked[-1, 0].real))
        case "measure_taps":
            asked = np.asarray(exchange.argument)
            await chip.measure_taps(asked[:-1], int(asked[-1, 0].real))
        case "die_temperature_c":
            chip.die_temperature_c()


async def test_set_point_and_drives_are_set_again_where_the_tape_ends(tmp_path: Path) -> None:
    chip = SimulatedChip(4, seed=1)
    drives = [np.full(36, volts) for volts in (1.0, 2.0)]
    tape = [
        Exchange(0.0, "set_carrier_c", 47.0, None),
        *(Exchange(0.0, "set_drive_v", drive_v, None) for drive_v in drives),
    ]
    with TapeWriter(tmp_path / "new.tape") as writer:

        async def catch_up() -> None:
            await taped.set_again()

        taped = TapedChip(chip, writer, earlier=tape, catch_up=catch_up)
        await taped.set_carrier_c(47.0)
        for drive_v in drives:
            await taped.set_drive_v(drive_v)
        assert chip.carrier_c == 45.0
        await taped.measure_transfer()
    assert chip.carrier_c == 47.0
    np.testing.assert_allclose(chip._drive_v, 2.0, atol=1e-3)


async def test_another_procedure_than_the_taped_one_is_told(tmp_path: Path) -> None:
    tape: list[Any] = [Exchange(0.0, "set_drive_v", np.zeros(36), None)]
    with (
        TapeWriter(tmp_path / "new.tape") as writer,
        pytest.raises(CalibrationError, match="the procedure has changed"),
    ):
        await TapedChip(SimulatedChip(4, seed=1), writer, earlier=tape).set_drive_v(np.ones(36))
