"""What the bench says to the room and believes of it."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lumina.control.records import TELEMETRY, Tier
from lumina.runtime.facility.messages import INLET_C, airflow_wanted, inlet_of, report


def row(**values: Any) -> Any:
    rows = np.zeros(1, TELEMETRY)
    rows["carrier_c"], rows["compute_power_w"] = 45.0, 30.0
    for name, value in values.items():
        rows[name] = value
    return rows[0]


def test_a_report_tells_heat_and_power_in_plain_numbers() -> None:
    voltages, currents = np.zeros(8), np.zeros(8)
    voltages[:2], currents[:2] = (12.0, 3.3), (1.5, 0.2)
    told = report(
        row(die_estimate_c=49.5, rail_voltage_v=voltages, rail_current_a=currents),
        12.3456,
        4000.0,
        0.5,
    )
    assert told["power_w"] == pytest.approx(30.0 + 18.0 + 0.66)
    assert (told["chip_c"], told["t_s"], told["guard"]) == (49.5, 12.346, "normal")
    assert json.loads(json.dumps(told)) == told


def test_without_rail_meters_the_known_parts_are_added_up() -> None:
    told = report(row(heater_power_w=2.0, tec_current_a=-3.0, tec_voltage_v=-2.5), 0.0, 4000.0, 0.5)
    assert told["power_w"] == pytest.approx(30.0 + 2.0 + 7.5)


def test_a_temperature_that_cannot_be_read_is_null() -> None:
    assert report(row(carrier_c=np.nan), 0.0, 4000.0, 0.5)["carrier_c"] is None


@pytest.mark.parametrize(
    ("fan_rpm", "tier", "wanted"),
    [
        (0.0, Tier.NORMAL, 0.0),
        (2000.0, Tier.NORMAL, 0.0),
        (3000.0, Tier.NORMAL, 0.5),
        (4000.0, Tier.NORMAL, 1.0),
        (0.0, Tier.WARNING, 1.0),
    ],
)
def test_more_air_is_asked_for_when_the_own_fan_runs_out(
    fan_rpm: float, tier: Tier, wanted: float
) -> None:
    assert airflow_wanted(row(fan_set_rpm=fan_rpm, tier=tier), 4000.0, 0.5) == wanted


@pytest.mark.parametrize("payload", [b"23.5", b'{"temperature_c": 23.5, "humidity": 40}', b" 23.5"])
def test_an_inlet_temperature_is_a_number_or_has_a_name(payload: bytes) -> None:
    assert inlet_of(payload) == 23.5


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"warm",
        b"nan",
        b"Infinity",
        b"true",
        b"[23]",
        b"{}",
        b'{"temperature_c": "23"}',
        b"900",
    ],
)
def test_what_is_not_believable_is_refused(payload: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        inlet_of(payload)


@given(st.binary(max_size=60) | st.floats().map(lambda x: json.dumps(x).encode()))
def test_whatever_comes_is_a_believable_temperature_or_refused(payload: bytes) -> None:
    try:
        told = inlet_of(payload)
    except ValueError:
        return
    assert INLET_C[0] <= told <= INLET_C[1]
