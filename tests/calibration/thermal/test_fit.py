"""The thermal model from records of plants that are known."""

import asyncio

import numpy as np
import pytest

from calibration.thermal.fit import ThermalFit, fit_model
from calibration.thermal.samples import Samples, noise_of
from calibration.thermal.tachometer import fit_spin_up
from lumina.theory.thermal_model import ThermalModel
from tests.calibration.thermal.believed_plant import TRUTH, record_of


def fitted(samples: Samples) -> ThermalFit:
    return asyncio.run(
        fit_model(samples, ThermalModel(), counted_by_ohm=800.0, progress=lambda *_: None)
    )


def errors_in_sigma(fit: ThermalFit, truth: ThermalModel = TRUTH) -> dict[str, float]:
    return {
        name: float(np.log(getattr(fit.model, name) / getattr(truth, name)) / sigma)
        for name, sigma in fit.sigma.items()
    }


def test_every_parameter_is_found_within_its_confidence() -> None:
    fit = fitted(record_of())
    away = errors_in_sigma(fit)
    assert len(away) == 15
    assert max(map(abs, away.values())) < 3.0
    assert max(fit.sigma.values()) < 0.01
    assert fit.air_offset_k == pytest.approx(0.3, abs=0.02)
    for channel in fit.channels.values():
        assert channel.residual_rms < 1.05 * channel.noise_rms


def test_the_metered_loads_gain_is_found_where_the_load_changes() -> None:
    fit = fitted(record_of(load_w=10.0))
    assert abs(errors_in_sigma(fit)["meter_gain"]) < 3.0
    assert fit.sigma["meter_gain"] < 0.01
    assert "meter_gain" not in fitted(record_of(load_w=0.5, duration_s=30.0)).sigma


def test_what_a_record_does_not_tell_stays_as_uncertain_as_it_was() -> None:
    samples = record_of(duration_s=30.0)
    quiet = samples.copy()
    quiet["fan_set_rpm"] = quiet["fan_rpm"] = 0.0
    fit = fitted(quiet)
    assert fit.sigma["fan_exponent"] > 0.4
    assert fit.model.fan_exponent == pytest.approx(ThermalModel().fan_exponent)
    assert "fan_spin_up_s" not in fit.sigma


def test_slow_telemetry_serves_as_well_but_tells_less() -> None:
    fit = fitted(record_of(rate_hz=100.0))
    assert max(map(abs, errors_in_sigma(fit).values())) < 4.0


def test_heat_that_nobody_told_of_widens_the_confidence() -> None:
    samples = record_of()
    t_s = samples["tick"] / 1000.0
    wandering = samples.copy()
    for name in ("carrier_c", "die_c"):
        wandering[name] += 0.03 * np.sin(0.4 * t_s)
    honest, doubtful = fitted(samples), fitted(wandering)
    assert (
        doubtful.sigma["carrier_capacity_j_per_k"] > 3.0 * honest.sigma["carrier_capacity_j_per_k"]
    )
    carrier = doubtful.channels["carrier_c"]
    assert carrier.residual_rms > 20.0 * carrier.noise_rms
    assert carrier.whiteness < 0.2


def test_noise_is_seen_under_any_slow_signal() -> None:
    t_s = np.arange(20_000) / 1000.0
    noise = np.random.default_rng(3).normal(size=t_s.size)
    triangle = np.abs(t_s % 4.0 - 2.0)
    assert noise_of(triangle + 1e-3 * noise) == pytest.approx(1e-3, rel=0.05)


def test_the_fans_time_constant_comes_from_its_tachometer() -> None:
    samples = record_of(duration_s=30.0)
    found = fit_spin_up(samples, 2.0)
    assert found is not None
    assert found.spin_up_s == pytest.approx(TRUTH.fan_spin_up_s, rel=1e-4)
    samples["fan_set_rpm"] = 1000.0
    assert fit_spin_up(samples, 2.0) is None
