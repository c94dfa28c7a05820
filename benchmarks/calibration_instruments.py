"""How well the instruments around a chip are known, by their own stated uncertainty.

Each bench stands in another process (`benchmarks.instruments_process`): the spare chip of
twin.yaml, without a board. An error is counted in its own stated standard error; where that is
honest, 95 of 100 are within 1.96.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Mapping
from typing import Any, NamedTuple

import numpy as np

from benchmarks.harness import Figure
from benchmarks.instruments_process import Key, PlantElsewhere, plant_elsewhere
from calibration.instruments.banks import calibrate_banks
from calibration.instruments.climate import ControlledClimate
from calibration.instruments.heaters import calibrate_heaters
from calibration.instruments.laser import calibrate_laser
from calibration.instruments.light import LightPath
from calibration.instruments.photodiodes import calibrate_photodiodes
from calibration.instruments.result import Measured
from calibration.instruments.sampling import Sampler
from lumina.runtime.virtual_time import run_virtual

__all__ = ["figures"]

CHIPS = 6
WITHIN = 1.96


class Taken(NamedTuple):
    """One procedure on one chip."""

    found: Measured
    took_s: float


def figures() -> dict[str, Figure]:
    """Coverage, largest error, readings and time of every procedure."""
    errors: dict[str, list[float]] = defaultdict(list)
    taken: dict[str, list[Taken]] = defaultdict(list)
    for number in range(1, CHIPS + 1):
        with plant_elsewhere(seed=number, chip_seed=number) as plant:
            procedures = run_virtual(all_of(plant))
            truth = plant.truth()
        for name, one in procedures.items():
            taken[name].append(one)
            errors[name] += in_sigmas(one.found, truth)
    return {
        figure: value
        for name in taken
        for figure, value in of_procedure(name, errors[name], taken[name]).items()
    }


async def all_of(plant: PlantElsewhere) -> dict[str, Taken]:
    """Every procedure, one after another."""
    one: dict[str, Any] = dict(plant.instruments)
    meters = {name: one[name] for name in ("spare_meter", "spare_diodes")}
    banks = {name: one[name] for name in ("spare_heaters", "spare_smu")}
    options: dict[str, Any] = plant.options
    laser = one["spare_laser"]
    path = LightPath(
        laser,
        options["spare_laser"],
        meters,
        {name: options[name] for name in meters},
        laser.power_limits_w().high,
    )
    rng = np.random.default_rng(1)

    async def drives() -> Measured:
        sampler = Sampler()
        found = await calibrate_banks(banks, sampler, nothing)
        return Measured(tuple(found), (), sampler.readings)

    async def heaters() -> Measured:
        sheet = {name: options[name].heater_ohm for name in banks}
        async with ControlledClimate(one["spare_tec"], 45.0) as climate:
            return await calibrate_heaters(
                banks, sheet, climate, with_tempco=True, progress=nothing
            )

    return {
        "photodiodes": await timed(calibrate_photodiodes(path, banks, rng=rng, progress=nothing)),
        "laser": await timed(calibrate_laser(path, progress=nothing)),
        "converters": await timed(drives()),
        "heaters": await timed(heaters()),
    }


def nothing(stage: str, done: float) -> None:
    """Nobody watches."""


async def timed(work: Awaitable[Measured]) -> Taken:
    """What a procedure found, and the simulated time that it took."""
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    return Taken(await work, loop.time() - began_s)


def in_sigmas(found: Measured, truth: Mapping[Key, float]) -> list[float]:
    """Errors in units of their own standard errors, of what has a truth."""
    return [
        (q.value - truth[key]) / q.sigma
        for q in found.quantities
        if (key := (q.instrument, q.channel, q.name)) in truth
    ]


def of_procedure(name: str, errors: list[float], taken: list[Taken]) -> dict[str, Figure]:
    """The figures of one procedure over all chips."""
    within = float(np.mean(np.abs(errors) < WITHIN))
    largest = float(np.max(np.abs(errors)))
    readings = float(np.mean([one.found.readings for one in taken]))
    took_s = float(np.mean([one.took_s for one in taken]))
    known = f"{len(errors)} values on {CHIPS} chips, largest error {largest:.1f} sigma"
    return {
        f"instruments_{name}_coverage": Figure(
            100.0 * within, "%", f"within 1.96 of the stated sigma: {known}", 90.0, "higher"
        ),
        f"instruments_{name}_time": Figure(
            took_s, "simulated s", f"{readings:.0f} readings", 120.0, "lower"
        ),
    }
