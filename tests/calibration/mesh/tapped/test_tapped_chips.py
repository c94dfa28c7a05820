"""A chip with taps inside its mesh is learned from a few dozen settings, with its faults named."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from calibration.faults import Fault, Part
from calibration.mesh.procedure import calibrate_chip
from calibration.result import ChipCalibration
from lumina.theory.mesh import MeshKind
from tests.calibration.mesh.test_procedure import mean_error
from tests.calibration.simulated_chip import SimulatedChip, with_uneven_ports


class CountedChip(SimulatedChip):
    """Counts the settings that are asked for."""

    settings = 0

    async def set_drive_v(self, drive_v: NDArray[np.float64]) -> None:
        self.settings += 1
        await super().set_drive_v(drive_v)


async def learned(
    ports: int, kind: MeshKind, *, taps: bool = True, **bad: Any
) -> tuple[CountedChip, ChipCalibration]:
    chip = CountedChip(ports, kind, seed=1, taps=taps, **bad)
    rng = np.random.default_rng(7)
    return chip, await calibrate_chip(chip, rng=rng, progress=lambda stage, done: None)


async def named(
    kind: MeshKind = "unitary", **bad: Any
) -> tuple[CountedChip, dict[tuple[str, int], Fault]]:
    """Faults of a 4-port chip whose transfer is predicted all the same."""
    chip, calibration = await learned(4, kind, **bad)
    assert calibration.quality is not None
    assert calibration.quality.transfer_error < 0.01
    return chip, {(f.part, f.channel): f.fault for f in calibration.faults}


@pytest.mark.parametrize(("ports", "kind"), [(6, "unitary"), (4, "svd"), (4, "triangular")])
async def test_fewer_settings_make_as_good_a_calibration(ports: int, kind: MeshKind) -> None:
    tapped, by_taps = await learned(ports, kind)
    plain, by_outputs = await learned(ports, kind, taps=False)
    assert tapped.settings < 0.7 * plain.settings
    assert by_taps.faults == by_outputs.faults == ()
    assert by_taps.quality is not None
    assert by_taps.quality.transfer_error < 0.003
    assert np.all(by_taps.quality.visibility > 0.9)
    if kind != "triangular":
        assert await mean_error(tapped, by_taps) < 1.1 * await mean_error(plain, by_outputs)


async def test_settings_do_not_grow_with_the_heaters() -> None:
    few, _ = await learned(4, "unitary")
    many, calibration = await learned(8, "unitary")
    assert many.settings == few.settings  # 4 times the heaters
    assert await mean_error(many, calibration) < 0.02


async def test_uneven_ports_and_losses_do_not_lead_the_walk_astray() -> None:
    chip = CountedChip(4, "unitary", seed=4, taps=True)
    chip.use(with_uneven_ports(chip.hidden, seed=4))
    rng = np.random.default_rng(7)
    calibration = await calibrate_chip(chip, rng=rng, progress=lambda stage, done: None)
    assert calibration.faults == ()
    np.testing.assert_allclose(calibration.receiver_offset, chip.hidden.offset, atol=3e-4)
    assert await mean_error(chip, calibration) < 0.01


@pytest.mark.parametrize(
    ("wrong", "faults"),
    [
        ({"dead_taps": (5,)}, {5: Fault.DEAD}),
        ({"hot_taps": (4,)}, {4: Fault.SATURATED}),
        ({"swapped_taps": (3, 8)}, {3: Fault.SWAPPED, 8: Fault.SWAPPED}),
        ({"swapped_taps": (4, 5)}, {4: Fault.SWAPPED, 5: Fault.SWAPPED}),
        ({"swapped_taps": (10, 11)}, {10: Fault.SWAPPED, 11: Fault.SWAPPED}),
    ],
    ids=str,
)
async def test_a_tap_at_fault_is_named_and_the_others_do(
    wrong: dict[str, Any], faults: dict[int, Fault]
) -> None:
    chip, found = await named(**wrong)
    assert found == {(Part.TAP, tap): fault for tap, fault in faults.items()}
    assert chip.settings < 120


async def test_without_any_tap_at_an_interferometer_the_outputs_do() -> None:
    chip, found = await named(dead_taps=(4, 5))
    assert found == {(Part.TAP, tap): Fault.DEAD for tap in (4, 5)}
    assert chip.settings > 130


@pytest.mark.parametrize("dead", [(9,), (0,), (14,)])
async def test_dead_heaters_are_named_by_taps_too(dead: tuple[int, ...]) -> None:
    _, found = await named(dead=dead)
    assert found == {(Part.SHIFTER, channel): Fault.DEAD for channel in dead}


@pytest.mark.parametrize(
    ("kind", "swapped"), [("unitary", (3, 13)), ("unitary", (8, 9)), ("svd", (16, 5))]
)
async def test_swapped_wires_are_put_right_by_taps_too(
    kind: MeshKind, swapped: tuple[int, int]
) -> None:
    chip, found = await named(kind, swapped=swapped)
    assert found == {(Part.SHIFTER, channel): Fault.SWAPPED for channel in swapped}
    assert chip.settings < 120


async def test_crossed_receivers_are_put_right_by_taps_too() -> None:
    chip, found = await named(crossed=(0, 2))
    assert found == {(Part.OUTPUT, output): Fault.SWAPPED for output in (0, 2)}
    assert chip.settings < 120


async def test_a_heater_that_does_not_follow_its_drive_is_switched_off() -> None:
    chip = CountedChip(6, "unitary", seed=1, taps=True, loose=(7,))
    rng = np.random.default_rng(7)
    calibration = await calibrate_chip(chip, rng=rng, progress=lambda stage, done: None)
    assert [(f.channel, f.fault) for f in calibration.faults] == [(7, Fault.NO_FRINGE)]
    assert not calibration.good[7]
    assert calibration.quality is not None
    assert calibration.quality.transfer_error < 0.01
