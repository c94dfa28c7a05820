"""What an hour of changing load and room does to the light, with and without compensation.

One chip, calibrated through its own interfaces, holds one unitary matrix while the compute
load jumps between 0 and 30 W and the room swings by 2 K. TEC and fan regulate in both hours;
only the phase compensation differs. The matrices are the plant's own, free of noise.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.harness import Benchmark, Figure, describe_machine
from benchmarks.tick import control_cost_us
from lumina.runtime import open_bench
from lumina.runtime.bench import Bench
from lumina.runtime.environment import Environment
from lumina.runtime.virtual_time import run_virtual
from lumina.theory.haar import haar_unitary

__all__ = ["run"]

ComplexArray = NDArray[np.complex128]

CONFIG = Path(__file__).parents[1] / "lab_configs" / "bench64.yaml"

HOUR_S = 3600.0
LOOK_S = 1.0
LOAD_W, DWELL_MEAN_S, DWELL_LEAST_S = 30.0, 20.0, 1.0
SWING_K, SWING_PERIOD_S = 2.0, 600.0
SEED = 11


def run() -> Benchmark:
    """Live through the hour twice, then time the control step of 1024 channels."""
    machine = describe_machine()
    calm, loose, held = run_virtual(hours())
    off, on = float(rms(loose["drift"])), float(rms(held["drift"]))
    return Benchmark(
        {
            "drift_against_uncompensated": Figure(
                decibels(on / off),
                "dB",
                f"drift of the matrix, {on:.2%} rms, over the same hour's without: {off:.2%}",
                -20.0,
                "lower",
            ),
            "error_against_undisturbed": Figure(
                decibels(float(rms(held["error"])) / calm),
                "dB",
                f"error against the target over the undisturbed chip's, {calm:.2%}",
                3.0,
                "lower",
            ),
            "step_1024": Figure(
                control_cost_us(1024),
                "us",
                "the tick's share that compensation may take at 1024 channels",
                100.0,
                "lower",
            ),
        },
        machine,
    )


async def hours() -> tuple[float, dict[str, list[float]], dict[str, list[float]]]:
    """Relative error at rest; drift and error through the hour, uncompensated, compensated."""
    async with open_bench(CONFIG, seed=1) as bench:
        await bench.device.calibrate()
        target = haar_unitary(bench.device.ports, np.random.default_rng(SEED))
        await bench.device.load(target)
        await bench.device.settling.die_still()
        calm = error_of(light_of(bench), target)
        loose = await lived_through(bench, target, compensated=False)
        held = await lived_through(bench, target, compensated=True)
    return calm, loose, held


async def lived_through(
    bench: Bench, target: ComplexArray, *, compensated: bool
) -> dict[str, list[float]]:
    """Drift and error of the matrix, each second of an hour."""
    loop = bench.device.loop
    loop.set_compensation(compensated)
    await bench.device.settling.carrier_locked()
    await bench.device.settling.die_still()
    first = light_of(bench)
    seen: dict[str, list[float]] = {"drift": [], "error": []}
    async with disturbed(bench):
        for _ in range(round(HOUR_S / LOOK_S)):
            await asyncio.sleep(LOOK_S)
            light = light_of(bench)
            seen["drift"].append(relative(light - first, first))
            seen["error"].append(error_of(light, target))
    loop.set_compensation(True)
    return seen


@asynccontextmanager
async def disturbed(bench: Bench) -> AsyncIterator[None]:
    """Load and room change inside the block, the same way each time."""
    environment = bench.environment
    assert environment is not None
    calm_c, calm_w = environment.ambient_c, environment.compute_power_w
    tasks = [
        asyncio.create_task(change_load(environment)),
        asyncio.create_task(swing_room(environment, calm_c)),
    ]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        environment.set_ambient_c(calm_c)
        environment.set_compute_power_w(calm_w)


async def change_load(environment: Environment) -> None:
    """Full load and none in turn, each for a random while."""
    for number, dwell_s in enumerate(dwells_s(np.random.default_rng(SEED))):
        environment.set_compute_power_w(LOAD_W * (number % 2))
        await asyncio.sleep(dwell_s)


def dwells_s(rng: np.random.Generator) -> Iterator[float]:
    """Times between changes of the load, s."""
    while True:
        yield max(DWELL_LEAST_S, float(rng.exponential(DWELL_MEAN_S)))


async def swing_room(environment: Environment, calm_c: float) -> None:
    """The room as a sine, in steps of a second."""
    seconds = 0.0
    while True:
        turn = 2.0 * np.pi * seconds / SWING_PERIOD_S
        environment.set_ambient_c(calm_c + SWING_K * float(np.sin(turn)))
        await asyncio.sleep(1.0)
        seconds += 1.0


def light_of(bench: Bench) -> ComplexArray:
    """The true transfer matrix, free of noise."""
    (station,) = bench.stations.values()
    assert station.plant is not None
    return station.plant.transfer_matrix()


def error_of(light: ComplexArray, target: ComplexArray) -> float:
    """Relative error against a target of any scale and common phase."""
    scale = np.vdot(target, light) / np.vdot(target, target)
    return relative(light - scale * target, scale * target)


def relative(change: ComplexArray, whole: ComplexArray) -> float:
    """Ratio of Frobenius norms."""
    return float(np.linalg.norm(change) / np.linalg.norm(whole))


def rms(values: list[float]) -> float:
    """Root of the mean square."""
    return float(np.sqrt(np.mean(np.square(values))))


def decibels(ratio: float) -> float:
    """Of an amplitude ratio, dB."""
    return float(20.0 * np.log10(ratio))
