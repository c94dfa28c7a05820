"""What an identification found: kept, read back, and put to use."""

import json
from dataclasses import replace

import pytest

from calibration.thermal.result import ThermalIdentification
from lumina.control.config import ControlConfig
from lumina.errors import CalibrationError
from tests.calibration.thermal.identified import some_identification


@pytest.mark.parametrize("fan_swing", [True, False])
def test_findings_come_back_as_they_were(fan_swing: bool) -> None:
    found = some_identification(fan_swing)
    assert ThermalIdentification.from_findings(found.to_findings()) == found


def test_findings_of_another_kind_or_with_impossible_values_are_refused() -> None:
    findings = some_identification().to_findings()
    with pytest.raises(CalibrationError, match="schema 9"):
        ThermalIdentification.from_findings(replace(findings, schema=9))
    with pytest.raises(CalibrationError, match="mesh findings"):
        ThermalIdentification.from_findings(replace(findings, routine="mesh"))
    parameters = dict(findings.tables["parameters"])
    parameters["value"] = -parameters["value"]
    wrong = replace(findings, tables={**findings.tables, "parameters": parameters})
    with pytest.raises(CalibrationError, match="not a thermal identification"):
        ThermalIdentification.from_findings(wrong)
    with pytest.raises(CalibrationError, match="not a thermal identification"):
        ThermalIdentification.from_findings(replace(findings, tables={}))


def test_the_interval_holds_95_percent_and_the_table_says_the_unit() -> None:
    found = some_identification()
    low, high = found.interval("carrier_capacity_j_per_k")
    assert low < 37.0 < high
    assert high / low == pytest.approx(1.0 + 4 * 0.98 * 0.001, rel=1e-4)
    table = found.to_findings().tables["parameters"]
    units = dict(zip(table["parameter"].tolist(), table["unit"].tolist(), strict=True))
    assert units["carrier_capacity_j_per_k"] == "J/K"
    assert units["fan_exponent"] == ""


def test_the_figures_are_plain_json_without_infinities() -> None:
    figures = some_identification().figures()
    json.dumps(figures, allow_nan=False)
    assert figures["tec_idle_gain_margin_db"] == 35.0
    assert figures["fan_loaded_phase_margin_deg"] == 88.0
    assert figures["tec_seebeck_v_per_k_relative_sigma"] == 0.002


def test_a_controllers_config_takes_the_beliefs_and_gains_over() -> None:
    found, config = some_identification(), ControlConfig(setpoint_c=40.0)
    taken = found.control(config)
    assert taken.thermal_model == found.model
    assert taken.tec.pid == found.tuning.tec
    assert taken.tec.current_limit_a == config.tec.current_limit_a
    assert taken.setpoint_c == 40.0
