"""A plant with a bank of micro-rings: resonances move with heat and laser, light is counted."""

import numpy as np
import pytest
from pydantic import ValidationError

from tests.twin.plants import build
from twin.config import PlantConfig
from twin.plant import Plant

BANK = {"ports": 4, "kind": "rings", "crosstalk": {"neighbour": 0.0, "floor": 0.0}}
BALANCED = {"detection": "balanced"}


def bank(**receivers: object) -> Plant:
    plant = build(chip=BANK, receivers=BALANCED | receivers)
    plant.step()
    return plant


def drive_to(plant: Plant, phase_rad: float) -> None:
    """Put every ring at this round-trip phase by its heater."""
    plant.step()
    heaters = plant.arrays.heaters
    missing = (phase_rad - (heaters.phase_rad - heaters.own_rad)) % (2 * np.pi)
    power_w = missing / heaters.phase_per_w
    volts = np.sqrt(power_w / heaters.conductance_s * (1 + heaters.feedback_per_w * power_w))
    plant.actuator.heater_code[:] = np.rint(volts / heaters.full_scale_v * heaters.full_code)
    plant.step()


def test_a_bank_has_a_ring_per_channel_and_row() -> None:
    plant = bank()
    assert plant.actuator.heater_code.size == 16
    assert plant.transfer_matrix().shape == (4, 4)


def test_heaters_bring_rings_onto_their_channels() -> None:
    plant = bank()
    drive_to(plant, 0.0)
    path = plant.arrays.optics.path**2
    assert np.all(plant.transfer_matrix().real / path > 0.8)


def test_a_warmer_die_moves_resonances_by_the_configured_drift() -> None:
    plant = bank()
    before = plant.arrays.heaters.phase_rad.copy()
    plant.arrays.heat.temperature_c[:] += 2.0
    plant.step()
    moved = plant.arrays.heaters.phase_rad - before
    np.testing.assert_allclose(moved, 2.0 * 2 * np.pi * 0.1 / 14.4, rtol=0.02)


def test_a_laser_that_hops_takes_all_channels_along() -> None:
    plant = bank()
    before = plant.arrays.heaters.phase_rad.copy()
    plant.inputs["laser_wavelength_m"] += 0.1e-9
    plant.step()
    moved = plant.arrays.heaters.phase_rad - before
    np.testing.assert_allclose(moved, -2 * np.pi * 0.1 / 14.4, rtol=0.02)


def test_products_are_weights_times_powers() -> None:
    plant = bank(bits=16, inl_lsb=0.0)
    drive_to(plant, 0.02)
    powers = np.random.default_rng(0).uniform(0, 1, (4, 500)).astype(complex)
    weights = plant.transfer_matrix().real / plant.arrays.optics.path**2
    seen = plant.multiply(powers)
    np.testing.assert_allclose(seen.imag, 0.0)
    np.testing.assert_allclose(seen.real, 0.6 * weights @ powers.real / 4, atol=0.01)
    assert np.abs(seen.real - 0.6 * weights @ powers.real / 4).mean() < 0.002


def test_shot_noise_is_that_of_all_light_on_the_pair() -> None:
    """Where the weight is nearly zero both photodiodes still see half of the light."""
    silent = {"rin_db_per_hz": -180.0, "linewidth_hz": 0.0}
    dark = {"dark_current_a": 0.0, "transimpedance_ohm": 1e9, "bits": 16, "inl_lsb": 0.0}
    plant = build(chip=BANK, receivers=BALANCED | dark, laser=silent)
    drive_to(plant, 0.05)
    seen = plant.multiply(np.ones((4, 40_000), complex)).real
    optics = plant.arrays.optics
    light_a = 0.01 * optics.path**2 / 16 * (optics.bank.dropped + optics.bank.passed).sum(axis=1)
    expected_a2 = 2 * 1.602176634e-19 * light_a * 0.5e9
    full_scale_a = 0.01 / 4 * optics.path**2 / 0.6
    np.testing.assert_allclose(seen.var(axis=1) * full_scale_a**2, expected_a2, rtol=0.05)


def test_monitors_see_what_each_row_drops() -> None:
    plant = bank()
    drive_to(plant, 0.0)
    dropped_w = plant.arrays.optics.bank.dropped.sum(axis=1) * 0.01 / 16
    np.testing.assert_allclose(plant.output_power_w(), dropped_w * plant.arrays.optics.path**2)
    plant.inputs["laser_on"] = 0.0
    plant.step()
    np.testing.assert_allclose(plant.output_power_w(), 0.0)


def test_a_bank_is_read_balanced_and_nothing_else_is() -> None:
    with pytest.raises(ValidationError, match="read balanced"):
        PlantConfig.model_validate({"chip": {"kind": "rings"}})
    with pytest.raises(ValidationError, match="read balanced"):
        PlantConfig.model_validate({"receivers": {"detection": "balanced"}})


def test_channels_beyond_the_free_spectral_range_are_refused() -> None:
    chip = {"kind": "rings", "ports": 16}
    with pytest.raises(ValidationError, match="free spectral range"):
        PlantConfig.model_validate({"chip": chip, "receivers": BALANCED})
