"""What a real chip has and a simple model of it lacks; none of it is there by default."""

import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import ValidationError

from tests.twin.plants import build
from twin.config import PlantConfig
from twin.plant import Plant

QUIET = {"bits": 16, "inl_lsb": 0.0, "transimpedance_ohm": 1e9}
SILENT = {"rin_db_per_hz": -180.0, "linewidth_hz": 0.0}


def driven(plant: Plant, code: int = 30_000) -> Plant:
    plant.actuator.heater_code[:] = code
    plant.step()
    return plant


def read(
    plant: Plant, fields: NDArray[np.complex128], repeats: int = 400
) -> NDArray[np.complex128]:
    seen = plant.multiply(np.tile(fields, repeats))
    return np.asarray(seen.reshape(len(seen), repeats, -1).mean(axis=1))


def test_a_cubic_term_adds_phase_beyond_that_by_power() -> None:
    plain = driven(build()).arrays.heaters
    bent = driven(build(chip={"heater": {"cubic_rad_per_v3": 2e-4}})).arrays.heaters
    np.testing.assert_allclose(bent.own_rad - plain.own_rad, 2e-4 * plain.drive_v**3)
    np.testing.assert_array_equal(bent.power_w, plain.power_w)


def test_heater_converters_bow_each_by_its_own_amount() -> None:
    plain = driven(build(chip={"heater": {"bits": 12}}), 865).arrays.heaters
    plant = driven(build(chip={"heater": {"bits": 12, "inl_lsb": 4.0}}), 865)
    error_lsb = (plant.arrays.heaters.drive_v - plain.drive_v) / (10.0 / 4095)
    # Code 865 is where the bow of a unipolar converter of 12 bits peaks.
    np.testing.assert_allclose(error_lsb, -4.0 * plant.chip.converter_bow, rtol=1e-3)
    assert np.abs(error_lsb).max() > 3.0


def test_loss_scatters_over_interferometers_and_facets() -> None:
    loss = {"interferometer_db": 0.1, "interferometer_spread_db": 0.03, "facet_spread_db": 0.2}
    plant = build(chip={"ports": 16, "kind": "svd", "loss": loss})
    loss_db = -20 * np.log10(plant.chip.interferometer_amplitude)
    assert loss_db.std() == pytest.approx(0.03, rel=0.15)
    assert (-20 * np.log10(plant.chip.facet_amplitude)).std() == pytest.approx(0.2, rel=0.4)
    clear = {"waveguide_db_per_cm": 0, "interferometer_db": 0, "facet_db": 0}
    bare = build(chip={"loss": clear | {"facet_spread_db": 0.2}})
    inputs, outputs = bare.chip.facet_amplitude
    unitary = bare.transfer_matrix() / outputs[:, None] / inputs
    np.testing.assert_allclose(unitary.conj().T @ unitary, np.eye(8), atol=1e-12)


def test_monitors_see_the_facets_too() -> None:
    plant = driven(build(chip={"loss": {"facet_spread_db": 0.5}}))
    signal_w = 0.01 * plant.arrays.optics.signal_share / 8
    light_w = np.abs(plant.transfer_matrix().sum(axis=1)) ** 2 * signal_w
    np.testing.assert_allclose(plant.output_power_w(), light_w)


def test_phases_wander_by_as_much_as_stated_and_the_same_for_the_same_seed() -> None:
    def wandered(seed: int, batches: list[int]) -> NDArray[np.float64]:
        plant = build(seed, chip={"ports": 16, "phase_walk_rad": 0.1})
        for ticks in batches:
            plant.step(ticks)
        return plant.arrays.heaters.phi0_rad - plant.chip.phi0_rad

    walk = wandered(1, [36_000])  # a hundredth of an hour
    assert walk.std() == pytest.approx(0.01, rel=0.2)
    np.testing.assert_array_equal(walk, wandered(1, [1, 5_499, 30_500]))
    assert not np.any(walk == wandered(2, [36_000]))


def test_the_lasers_power_wanders() -> None:
    plant = driven(build(laser={"power_walk": 0.1}))
    before = plant.output_power_w()
    plant.step(36_000)
    drift = float(plant.arrays.state["laser_drift"][0])
    assert 0.0 < abs(drift - 1.0) < 0.05
    assert plant.arrays.state["chip_power_w"][0] == pytest.approx(0.01 * drift)
    assert not np.array_equal(plant.output_power_w(), before)


def test_receivers_differ_in_gain_and_offset() -> None:
    plain = driven(build(receivers=QUIET, laser=SILENT))
    flawed = driven(
        build(receivers=QUIET | {"responsivity_spread": 0.05, "offset_share": 0.01}, laser=SILENT)
    )
    eye, dark = np.eye(8, dtype=complex), np.zeros((8, 1), complex)
    offset = read(flawed, dark)
    np.testing.assert_allclose(offset[:, 0], flawed.chip.receiver_offset, atol=2e-4)
    gain = flawed.chip.receiver_gain
    assert gain.std() == pytest.approx(0.05, rel=0.6)
    np.testing.assert_allclose(
        read(flawed, eye) - offset, gain[:, None] * read(plain, eye), atol=5e-4
    )
    np.testing.assert_allclose(read(flawed, eye) - offset, flawed.seen_matrix(), atol=5e-4)


@pytest.mark.parametrize("detection", ["coherent", "direct"])
def test_noise_of_full_scale_comes_on_top_of_the_physical(detection: str) -> None:
    noisy = driven(build(receivers=QUIET | {"noise_share": 0.01, "detection": detection}))
    seen = noisy.multiply(np.full((8, 20_000), 0.3 + 0.0j))
    rms = seen.real.std(axis=1)
    # A receiver that reads almost nothing clips half of its noise.
    assert rms[seen.real.mean(axis=1) > 0.05] == pytest.approx(0.01, rel=0.05)


def test_a_dead_heater_stays_cold_and_swapped_ones_get_each_others_drive() -> None:
    plant = build(wiring={"dead_heaters": [3], "swapped_heaters": [[5, 9]]})
    plant.actuator.heater_code[[3, 5]] = 30_000, 20_000
    plant.step()
    drive_v = plant.arrays.heaters.drive_v
    assert np.flatnonzero(drive_v).tolist() == [9]
    assert drive_v[9] == pytest.approx(20_000 / 65_535 * 10.0)
    assert plant.heater_current_a()[3] == 0.0


def test_swapped_outputs_and_hot_receivers() -> None:
    plain = driven(build(receivers=QUIET, laser=SILENT))
    swapped = driven(build(receivers=QUIET, laser=SILENT, wiring={"swapped_outputs": [[1, 6]]}))
    eye = np.eye(8, dtype=complex)
    order = [0, 6, 2, 3, 4, 5, 1, 7]
    np.testing.assert_allclose(read(swapped, eye), read(plain, eye)[order], atol=5e-4)
    hot = driven(build(receivers=QUIET, laser=SILENT, wiring={"hot_outputs": [2]}))
    seen, fair = read(hot, eye), read(plain, eye)
    np.testing.assert_allclose(seen[2].real, np.clip(4.0 * fair[2].real, -1.0, 1.0), atol=2e-3)
    np.testing.assert_allclose(seen[3], fair[3], atol=5e-4)


@pytest.mark.parametrize(
    "wiring", [{"dead_heaters": [64]}, {"swapped_heaters": [[0, 64]]}, {"hot_outputs": [8]}]
)
def test_wires_that_the_chip_does_not_have_are_refused(wiring: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match=r"allowed: 0 \.\."):
        PlantConfig(wiring=wiring)
