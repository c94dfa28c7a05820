"""Taps inside a mesh: what they take, what they see, and that nobody else notices them."""

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from lumina.errors import UsageError
from tests.twin.plants import build
from twin.config import PlantConfig
from twin.plant import Plant

QUIET: dict[str, Any] = {
    "share": 0.01,
    "excess_db": 0.0,
    "responsivity_spread": 0.0,
    "dark_current_a": 0.0,
    "offset_share": 0.0,
    "bits": 16,
    "inl_lsb": 0.0,
}
CLEAR = {"waveguide_db_per_cm": 0, "interferometer_db": 0, "facet_db": 0}


def lit(kind: str = "unitary", wiring: dict[str, Any] | None = None, **taps: Any) -> Plant:
    """A chip of 4 ports with taps, its heaters anywhere."""
    chip = {"ports": 4, "kind": kind, "loss": CLEAR, "taps": QUIET | taps}
    plant = build(chip=chip, wiring=wiring or {})
    heaters = len(plant.actuator.heater_code)
    plant.actuator.heater_code[:] = np.random.default_rng(3).integers(0, 2**16, heaters)
    plant.step()
    return plant


def read(plant: Plant, fields: Any, repeats: int = 50) -> Any:
    seen, _ = plant.expose_taps(np.tile(np.asarray(fields, complex), repeats))
    return seen.reshape(len(seen), repeats, -1).mean(axis=1)


def test_a_chip_has_no_taps_unless_it_is_asked_for_them() -> None:
    plant = build(chip={"ports": 4})
    assert plant.config.chip.tap_count == 0
    with pytest.raises(UsageError, match="no taps"):
        plant.expose_taps(np.eye(4, dtype=complex))


@pytest.mark.parametrize(("kind", "taps"), [("unitary", 12), ("svd", 32), ("triangular", 12)])
def test_two_lie_behind_every_interferometer(kind: str, taps: int) -> None:
    plant = lit(kind)
    assert plant.config.chip.tap_count == taps
    assert read(plant, np.eye(4)).shape == (taps, 4)


def test_light_is_neither_lost_nor_made_between_the_taps_of_a_column() -> None:
    # The first column's two interferometers, then all of the light: 1 of 4 inputs' worth fills
    # a quarter of a converter, and behind one interferometer 1 % of it is gone.
    seen = read(lit(), np.eye(4))
    first_column = seen[:4].sum(axis=0)
    np.testing.assert_allclose(first_column, 0.25, rtol=3e-3)


def test_the_last_taps_see_what_the_outputs_see() -> None:
    plant = lit()
    inputs = np.exp(1j * np.arange(16).reshape(4, 4) ** 2)
    out = np.abs(plant.transfer_matrix() @ inputs) ** 2
    # With four columns the last one's interferometer lies on the modes 1 and 2.
    np.testing.assert_allclose(read(plant, inputs)[10:] * 4 * 0.99, out[1:3], rtol=5e-3)


def test_taps_dim_the_light_by_what_they_take() -> None:
    bare, tapped = build(chip={"ports": 4, "loss": CLEAR}), lit(share=0.05)
    for plant in (bare, tapped):
        plant.actuator.heater_code[:] = 0
        plant.step()
    assert tapped.config.chip.interferometer_db == pytest.approx(-10 * np.log10(0.95))
    np.testing.assert_array_equal(bare.chip.phi0_rad, tapped.chip.phi0_rad)
    lost = np.linalg.norm(tapped.transfer_matrix()) / np.linalg.norm(bare.transfer_matrix())
    assert 0.95**2 < lost < 0.95  # three or four interferometers on every path, in amplitude


def test_a_tap_reads_its_own_gain_its_dark_current_and_noise() -> None:
    wrong: dict[str, Any] = {
        "responsivity_spread": 0.05,
        "dark_current_a": 1e-7,
        "noise_share": 0.01,
    }
    plant = lit(offset_share=0.05, **wrong)
    dark = read(plant, np.zeros((4, 1)), 2000)
    np.testing.assert_allclose(dark, 0.05 + 1e-7 / 5e-5, rtol=0.02)
    quiet, inputs = lit(), np.eye(4)
    light = read(quiet, inputs)
    bright = light > 0.05
    ratio = (read(plant, inputs, 2000) - dark) / np.where(bright, light, 1.0)
    there = np.broadcast_to(plant.chip.tap_gain[:, None], ratio.shape)
    np.testing.assert_allclose(ratio[bright], there[bright], rtol=0.02)
    assert plant.chip.tap_gain.std() > 0.02


def test_what_was_wired_wrong_is_seen_wrong() -> None:
    wrong = {"dead_taps": [0], "swapped_taps": [[2, 5]], "hot_taps": [7]}
    right, seen = read(lit(), np.eye(4)), read(lit(wiring=wrong), np.eye(4))
    assert seen[0].max() < 1e-3
    np.testing.assert_allclose(seen[[2, 5]], right[[5, 2]], atol=1e-3)
    np.testing.assert_allclose(seen[7], np.minimum(4.0 * right[7], 1.0), atol=3e-3)


def test_noise_is_named_by_seed_and_reading() -> None:
    one, other = lit(), lit()
    first = one.expose_taps(np.eye(4, dtype=complex))[0]
    np.testing.assert_array_equal(first, other.expose_taps(np.eye(4, dtype=complex))[0])
    assert np.any(first != one.expose_taps(np.eye(4, dtype=complex))[0])


@pytest.mark.parametrize(
    ("plant", "said"),
    [
        ({"wiring": {"dead_taps": [0]}}, "no tap 0 .allowed: none"),
        ({"chip": {"taps": {"share": 0.01}}, "wiring": {"hot_taps": [112]}}, "0 .. 55"),
        ({"chip": {"kind": "rings", "taps": {"share": 0.01}}}, "a bank of rings has none"),
        ({"chip": {"taps": {"share": 0.2}}}, "less than or equal to 0.1"),
    ],
)
def test_taps_that_cannot_be_are_refused(plant: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        PlantConfig.model_validate(plant)
