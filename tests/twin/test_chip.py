"""From converter codes to phases, and what differs from chip to chip."""

import numpy as np
import pytest

from lumina.theory.drive import heater_power_w
from lumina.theory.mesh import MeshArchitecture
from lumina.theory.mesh_kernels import couplers, transfer
from tests.twin.plants import build
from twin.chip import build_chip, path_transmission
from twin.config_optics import ChipConfig
from twin.records import INSTRUMENT


def test_a_chip_is_what_its_seed_says() -> None:
    one, same, other = (build_chip(ChipConfig(), seed) for seed in (3, 3, 4))
    for name in ("phi0_rad", "pi_power_w", "resistance_ohm", "imbalance_m", "splitter_error_rad"):
        assert np.array_equal(getattr(one, name), getattr(same, name))
        assert not np.any(getattr(one, name) == getattr(other, name))


def test_chips_scatter_as_configured() -> None:
    chip = build_chip(ChipConfig(ports=16, kind="svd"), 1)
    assert chip.phi0_rad.min() >= 0.0
    assert chip.phi0_rad.max() < 2 * np.pi
    assert chip.imbalance_m.std() == pytest.approx(100e-6, rel=0.12)
    assert chip.splitter_error_rad.std() == pytest.approx(0.02, rel=0.12)
    assert chip.pi_power_w.mean() == pytest.approx(0.025, rel=0.01)
    assert chip.pi_power_w.std() == pytest.approx(0.03 * 0.025, rel=0.12)


def test_crosstalk_falls_with_distance_to_a_uniform_floor() -> None:
    config = ChipConfig(crosstalk={"neighbour": 0.005, "floor": 1e-4})
    chip = build_chip(config, 1)
    full = chip.crosstalk.toarray() + chip.floor
    sites = chip.architecture.shifter_sites()
    distance = np.linalg.norm(sites[:, None] - sites[None], axis=2)
    assert np.diag(full) == pytest.approx(1.0)
    assert full[distance == 1.0] == pytest.approx(0.005 + 1e-4)
    expected = np.exp(distance * np.log(0.005)) + 1e-4
    np.fill_diagonal(expected, 1.0)
    np.testing.assert_allclose(full, expected, atol=1.01e-6)


@pytest.mark.parametrize("kind", ["unitary", "svd", "triangular"])
def test_phases_are_phi0_crosstalk_and_drift(kind: str) -> None:
    plant = build(chip={"ports": 6, "kind": kind})
    chip, heater = plant.chip, plant.config.chip.heater
    codes = np.random.default_rng(1).integers(0, 65_536, plant.architecture.shifters)
    plant.actuator.heater_code[:] = codes
    plant.step()
    drive_v = codes / 65_535 * 10.0
    power_w = heater_power_w(
        drive_v, chip.resistance_ohm, np.full(codes.size, heater.feedback_per_w)
    )
    own_rad = np.pi / chip.pi_power_w * power_w
    coupled = (chip.crosstalk.toarray() + chip.floor) @ own_rad
    warm_k = plant.temperatures_c()["die"] - 45.0
    drift = 2 * np.pi * chip.imbalance_m / 1.55e-6 * 1.86e-4 * warm_k
    expected = chip.phi0_rad + coupled + drift
    np.testing.assert_allclose(plant.arrays.heaters.phase_rad, expected, atol=1e-9)
    assert plant.arrays.state["heater_power_w"][0] == pytest.approx(power_w.sum())


def test_every_heater_of_every_chip_reaches_one_turn_and_half_a_turn_to_spare() -> None:
    for chip_seed in range(5):
        plant = build(chip_seed=chip_seed)
        plant.actuator.heater_code[:] = 65_535
        plant.step()
        assert plant.arrays.heaters.own_rad.min() > 3.0 * np.pi


def test_imbalance_drifts_by_75_mrad_per_kelvin_and_100_um() -> None:
    plant = build()
    heaters, heat = plant.arrays.heaters, plant.arrays.heat
    phases = []
    for die_c in (45.0, 46.0):
        heat.temperature_c[:] = die_c
        plant.inputs["ambient_c"] = die_c
        plant.step()
        phases.append(heaters.phase_rad.copy())
    drift = (phases[1] - phases[0]) / plant.chip.imbalance_m * 100e-6
    assert drift == pytest.approx(0.0754, abs=1e-4)


