"""A loaded matrix is bettered by what is measured of it, and never worsened."""

import asyncio
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from calibration.programming import Calibration
from calibration.programming.refining import Refinement, RefineOptions
from calibration.programming.refining.codes import closest_steps
from calibration.result import ChipCalibration
from drivers.registry import Backend
from lumina.errors import DeviceStateError, ThermallyUnsafeError, UsageError
from lumina.runtime import Bench, open_bench
from lumina.runtime.device import DeviceState, PhotonicDevice
from lumina.runtime.virtual_time import run_virtual

LAB_CONFIGS = Path(__file__).parents[3] / "lab_configs"
SMALL = LAB_CONFIGS / "small.yaml"


@pytest.fixture(scope="module")
def known() -> ChipCalibration:
    """The small bench's chip, as its calibration finds it."""

    async def main() -> Calibration:
        async with open_bench(SMALL) as bench:
            return await bench.device.calibrate()

    found = run_virtual(main())
    assert isinstance(found, ChipCalibration)
    return found


def stale(calibration: Calibration, rms_rad: float, seed: int = 1) -> Calibration:
    """The calibration as it would be of a chip whose phases have moved since."""
    moved_rad = np.random.default_rng(seed).normal(0.0, rms_rad, calibration.phi0_rad.size)
    return replace(calibration, phi0_rad=calibration.phi0_rad + moved_rad)


def a_matrix(seed: int) -> np.ndarray:
    """Real, 4 x 4, of spectral norm 1."""
    matrix = np.random.default_rng(seed).standard_normal((4, 4))
    return np.asarray(matrix / np.linalg.norm(matrix, 2))


def true_error(bench: Bench, known: ChipCalibration, wanted: np.ndarray) -> float:
    """Relative error of the light itself, by the plant."""
    plant = next(iter(bench.stations.values())).plant
    assert plant is not None
    ends = known.gain * known.output_gain[:, None] * known.input_gain
    return float(np.linalg.norm(plant.seen_matrix() / ends - wanted) / np.linalg.norm(wanted))


async def product_error(device: PhotonicDevice, wanted: np.ndarray) -> float:
    """Relative error of products with the matrix that is loaded."""
    vectors = np.random.default_rng(9).uniform(-1.0, 1.0, (len(wanted), 2000))
    made = await device.multiply(vectors)
    return float(np.linalg.norm(made - wanted @ vectors) / np.linalg.norm(wanted @ vectors))


@pytest.mark.parametrize("backend", [Backend.TWIN, Backend.FIRMWARE])
def test_by_a_stale_calibration_a_matrix_becomes_as_good_as_by_a_new_one(
    known: ChipCalibration, backend: Backend
) -> None:
    async def main() -> tuple[Refinement, list[float]]:
        async with open_bench(SMALL, backend=backend) as bench:
            device, wanted = bench.device, 3.0 * a_matrix(1)
            errors = []
            for calibration in (known, stale(known, 0.1)):
                await device.install(calibration)
                await device.load(wanted)
                errors.append(await product_error(device, wanted))
            found = await device.refine()
            errors.append(await product_error(device, wanted))
            await device.load(a_matrix(2))
            await device.load(wanted)  # what was found is remembered
            errors.append(await product_error(device, wanted))
            return found, errors

    found, (new, old, refined, again) = run_virtual(main())
    assert old > 0.1
    assert refined < 1.2 * new
    assert again < 1.2 * new
    assert found.error_before > 0.1
    assert found.error_after < 0.005
    assert found.bench_s < 10.0


def test_without_any_model_of_the_light_slopes_are_measured(known: ChipCalibration) -> None:
    async def main() -> Refinement:
        async with open_bench(SMALL) as bench:
            device = bench.device
            await device.install(stale(known, 0.5))
            await device.load(a_matrix(1))
            return await device.refine(RefineOptions(slopes="measured"))

    found = run_virtual(main())
    assert found.settings > known.architecture.shifters
    assert found.error_before > 0.5
    assert found.error_after < 0.05


def test_converters_make_up_for_one_another() -> None:
    """What stays is well below what rounding each for itself leaves."""
    shares = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        slopes, wanted = rng.standard_normal((40, 36)), 3.0 * rng.standard_normal(36)
        missing = slopes @ wanted
        apart = np.linalg.norm(missing - slopes @ np.round(wanted))
        together = closest_steps(slopes, missing, np.zeros(36))
        shares.append(float(np.linalg.norm(missing - slopes @ together) / apart))
    assert np.mean(shares) < 0.85


