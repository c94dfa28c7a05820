"""How well a bank of micro-rings holds its weights, by its own calibration, on a moving die.

Bits are those of the weight bank literature: log2 of the range of the weights over the rms
error of a programmed weight. The error is the plant's, free of receiver noise. Beside it the
same bank with its phase compensation switched off.
"""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.harness import Benchmark, Figure, describe_machine
from calibration.rings import BankCalibration
from calibration.rings.plan import tuning_rad
from calibration.rings.weights import weight_range
from lumina.runtime import open_bench
from lumina.runtime.bench import Bench
from lumina.runtime.virtual_time import run_virtual

__all__ = ["run"]

CONFIG = Path(__file__).parents[1] / "lab_configs" / "rings.yaml"

CARRIER_STEPS_K = (-3.0, -1.5, 0.0, 1.5, 3.0)
ROOM_STEPS_K = (-30.0, 0.0, 30.0)
MATRICES = 3
ROOM_SETTLES_S = 600.0


def run() -> Benchmark:
    """Calibrate the bank of rings.yaml, then move its carrier and its room."""
    machine = describe_machine()
    return Benchmark(run_virtual(measured()), machine)


async def measured() -> dict[str, Figure]:
    """The figures, in one session on one bank."""
    async with open_bench(CONFIG, seed=1) as bench:
        known = await bench.device.calibrate()
        assert isinstance(known, BankCalibration)
        setpoint_c = bench.device.config.setpoint_c
        held = [await weight_errors(bench, known, setpoint_c + k) for k in CARRIER_STEPS_K]
        bench.device.loop.set_compensation(False)
        loose = [await weight_errors(bench, known, setpoint_c + k) for k in CARRIER_STEPS_K]
        bench.device.loop.set_compensation(True)
        await bench.device.set_carrier_c(setpoint_c)
        rooms = [await in_room(bench, known, k) for k in ROOM_STEPS_K]
    uncompensated = bits(known, loose)
    planned, by_number = tuning(known)
    return {
        "bits_over_3_k": Figure(
            bits(known, held),
            "bits",
            f"the carrier moved by 3 K either way; without compensation {uncompensated:.1f} bits",
            9.0,
            "higher",
        ),
        "bits_over_30_k_of_room": Figure(
            bits(known, rooms), "bits", "the room moved by 30 K either way", 8.5, "higher"
        ),
        "tuning_by_plan": Figure(
            planned,
            "rad of own phase",
            f"mean over the rings, on their channels; {by_number:.2f} rad with every ring on the "
            "channel of its number",
            by_number,
            "lower",
        ),
    }


def tuning(known: BankCalibration) -> tuple[float, float]:
    """Mean own phase of the rings on the channels of the plan, and of their numbers, in rad."""
    by_number = np.arange(known.architecture.shifters) % known.architecture.ports
    planned, plain = (tuning_rad(known, channel) for channel in (known.channel, by_number))
    return float(planned.mean()), float(plain.mean())


async def in_room(bench: Bench, known: BankCalibration, step_k: float) -> list[float]:
    """Errors after the room has moved and the carrier is back at its set point."""
    environment = bench.environment
    assert environment is not None
    calm_c = environment.ambient_c
    environment.set_ambient_c(calm_c + step_k)
    await asyncio.sleep(ROOM_SETTLES_S)
    errors = await weight_errors(bench, known, bench.device.config.setpoint_c)
    environment.set_ambient_c(calm_c)
    return errors


async def weight_errors(bench: Bench, known: BankCalibration, carrier_c: float) -> list[float]:
    """True less wanted weights of some random matrices, programmed at a carrier temperature."""
    station = next(iter(bench.stations.values()))
    device, plant = station.device, station.plant
    assert plant is not None
    rng, errors = np.random.default_rng(7), []
    low, high = weight_range(known)
    for _ in range(MATRICES):
        await device.set_carrier_c(device.config.setpoint_c)
        wanted = rng.uniform(low, high, (device.ports, device.ports))
        await device.load(wanted)
        await device.set_carrier_c(carrier_c)
        scale = float(np.abs(wanted).max()) / min(-low, high)
        true = plant.transfer_matrix().real / plant.arrays.optics.path**2
        errors += (true - wanted / scale).ravel().tolist()
    return errors


def bits(known: BankCalibration, errors: Sequence[Sequence[float]]) -> float:
    """log2 of the weights' range over their rms error."""
    low, high = weight_range(known)
    rms = float(np.sqrt(np.mean(np.concatenate([np.square(e) for e in errors]))))
    return float(np.log2((high - low) / rms))
