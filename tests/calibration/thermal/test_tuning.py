"""Gains by Skogestad's rules, and their margins on the loop as it is compiled."""

import asyncio
import re
from typing import Any

import pytest

from calibration.thermal.options import ThermalOptions
from calibration.thermal.tuning import (
    LoopMargins,
    Tuning,
    fan_gains,
    tec_gains,
    tune,
    why_thin,
)
from lumina.control.config import ControlConfig
from lumina.control.linear import Actuator, Believed, OperatingPoint, open_loop
from lumina.control.records import TICK_S
from lumina.errors import CalibrationError, UsageError
from lumina.theory.feedback import Margins, StateSpace, margins
from lumina.theory.thermal_model import ThermalModel

CONFIG, MODEL = ControlConfig(), ThermalModel()


def tuned(noise_k: float = 7e-4, **least: float) -> Tuning:
    options = ThermalOptions(**least)
    return asyncio.run(tune(MODEL, CONFIG, inlet_c=25.0, noise_k=noise_k, options=options))


def test_the_gains_are_those_of_simc_for_an_integrator_with_one_lag() -> None:
    pid = tec_gains(MODEL, 0.298)  # and 2 ms of delay
    kc = MODEL.carrier_capacity_j_per_k / 0.3
    assert pid.kp == pytest.approx(kc * (1 + MODEL.carrier_lag_s / 1.2))
    assert pid.ki == pytest.approx(kc / 1.2)
    assert pid.kd == pytest.approx(kc * MODEL.carrier_lag_s)


def test_a_stronger_fan_and_a_lighter_sink_get_lower_gains() -> None:
    base = fan_gains(MODEL, CONFIG, 25.0).kp
    strong = MODEL.model_copy(update={"full_speed_k_per_w": 0.05})
    light = MODEL.model_copy(update={"sink_capacity_j_per_k": 50.0})
    assert fan_gains(strong, CONFIG, 25.0).kp < 0.5 * base
    assert fan_gains(light, CONFIG, 25.0).kp < 0.5 * base


def test_margins_are_shown_for_both_loops_idle_and_loaded() -> None:
    found = tuned()
    assert [(one.actuator, one.load_w > 0.0) for one in found.margins] == [
        (Actuator.TEC, False),
        (Actuator.TEC, True),
        (Actuator.FAN, True),
    ]
    for one in found.margins:
        assert one.margins.stable
        assert one.margins.gain_db > 6.0
        assert one.margins.phase_deg > 45.0
        assert one.margins.sensitivity < 1.7


@pytest.mark.parametrize(("factor", "stable"), [(40.0, True), (400.0, False)])
def test_what_is_called_unstable_swings(
    factor: float, stable: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lumina.control.loop.why_unstable", lambda *_: "")  # else refused
    point = OperatingPoint(0.0, 25.0)
    tec, fan = tec_gains(MODEL, 0.3), CONFIG.fan.pid
    more = tec.model_copy(update={n: factor * getattr(tec, n) for n in ("kp", "ki", "kd")})
    bench = Believed(CONFIG, MODEL, tec, fan, point)
    bench.settle()
    bench.retune(more, fan)
    bench.run(5000)
    currents_a = [bench.run(7) for _ in range(500)]
    assert (max(currents_a) - min(currents_a) < 1.0) is stable
    # A believed bench run as a whole answers one tick late.
    delay = StateSpace.delay(1, TICK_S)
    assert margins(bench.linearised(Actuator.TEC).then(delay)).stable is stable


def test_gains_with_too_thin_margins_are_refused_with_the_margin() -> None:
    with pytest.raises(CalibrationError, match=r"phase margin of \d\d degrees \(allowed: 89"):
        tuned(least_phase_margin_deg=89.0)


@pytest.mark.parametrize(
    ("margins_of", "reason"),
    [
        ({"stable": False}, "the tec's loop under 30 W is unstable"),
        ({"gain_db": 5.0}, r"gain margin of 5.0 dB \(allowed: 6 dB or more"),
        ({"gain_reduction_db": 5.5}, "gain margin of 5.5 dB"),
        ({"phase_deg": 44.0}, "phase margin of 44 degrees"),
        ({}, "^$"),
    ],
)
def test_a_thin_margin_is_named(margins_of: dict[str, Any], reason: str) -> None:
    good = Margins(True, 20.0, 20.0, 60.0, 1.3, 3.0)
    one = LoopMargins(Actuator.TEC, 30.0, good._replace(**margins_of))
    assert re.search(reason, why_thin((one,)))


def test_a_noisy_sensor_gets_a_slower_loop_and_a_hopeless_one_is_refused() -> None:
    assert tuned(noise_k=5e-3).closed_loop_s > 1.2 * tuned().closed_loop_s
    with pytest.raises(CalibrationError, match="sensor noise"):
        tuned(noise_k=1.0)


def test_a_loop_that_cannot_hold_its_set_point_has_no_margins() -> None:
    with pytest.raises(UsageError, match="does not come to rest under 400 W"):
        open_loop(CONFIG, MODEL, CONFIG.tec.pid, CONFIG.fan.pid, OperatingPoint(400.0, 25.0))
