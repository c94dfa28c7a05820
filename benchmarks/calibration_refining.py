"""What measuring a matrix itself adds to a calibration.

On chips in another process: freshly calibrated, a week later, with heaters that have died
since; and against other ways to better a matrix without a gradient. Judged is the plant's own
matrix, free of receiver noise, between the ports as the calibration knows them.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.chip_process import ChipElsewhere, chip_elsewhere
from benchmarks.harness import Figure
from calibration.heaters import drive_for_own_phases_v
from calibration.mesh.procedure import calibrate_chip
from calibration.model import between_ports
from calibration.programming import own_phases_for
from calibration.result import ChipCalibration
from lumina.theory.haar import haar_unitary

__all__ = ["refining"]

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]

PORTS, DRAWS = (4, 8, 16), 10
"""Matrix units that are refined, and the random real matrices on each."""

WEEK_RAD = 0.004 * np.sqrt(7.0 * 24.0)
"""What a phase that walks by 4 mrad in an hour has moved in a week, rms."""

DEAD = ((11,), (11, 30), (11, 30, 45))
"""Heaters of an 8-port mesh that have died."""


LONG, REST_S = 8192, 10.0
"""Measurements by which a matrix is judged as the receivers see it, after a rest, in s."""


class Course(NamedTuple):
    """How some matrices went, in the mean."""

    before: float
    after: float
    """Relative error of the plant's own matrix."""
    settings: float
    matrices: float
    bench_s: float
    worst: float
    """Largest growth of any matrix's error as it is read, 0 at best."""
    restless: float
    """Largest change of any matrix's error that is only held."""

    def __str__(self) -> str:
        return (
            f"before {self.before:.2%}; {self.settings:.0f} settings, {self.matrices:.0f} "
            f"matrices, {self.bench_s:.2f} s of bench time each"
        )


def refining() -> dict[str, Figure]:
    """All figures."""
    return refined_figures() | dead_figures() | compared_figures()


# Refinement


def refined_figures() -> dict[str, Figure]:
    """Real matrices on matrix units of 4 to 16 ports, fresh and after a week."""
    figures: dict[str, Figure] = {}
    fresh: dict[int, Course] = {}
    for ports in PORTS:
        with chip_elsewhere({"chip.ports": ports, "chip.kind": "svd"}) as chip:
            known = calibrated(chip)
            fresh[ports] = course(chip, known, reals(ports))
            old = course(chip, a_week_ago(known), reals(ports))
        figures[f"refined_{ports}"] = of_course(fresh[ports], ports, "just calibrated", 0.008)
        figures[f"refined_after_a_week_{ports}"] = of_course(
            old, ports, f"phases {1e3 * WEEK_RAD:.0f} mrad off", 0.015
        )
    few, many = fresh[PORTS[0]], fresh[PORTS[-1]]
    ratio = np.log(PORTS[-1] / PORTS[0])
    figures["refining_matrices_grow_as"] = Figure(
        float(np.log(many.matrices / few.matrices) / ratio),
        "power of N",
        f"{few.matrices:.0f} matrices at {PORTS[0]} ports, {many.matrices:.0f} at {PORTS[-1]}; "
        f"{few.settings:.0f} and {many.settings:.0f} settings; phases grow as N^2",
        1.0,
        "lower",
    )
    figures["refining_made_worse"] = Figure(
        max(one.worst for one in fresh.values()),
        "relative error",
        "most that any of those matrices has grown worse by, as the receivers read it; one that "
        f"is only held moves by up to {max(one.restless for one in fresh.values()):.2%} in "
        f"{REST_S:g} s, as its 12-bit drives follow the die",
        1e-3,
        "lower",
    )
    return figures


def of_course(one: Course, ports: int, state: str, target: float) -> Figure:
    """The error that is left."""
    text = f"mean of {DRAWS} Gaussian matrices of {ports} ports, {state}; {one}"
    return Figure(one.after, "relative error", text, target, "lower")


def dead_figures() -> dict[str, Figure]:
    """Unitaries on 8 ports by a calibration that does not know of one to three dead heaters."""
    unitary: dict[str, Any] = {"chip.ports": 8, "chip.kind": "unitary"}
    with chip_elsewhere(unitary) as chip:
        alive = calibrated(chip)
    courses, knowing = [], []
    for dead in DEAD:
        with chip_elsewhere(unitary | {"wiring.dead_heaters": dead}) as chip:
            courses.append(course(chip, alive, unitaries(8)))
            knowing.append(course(chip, calibrated(chip), unitaries(8)))
    told = "; ".join(
        f"{len(dead)} dead: {one.before:.1%} to {one.after:.1%}, by a calibration that knows "
        f"{other.before:.1%} to {other.after:.1%}"
        for dead, one, other in zip(DEAD, courses, knowing, strict=True)
    )
    share = float(np.mean([one.after / one.before for one in courses]))
    return {
        "refined_dead_heaters": Figure(
            share, "share of the error", f"left where heaters died unnoticed; {told}", 0.6, "lower"
        )
    }


def course(chip: ChipElsewhere, known: ChipCalibration, matrices: Sequence[ComplexArray]) -> Course:
    """Program and refine matrices by a calibration."""
    chip.install(known)
    rows = []
    for matrix in matrices:
        before = error_of(known, chip.programmed(matrix), matrix)
        held, still_held = settled_error(chip, known, matrix), settled_error(chip, known, matrix)
        found, seen = chip.refined(matrix)
        after, better = error_of(known, seen, matrix), settled_error(chip, known, matrix)
        costs = found.settings, found.measurements, found.bench_s
        rows.append((before, after, *costs, better - still_held, abs(still_held - held)))
    columns = np.array(rows)
    before, after, settings, looks, bench_s, *_ = columns.mean(axis=0).tolist()
    worst, restless = columns[:, 5:].max(axis=0).tolist()
    return Course(before, after, settings, looks, bench_s, max(0.0, worst), restless)


