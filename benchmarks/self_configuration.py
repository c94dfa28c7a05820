"""What a mesh reaches that sets itself up, by how far its couplers are off.

Triangular meshes, data sheet only, 1 % detector noise, against programs that know every phase
and no coupler. The plant is asked for its matrix and its couplers when all is done.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.chip_process import bench_with
from benchmarks.harness import Figure
from calibration.programming.self_configuration import SelfConfigurationOptions
from drivers.registry import Backend
from lumina.runtime.bench import open_bench
from lumina.runtime.virtual_time import run_virtual
from lumina.theory.decompositions import triangular_phases
from lumina.theory.haar import haar_unitary
from lumina.theory.mesh_kernels import transfer

__all__ = ["configuring"]

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]

COUPLERS_RAD = (0.05, 0.1, 0.15, 0.2)
FAR_OFF_RAD = 0.3
CHIPS = 8
"""Chips, each with all those sigmas of its couplers."""

PATIENT = SelfConfigurationOptions(repeats=4096, matrix_repeats=2048)
"""Readings averaged until the couplers' part stands out of 1 % of noise."""

LITTLE_ELSE: Mapping[str, Any] = {
    "chip.ports": 6,
    "chip.kind": "triangular",
    "chip.loss.interferometer_db": 0.0,
    "chip.loss.interferometer_spread_db": 0.0,
    "chip.heater.bits": 16,
}
"""Chips of which couplers are the largest fault, so that their part shows; noise as ever. Loss
is the other one that no phase makes up for: paths through a triangular mesh are not alike."""


def configuring() -> dict[str, Figure]:
    """How the error grows with the couplers', and whether the worst of them are borne."""
    sigmas = (0.0, *COUPLERS_RAD, FAR_OFF_RAD)
    rows = {sigma: list(configured_chips(sigma)) for sigma in sigmas}
    floor = rms(np.array(rows[0.0])[:, 0])
    ours, plain = (
        np.array([[row[which] for row in rows[sigma]] for sigma in COUPLERS_RAD])
        for which in range(2)
    )
    far = np.array(rows[FAR_OFF_RAD])
    told = ", ".join(
        f"{sigma:g} rad {rms(left):.2%} for {rms(without):.1%}"
        for sigma, left, without in zip(COUPLERS_RAD, ours, plain, strict=True)
    )
    return {
        "self_configured_slope": Figure(
            slope_of(ours),
            "power of sigma",
            f"rms error of {CHIPS} triangular meshes of 6 ports, 1 % noise; programs that know "
            f"all but the couplers go by the power {slope_of(plain):.2f}; perfect couplers leave "
            f"{floor:.2%}, {told}",
            1.8,
            "higher",
        ),
        "self_configured_far_off": Figure(
            float(np.max(far[:, 0] / far[:, 1])),
            "share of the error",
            f"worst chip, couplers off by {FAR_OFF_RAD} rad, of what those programs leave; "
            f"rms {rms(far[:, 0]):.1%} for {rms(far[:, 1]):.1%}",
            0.9,
            "lower",
        ),
    }


def slope_of(errors: FloatArray) -> float:
    """Power by which rms errors, one row of chips per sigma, grow with it."""
    sizes = [rms(row) for row in errors]
    return float(np.polyfit(np.log(COUPLERS_RAD), np.log(sizes), 1)[0])


def rms(values: FloatArray) -> float:
    """Root mean square."""
    return float(np.sqrt(np.mean(np.square(values))))


def configured_chips(sigma_rad: float) -> Iterator[tuple[float, float]]:
    """Error of each chip that sets itself up, and of a program that knows no coupler."""
    overrides = {**LITTLE_ELSE, "chip.splitter_sigma_rad": sigma_rad}
    config = bench_with(overrides, Backend.TWIN)

    async def one(seed: int) -> tuple[float, float]:
        async with open_bench(config, seed=seed, chip_seed=seed) as bench:
            station = next(iter(bench.stations.values()))
            plant = station.plant
            assert plant is not None
            wanted = haar_unitary(bench.device.ports, np.random.default_rng(seed))
            found = (await bench.device.configure(wanted, PATIENT)).calibration
            ends = found.gain * found.output_gain[:, None] * found.input_gain
            optics = plant.arrays.optics
            without = transfer(optics.mesh, optics.couplers, triangular_phases(wanted))
            size = float(np.linalg.norm(wanted))
            seen = plant.seen_matrix() / ends
            ours, plain = (
                float(np.linalg.norm(scaled(matrix, wanted) - wanted)) / size
                for matrix in (seen, without)
            )
            return ours, plain

    for seed in range(CHIPS):
        yield run_virtual(one(seed))


def scaled(matrix: ComplexArray, wanted: ComplexArray) -> ComplexArray:
    """A matrix without what is common to all of it in size."""
    return np.asarray(matrix * (np.linalg.norm(wanted) / np.linalg.norm(matrix)))
