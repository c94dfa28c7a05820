"""A triangular mesh that nobody has calibrated sets itself up."""

from pathlib import Path

import numpy as np
import pytest

from calibration.programming.self_configuration import SelfConfiguration
from drivers.registry import Backend
from lumina.errors import CalibrationError, MatrixError
from lumina.runtime import open_bench
from lumina.runtime.device import PhotonicDevice
from lumina.runtime.virtual_time import run_virtual
from lumina.theory.haar import haar_unitary

LAB_CONFIGS = Path(__file__).parents[3] / "lab_configs"


def bench_file(folder: Path, chip: str) -> Path:
    """The calibration bench, noise and all, with another chip."""
    file = folder / "bench.yaml"
    base = LAB_CONFIGS / "calibration_bench.yaml"
    file.write_text(f"extends: {base}\nname: own\nplants:\n  main:\n    chip: {{{chip}}}\n")
    return file


async def product_error(device: PhotonicDevice, wanted: np.ndarray) -> float:
    """Relative error of products, by their mean over many repetitions of each vector."""
    vectors = np.tile(np.eye(len(wanted)), 2000)
    made = (await device.multiply(vectors)).reshape(len(wanted), 2000, -1).mean(axis=1)
    return float(np.linalg.norm(made - wanted) / np.linalg.norm(wanted))


def configured(
    config: Path, backend: Backend = Backend.TWIN, seed: int = 1
) -> tuple[SelfConfiguration, float]:
    """What became of a random unitary, and the error of products with it."""

    async def main() -> tuple[SelfConfiguration, float]:
        async with open_bench(config, backend=backend, seed=seed, chip_seed=seed) as bench:
            wanted = haar_unitary(bench.device.ports, np.random.default_rng(seed))
            found = await bench.device.configure(wanted)
            return found, await product_error(bench.device, wanted)

    return run_virtual(main())


@pytest.mark.parametrize("backend", [Backend.TWIN, Backend.FIRMWARE])
def test_from_a_data_sheet_to_a_matrix_that_multiplies(tmp_path: Path, backend: Backend) -> None:
    found, error = configured(bench_file(tmp_path, "ports: 4, kind: triangular"), backend)
    assert found.error < 0.02
    assert error < 0.03
    assert found.errors[0] > found.error == min(found.errors)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_couplers_that_are_far_off_cost_less_than_they_would(tmp_path: Path, seed: int) -> None:
    """0.1 rad of all couplers hardly shows, and 0.3 rad does less than without any correction."""
    direct = 0.3 * np.sqrt(2.0 * 3.0)
    for sigma_rad, most in ((0.1, 0.02), (0.3, 0.8 * direct)):
        chip = f"ports: 4, kind: triangular, splitter_sigma_rad: {sigma_rad}"
        found, error = configured(bench_file(tmp_path, chip), seed=seed)
        assert found.error < most
        assert error < most + 0.02


def test_what_does_not_set_itself_up_is_refused(tmp_path: Path) -> None:
    async def main(config: Path, wanted: np.ndarray) -> None:
        async with open_bench(config) as bench:
            await bench.device.configure(wanted)

    with pytest.raises(CalibrationError, match="kind svd does not set itself up"):
        run_virtual(main(LAB_CONFIGS / "small.yaml", np.eye(4)))
    triangular = bench_file(tmp_path, "ports: 4, kind: triangular")
    with pytest.raises(MatrixError, match="not unitary"):
        run_virtual(main(triangular, 0.5 * np.eye(4)))
    with pytest.raises(CalibrationError, match="rings do not set themselves up"):
        run_virtual(main(LAB_CONFIGS / "rings.yaml", np.eye(8)))
