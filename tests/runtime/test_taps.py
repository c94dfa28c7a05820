"""A bench whose chip has taps: read and calibrated on the twin and over simulated wires alike."""

from pathlib import Path

import numpy as np
import pytest

from calibration.faults import Fault, Part
from calibration.mesh.procedure import calibrate_chip
from calibration.model import between_ports
from drivers.registry import Backend
from lumina.errors import UsageError
from lumina.runtime.bench import Bench, open_bench
from lumina.runtime.config import load_config
from lumina.theory.haar import haar_unitary

pytestmark = pytest.mark.virtual_time

LAB_CONFIGS = Path(__file__).parents[2] / "lab_configs"


@pytest.fixture
def tapped(tmp_path: Path) -> Path:
    """A small chip with taps, two of which are wired wrong."""
    path = tmp_path / "tapped.yaml"
    path.write_text(
        f"extends: {LAB_CONFIGS}/small.yaml\nname: tapped\n"
        "plants:\n  main:\n    chip: {kind: unitary, taps: {share: 0.01}}\n"
        "    wiring: {dead_taps: [2], hot_taps: [7]}\n"
    )
    return path


async def taps_are_read(bench: Bench) -> None:
    device = bench.device
    assert device.taps == 12
    inputs = np.eye(4, dtype=complex)
    dark = await device.measure_taps(np.zeros_like(inputs), 20)
    seen = await device.measure_taps(inputs, 20) - dark
    assert seen.shape == (12, 4)
    assert np.abs(seen[2]).max() < 1e-3
    assert seen[7].max() > 3.0 * np.delete(seen, 7, axis=0).max()
    # Light that enters a first interferometer is on its two arms, and on no other's.
    assert np.all(seen[:2, :2].sum(axis=0) > 0.05)
    assert np.abs(seen[:2, 2:]).max() < 0.01


async def the_mesh_is_learned(bench: Bench) -> None:
    device = bench.device
    rng = np.random.default_rng(3)
    known = await calibrate_chip(device, rng=rng, progress=lambda stage, done: None)
    named = {(fault.part, fault.channel): fault.fault for fault in known.faults}
    assert named == {(Part.TAP, 2): Fault.DEAD, (Part.TAP, 7): Fault.SATURATED}
    await device.install(known)
    matrix = haar_unitary(4, rng)
    await device.load(matrix)
    seen = between_ports(known, await device.measure_transfer(100))
    assert np.linalg.norm(seen - matrix) < 0.02 * np.linalg.norm(matrix)


@pytest.mark.parametrize("backend", [Backend.TWIN, Backend.FIRMWARE])
async def test_taps_tell_the_same_on_the_twin_and_over_a_wire(
    tapped: Path, backend: Backend
) -> None:
    config = load_config(tapped, backend=backend, to_run=True)
    async with open_bench(config, seed=1, chip_seed=1) as bench:
        await taps_are_read(bench)
        await the_mesh_is_learned(bench)


async def test_a_device_without_taps_says_so() -> None:
    async with open_bench(LAB_CONFIGS / "small.yaml", lock=False) as bench:
        assert bench.device.taps == 0
        with pytest.raises(UsageError, match="npu: it has no taps"):
            await bench.device.measure_taps(np.eye(4, dtype=complex))


def test_the_lab_config_with_taps_is_the_calibration_bench_with_them() -> None:
    plain, tapped = (
        load_config(LAB_CONFIGS / name).plants["main"].model_dump()
        for name in ("calibration_bench.yaml", "tapped.yaml")
    )
    assert tapped["chip"].pop("taps")["share"] == 0.01
    plain["chip"].pop("taps")
    assert tapped == plain