def test_twelve_bits_are_enough_once_refined(tmp_path: Path, known: ChipCalibration) -> None:
    config = tmp_path / "coarse.yaml"
    config.write_text(
        f"extends: {SMALL}\nname: coarse\nplants:\n  main:\n    chip: {{heater: {{bits: 12}}}}\n"
    )

    async def main() -> list[tuple[float, float]]:
        async with open_bench(config) as bench:
            await bench.device.install(known)
            errors = []
            for seed in range(8):
                await bench.device.load(a_matrix(seed))
                await asyncio.sleep(5.0)  # drives follow the die until its heat has settled
                rounded = true_error(bench, known, a_matrix(seed))
                await bench.device.refine()
                await asyncio.sleep(5.0)
                errors.append((rounded, true_error(bench, known, a_matrix(seed))))
            return errors

    rounded, refined = np.mean(run_virtual(main()), axis=0)
    assert refined < 0.7 * rounded


@pytest.mark.parametrize("rms_rad", [0.0, 0.03, 0.3, 2.0])
def test_no_matrix_is_left_worse_than_it_was(known: ChipCalibration, rms_rad: float) -> None:
    """However wrong the model, however short the looks: a tenth of a percent is their noise."""

    async def main() -> None:
        async with open_bench(SMALL, seed=3) as bench:
            device = bench.device
            for seed in range(5):
                rng, wanted = np.random.default_rng(seed), a_matrix(seed)
                few = RefineOptions(
                    least_repeats=int(rng.integers(2, 20)),
                    most_repeats=int(rng.integers(20, 200)),
                    steps=int(rng.integers(1, 20)),
                )
                await device.install(stale(known, rms_rad, seed))
                await device.load(wanted)
                before = true_error(bench, known, wanted)
                found = await device.refine(few)
                assert true_error(bench, known, wanted) < before + 1e-3
                assert found.settings <= few.steps * 7 + 8 * 37 + 1
                assert bench.device.loop.arrays.state["saturated_heaters"][0] == 0

    run_virtual(main())


def test_an_interrupted_refinement_keeps_the_best(known: ChipCalibration) -> None:
    async def main() -> list[tuple[float, float]]:
        async with open_bench(SMALL) as bench:
            device, wanted, seen = bench.device, a_matrix(1), []
            for after_s in (0.0005, 0.005, 0.01, 0.02, 0.04):
                await device.install(stale(known, 0.3))
                await device.load(wanted)
                before = true_error(bench, known, wanted)
                task = asyncio.create_task(device.refine())
                await asyncio.sleep(after_s)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                seen.append((before, true_error(bench, known, wanted)))
                assert device.state is DeviceState.READY
                await device.multiply(np.ones((4, 1)))  # nobody is locked out
            return seen

    seen = run_virtual(main())
    assert all(after < before + 1e-3 for before, after in seen)
    assert seen[-1][1] < 0.5 * seen[-1][0]  # it had come so far


def test_the_guard_ends_a_refinement(known: ChipCalibration) -> None:
    async def main() -> None:
        async with open_bench(SMALL) as bench:
            device, plant = bench.device, next(iter(bench.stations.values())).plant
            assert plant is not None
            await device.install(stale(known, 0.3))
            await device.load(a_matrix(1))
            task = asyncio.create_task(device.refine())
            await asyncio.sleep(0.005)
            plant.inputs["sensor_fault"][0, 2] = 1.0  # the die's thermistor opens
            with pytest.raises(ThermallyUnsafeError):
                await task

    run_virtual(main())


def test_weights_of_rings_are_refined_by_the_model_only(tmp_path: Path) -> None:
    config = tmp_path / "rings.yaml"
    config.write_text(
        f"extends: {LAB_CONFIGS / 'rings.yaml'}\n"
        "name: rings_of_four\nplants:\n  main:\n    chip: {ports: 4}\n"
    )

    async def main() -> Refinement:
        async with open_bench(config, seed=1) as bench:
            device = bench.device
            found = await device.calibrate()
            await device.install(stale(found, 0.003))
            await device.load(a_matrix(1))
            with pytest.raises(UsageError, match="slopes of rings"):
                await device.refine(RefineOptions(slopes="measured"))
            return await device.refine()

    found = run_virtual(main())
    assert found.error_before > 0.05
    assert found.error_after < 0.2 * found.error_before


def test_nothing_is_refined_before_a_matrix_is_loaded(known: ChipCalibration) -> None:
    async def main() -> None:
        async with open_bench(SMALL) as bench:
            await bench.device.install(known)
            with pytest.raises(DeviceStateError, match="load a matrix first"):
                await bench.device.refine()

    run_virtual(main())
