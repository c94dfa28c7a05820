"""NAME[:PLACE][=VALUE]@T[..T2]: read, written back, and refused with what is allowed."""

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.registry import Backend
from lumina.errors import UsageError
from lumina.runtime.config import BenchConfig, load_config
from lumina.runtime.faults import CATALOGUE, PlannedFault, parse_fault, parse_faults
from lumina.runtime.faults.planned import place_of, places_of

ROOT = Path(__file__).parents[3]
SMALL = load_config(ROOT / "lab_configs" / "small.yaml")
FIRMWARE = load_config(ROOT / "lab_configs" / "small.yaml", backend=Backend.FIRMWARE)


def test_a_fault_is_a_name_and_a_time() -> None:
    assert parse_fault("fan_stall@30", SMALL) == PlannedFault("fan_stall", "", 0.0, 30.0)


def test_place_severity_and_end_may_be_given() -> None:
    fault = parse_fault("sensor_drift:sink=-0.5@1.5..60", SMALL)
    assert fault == PlannedFault("sensor_drift", "sink", -0.5, 1.5, 60.0)


def test_what_is_left_out_is_the_usual() -> None:
    drift = parse_fault("sensor_drift@1", SMALL)
    assert (drift.place, drift.value) == ("die", -0.2)
    assert parse_fault("rail_short@1", SMALL).place == "laser_3v3"
    assert parse_fault("link_loss@1", FIRMWARE).place == "npu"


def test_faults_are_put_in_the_order_of_their_time() -> None:
    faults = parse_faults(["fan_stall@30", "tec_open@10..20"], SMALL)
    assert [fault.name for fault in faults] == ["tec_open", "fan_stall"]


@pytest.mark.parametrize("name", CATALOGUE)
def test_every_fault_can_be_planted_on_the_twin_or_on_firmware(name: str) -> None:
    fault = parse_fault(f"{name}@3", FIRMWARE)
    kind = fault.kind
    assert [kind.words is not None, kind.wire is not None, kind.host].count(True) == 1
    if kind.words is not None:
        words = kind.words(place_of(fault, FIRMWARE), fault.value)
        assert all(value != 0.0 for value in words.values())
    if kind.wire is None:
        assert parse_fault(f"{name}@3", SMALL) == fault


@given(
    name=st.sampled_from(sorted(CATALOGUE)),
    share=st.floats(0, 1),
    at_s=st.floats(0, 1e5),
    lasts_s=st.none() | st.floats(0.01, 1e3),
    data=st.data(),
)
def test_what_is_written_is_read_back(
    name: str, share: float, at_s: float, lasts_s: float | None, data: st.DataObject
) -> None:
    kind = CATALOGUE[name]
    place = data.draw(st.sampled_from(places_of(kind, FIRMWARE)))
    severity = kind.severity
    value = 0.0
    if severity is not None:
        value = float(f"{severity.low + share * (severity.high - severity.low):.3g}")
    until_s = None if lasts_s is None else round(at_s + lasts_s, 3)
    fault = PlannedFault(name, place, value, round(at_s, 3), until_s)
    assert parse_fault(str(fault), FIRMWARE) == fault


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("fan_stal@30", "no fault is called fan_stal.*allowed: .*fan_stall"),
        ("fan_stall", r"is not a fault.*NAME\[:PLACE\]"),
        ("@30", "is not a fault"),
        ("", "is not a fault"),
        ("fan_stall@-1", "T is -1.*0 .. 1e\\+06 s"),
        ("fan_stall@nan", "T is nan"),
        ("fan_stall@soon", "T is soon"),
        ("fan_stall@30..30", "T2 is 30.*30 .. 1e\\+06 s"),
        ("fan_stall@30..inf", "T2 is inf"),
        ("fan_stall=1@30", "fan_stall has no degrees"),
        ("fan_stall:left@30", "cannot strike left"),
        ("sensor_drift=9@3", r"-5 \.\. 5 K/s"),
        ("sensor_drift=fast@3", "how fast is fast"),
        ("sensor_stuck:nose@3", "allowed: die, carrier_a, carrier_b, sink"),
        ("heater_open:36@3", r"allowed: 0 \.\. 35"),
        ("rail_short:main@3", "laser_3v3, heaters_12v"),
        ("link_loss@3", "needs backend firmware"),
    ],
)
def test_what_cannot_be_planted_is_refused_with_what_can(text: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        parse_fault(text, SMALL)


@given(st.text(max_size=40))
def test_no_text_does_worse_than_being_refused(text: str) -> None:
    with suppress(UsageError):
        assert parse_fault(text, SMALL).name in CATALOGUE


def test_nothing_is_planted_on_real_hardware() -> None:
    config = load_config(ROOT / "lab_configs" / "hardware_example.yaml")
    with pytest.raises(UsageError, match="real hardware"):
        parse_fault("fan_stall@3", config)


def test_a_bench_of_several_boards_is_refused() -> None:
    two = BenchConfig.model_validate(
        {
            "name": "two",
            "plants": {"a": {}, "b": {}},
            "instruments": {name: {"driver": "lumina_npu", "plant": name} for name in ("a", "b")},
        }
    )
    with pytest.raises(UsageError, match="one processor, not 2"):
        parse_fault("fan_stall@3", two)