def test_detuned_light_sees_the_imbalance_too() -> None:
    plant = build()
    plant.step()
    tuned = plant.arrays.heaters.phase_rad.copy()
    plant.inputs["laser_wavelength_m"] = 1.5501e-6
    plant.inputs["ambient_c"] = 25.0
    plant.step()
    turned = plant.arrays.heaters.phase_rad - tuned
    expected = -2 * np.pi * 4.2 * plant.chip.imbalance_m * 0.1e-9 / 1.55e-6**2
    # The drift from 45 C at which phases hold is seen at another wavelength as well.
    np.testing.assert_allclose(turned, expected, rtol=2e-3, atol=1e-5)


def test_the_transfer_matrix_is_the_mesh_with_its_losses() -> None:
    plant = build(chip={"ports": 5, "kind": "svd"})
    plant.actuator.heater_code[:] = np.arange(plant.architecture.shifters) * 900
    plant.step()
    loss, mesh = plant.config.chip.loss, MeshArchitecture(5, "svd")
    made = couplers(mesh, plant.chip.splitter_error_rad, 10 ** (-loss.interferometer_db / 20))
    phases = plant.arrays.heaters.phase_rad
    expected = path_transmission(loss, mesh) * transfer(mesh.arrays(), made, phases)
    np.testing.assert_allclose(plant.transfer_matrix(), expected, atol=1e-13)


def test_a_lossless_chip_is_unitary() -> None:
    loss = {"waveguide_db_per_cm": 0, "interferometer_db": 0, "facet_db": 0}
    plant = build(chip={"loss": loss})
    matrix = plant.transfer_matrix()
    np.testing.assert_allclose(matrix.conj().T @ matrix, np.eye(8), atol=1e-12)


def test_twelve_bit_heaters_take_twelve_bit_codes_and_no_more() -> None:
    plant = build(chip={"heater": {"bits": 12}})
    plant.actuator.heater_code[:2] = 4095, 65_535
    plant.step()
    assert plant.arrays.heaters.drive_v[0] == pytest.approx(10.0)
    assert plant.arrays.heaters.drive_v[1] == pytest.approx(10.0)


def test_a_stand_alone_heater_driver_takes_over_within_the_heaters_range() -> None:
    plant = build()
    plant.actuator.heater_code[:] = 65_535
    plant.inputs["heater_source"] = INSTRUMENT
    plant.heater_v[:4] = 3.0, -1.0, 99.0, np.nan
    plant.step()
    assert plant.arrays.heaters.drive_v[:5].tolist() == [3.0, 0.0, 10.0, 0.0, 0.0]
    current_a = plant.heater_current_a()
    assert current_a[0] == pytest.approx(plant.arrays.heaters.power_w[0] / 3.0)
    assert current_a[1] == 0.0


def test_heater_heat_moves_the_die_the_die_moves_phases_and_phases_move_light() -> None:
    plant = build()
    plant.actuator.heater_code[:] = 40_000
    plant.step()
    cold_c, cold = plant.temperatures_c(), plant.arrays.heaters.phase_rad.copy()
    cold_light, cold_codes = plant.output_power_w(), plant.sensor.detector_code.astype(int)
    plant.step(2000)
    warmed_k = plant.temperatures_c()["die"] - cold_c["die"]
    heater_w = float(plant.arrays.state["heater_power_w"][0])
    carrier_k = plant.temperatures_c()["carrier"] - cold_c["carrier"]
    assert heater_w > 2.0
    assert warmed_k - carrier_k == pytest.approx(heater_w * 0.15 * 40 / 41, rel=0.01)
    per_k = 2 * np.pi * plant.chip.imbalance_m / 1.55e-6 * 1.86e-4
    np.testing.assert_allclose(plant.arrays.heaters.phase_rad - cold, per_k * warmed_k, atol=1e-9)
    moved = plant.output_power_w() - cold_light
    assert np.abs(moved).max() > 0.01 * cold_light.max()
    brightest = int(np.abs(moved).argmax())
    step = int(plant.sensor.detector_code[brightest]) - cold_codes[brightest]
    assert np.sign(step) == np.sign(moved[brightest])
