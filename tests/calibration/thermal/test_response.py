"""The believed plant's frequency response against the formula of its parts."""

import numpy as np
import pytest

from calibration.thermal.response import plant_response
from lumina.control.records import TICK_S
from lumina.theory.thermal_model import ThermalModel
from lumina.theory.thermistor import KELVIN

MODEL = ThermalModel()


@pytest.mark.parametrize("omega_rad_s", [3.0, 10.0, 20.0])
def test_current_to_carrier_sensor_is_an_integrator_with_die_and_lag(omega_rad_s: float) -> None:
    s = 1j * omega_rad_s
    die = MODEL.die_capacity_j_per_k / (
        1.0 + s * MODEL.die_capacity_j_per_k * MODEL.die_resistance_k_per_w
    )
    leak = MODEL.tec_conductance_w_per_k
    pull = -MODEL.tec_seebeck_v_per_k * (45.0 + KELVIN)
    carrier = pull / (s * (MODEL.carrier_capacity_j_per_k + die) + leak)
    expected = carrier / (1.0 + s * MODEL.carrier_lag_s)
    # Node and sensor are each advanced to the end of the tick: half a tick early, twice.
    expected *= np.exp(s * TICK_S)
    found = plant_response(MODEL, omega_rad_s, current_a=0.0, carrier_c=45.0, sink_c=30.0)
    assert found == pytest.approx(expected, rel=0.01)


def test_heating_current_answers_more_and_cooling_current_less() -> None:
    at = {"carrier_c": 45.0, "sink_c": 30.0}
    none = abs(plant_response(MODEL, 10.0, current_a=0.0, **at))
    pull = MODEL.tec_seebeck_v_per_k * (45.0 + KELVIN)
    for current_a in (-2.0, 2.0):
        share = 1.0 - MODEL.tec_resistance_ohm * current_a / pull
        found = abs(plant_response(MODEL, 10.0, current_a=current_a, **at))
        assert found / none == pytest.approx(share, rel=0.01)