def calibrated(chip: ChipElsewhere) -> ChipCalibration:
    """The chip as its calibration finds it."""
    rng = np.random.default_rng(1)
    return asyncio.run(calibrate_chip(chip, rng=rng, progress=lambda stage, done: None))


def a_week_ago(known: ChipCalibration) -> ChipCalibration:
    """The calibration of a chip whose phases have walked to where they are now."""
    walked_rad = np.random.default_rng(7).normal(0.0, WEEK_RAD, len(known.phi0_rad))
    return replace(known, phi0_rad=known.phi0_rad - walked_rad)


def error_of(known: ChipCalibration, seen: ComplexArray, matrix: ComplexArray) -> float:
    """Relative error of what noise-free receivers see."""
    between = between_ports(known, seen + known.receiver_offset[:, None])
    return float(np.linalg.norm(between - matrix) / np.linalg.norm(matrix))


def settled_error(chip: ChipElsewhere, known: ChipCalibration, matrix: ComplexArray) -> float:
    """Relative error of what receivers read after a rest: their nonlinearity counts, no noise.

    Two looks have noise of their own each, which their product does not have.
    """
    chip.rest(REST_S)
    looks = [asyncio.run(chip.measure_transfer(LONG)) for _ in range(2)]
    one, other = (between_ports(known, seen) - matrix for seen in looks)
    missed = float(np.vdot(one, other).real)
    return float(np.sqrt(max(missed, 0.0)) / np.linalg.norm(matrix))


def reals(ports: int) -> list[ComplexArray]:
    """Gaussian matrices of spectral norm 1."""
    rng = np.random.default_rng(ports)
    plain = [rng.standard_normal((ports, ports)) for _ in range(DRAWS)]
    return [(matrix / np.linalg.norm(matrix, 2)).astype(complex) for matrix in plain]


def unitaries(ports: int) -> list[ComplexArray]:
    """Haar-random unitaries."""
    rng = np.random.default_rng(ports)
    return [haar_unitary(ports, rng) for _ in range(DRAWS)]


# Other ways to refine


def compared_figures() -> dict[str, Figure]:
    """What other gradient-free ways leave on 8 ports after a week, by how many settings."""
    matrix = reals(8)[0]
    with chip_elsewhere({"chip.ports": 8, "chip.kind": "svd"}) as chip:
        known = a_week_ago(calibrated(chip))
        ours = course(chip, known, [matrix])
        by_coordinate = asyncio.run(one_by_one(Settings(chip, known, matrix)))
        by_chance = asyncio.run(all_at_random(Settings(chip, known, matrix)))
    return {
        "refining_settings": Figure(
            ours.settings,
            "settings",
            f"to {ours.after:.2%} from {ours.before:.1%}; each phase in turn by three settings: "
            f"{by_coordinate}; simultaneous perturbation (SPSA): {by_chance}",
            1.5 * len(known.phi0_rad),  # half of what one round of each phase in turn takes
            "lower",
        )
    }


class Settings:
    """Own phases of one chip, and the squared error that is measured there.

    Attributes:
        own_rad: shape (shifters,), the best so far, in rad.
        count: settings looked at.
    """

    REPEATS = 256

    def __init__(self, chip: ChipElsewhere, known: ChipCalibration, matrix: ComplexArray) -> None:
        self._chip, self._known, self._matrix = chip, known, matrix
        self.own_rad, self.count = own_phases_for(matrix, known), 0

    async def missed(self, own_rad: FloatArray) -> float:
        """Square of what is missing, the noise's share in it."""
        self.count += 1
        await self._chip.set_drive_v(drive_for_own_phases_v(self._known, np.maximum(own_rad, 0.0)))
        seen = between_ports(self._known, await self._chip.measure_transfer(self.REPEATS))
        return float(np.linalg.norm(seen - self._matrix) ** 2)

    async def left(self) -> str:
        """What is left at the best, and what it took, in words."""
        count, missed = self.count, await self.missed(self.own_rad)
        return f"{np.sqrt(missed) / np.linalg.norm(self._matrix):.1%} after {count}"


async def one_by_one(settings: Settings) -> str:
    """Each phase put where its fringe is lowest, once around: the fringe is a sinusoid."""
    turns = np.array([0.0, 1.0, -1.0]) * (2.0 * np.pi / 3.0)
    for channel in range(len(settings.own_rad)):
        seen = []
        for turn in turns:
            own_rad = settings.own_rad.copy()
            own_rad[channel] = (own_rad[channel] + turn) % (2.0 * np.pi)
            seen.append(await settings.missed(own_rad))
        lowest = np.angle(-np.sum(np.array(seen) * np.exp(1j * turns)))
        settings.own_rad[channel] = (settings.own_rad[channel] + lowest) % (2.0 * np.pi)
    return await settings.left()


async def all_at_random(settings: Settings) -> str:
    """All phases moved at random at once, and back by what that did (Spall, 1992)."""
    rng, steps = np.random.default_rng(1), 3 * len(settings.own_rad) // 2
    for step in range(steps):
        rate, reach = 0.02 / (1.0 + step / 100.0) ** 0.602, 0.05 / (1.0 + step) ** 0.101
        signs = rng.choice([-1.0, 1.0], len(settings.own_rad))
        ahead = await settings.missed(settings.own_rad + reach * signs)
        behind = await settings.missed(settings.own_rad - reach * signs)
        settings.own_rad = settings.own_rad - rate * (ahead - behind) / (2.0 * reach) * signs
    return await settings.left()
