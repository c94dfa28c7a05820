"""How well a chip is known after its calibration, and what that takes.

Every chip stands in another process (`benchmarks.chip_process`): the calibration sees its
light and its die's temperature, nothing else. The bench is lab_configs/calibration_bench.yaml:
12-bit converters, 1 % detector noise, crosstalk, couplers off by 0.02 rad, and what the model
lacks: a cubic drive term, converters' nonlinearity, drift while it is measured. What a program
is judged by is the plant's own matrix, free of receiver noise.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import calibration_instruments, calibration_taps, rings
from benchmarks.calibration_bound import known_at_best, pi_square_v2
from benchmarks.calibration_refining import refining
from benchmarks.calibration_runs import (
    Taken,
    calibrated,
    programmed,
    reals,
    unitaries,
    unitary_chip,
)
from benchmarks.chip_process import chip_elsewhere
from benchmarks.harness import Benchmark, Figure, describe_machine
from benchmarks.self_configuration import configuring
from calibration.faults import Fault, Part
from calibration.heaters import phases_rad
from calibration.result import ChipCalibration
from drivers.registry import Backend
from lumina.runtime.virtual_time import run_virtual

__all__ = ["run"]

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]

UNITARY = {8: 0.9995, 16: 0.999, 32: 0.998, 64: 0.998}
"""Ports and least mean fidelity."""

DRAWS, PLAIN_DRAWS = 100, 5
"""Random matrices that are programmed: by the calibration, and by the data sheet."""

IDEAL: Mapping[str, Any] = {
    "chip.heater.cubic_rad_per_v3": 0.0,
    "chip.heater.inl_lsb": 0.0,
    "chip.phase_walk_rad": 0.0,
    "laser.power_walk": 0.0,
    "receivers.inl_lsb": 0.0,
}
"""A chip without what the model lacks; noise, crosstalk, losses and couplers as they are."""

CHIPS, FAULTY = 10, (3, 7)
FAULTS: Mapping[str, Any] = {"wiring.dead_heaters": (11,), "wiring.swapped_outputs": ((0, 2),)}
NAMED = {
    (Part.SHIFTER, 11): Fault.DEAD,
    (Part.OUTPUT, 0): Fault.SWAPPED,
    (Part.OUTPUT, 2): Fault.SWAPPED,
}


def run() -> Benchmark:
    """Calibrate chips of 4 to 64 ports, on the twin and on simulated firmware."""
    machine = describe_machine()
    figures = at_the_bound() | all_ports() | ten_chips() | on_firmware() | of_rings()
    figures |= refining() | configuring() | calibration_instruments.figures()
    return Benchmark(figures | calibration_taps.figures(), machine)


# The statistical bound


def at_the_bound() -> dict[str, Figure]:
    """Errors of phi0 and P_pi over their Cramer-Rao bound, rms of all shifters."""
    with chip_elsewhere({"chip.ports": 6, "chip.kind": "unitary", **IDEAL}) as chip:
        taken = calibrated(chip)
        looks, known = list(chip.looks), taken.known
        chip.all_off()
        die_c, truth = chip.die_c(), chip.truth()
    best = known_at_best(known, looks, taken.quality.noise, die_c)
    told = phases_rad(known, np.zeros(len(known.phi0_rad)), die_c - known.reference_die_c)
    off_rad = np.angle(np.exp(1j * (told - truth["phase_rad"])))
    there = pi_square_v2(truth["phase_gain_rad_per_v2"], truth["curvature_per_v2"])
    power = pi_square_v2(known.phase_gain_rad_per_v2, known.curvature_per_v2) / there - 1.0
    return {
        "phi0_over_bound": Figure(
            rms(off_rad / best.phase_off_rad),
            "1",
            f"error over Cramer-Rao bound of all measurements; {rms(off_rad):.2g} rad rms; "
            "6 ports, without what the model lacks",
            1.5,
            "lower",
        ),
        "pi_power_over_bound": Figure(
            rms(power / best.pi_power),
            "1",
            f"the same of P_pi; {rms(power):.2%} rms; the data sheet is off by "
            f"{rms(sheet_error(there)):.1%}",
            1.5,
            "lower",
        ),
    }


def sheet_error(there: FloatArray) -> FloatArray:
    """What one number for all heaters misses."""
    return np.asarray(there.mean() / there - 1.0)


def rms(values: FloatArray) -> float:
    """Root mean square."""
    return float(np.sqrt(np.mean(np.square(values))))


# Matrices


def all_ports() -> dict[str, Figure]:
    """Unitaries on meshes of 8 to 64 ports, real matrices on 16; growth with the ports."""
    figures: dict[str, Figure] = {}
    taken: dict[int, Taken] = {}
    for ports, least in UNITARY.items():
        with chip_elsewhere(unitary_chip(ports)) as chip:
            taken[ports] = calibrated(chip)
            after = programmed(chip, taken[ports].known, unitaries(ports, DRAWS))
            before = programmed(chip, chip.data_sheet(), unitaries(ports, PLAIN_DRAWS))
        figures[f"fidelity_{ports}"] = Figure(
            after.fidelity,
            "1",
            f"mean of {DRAWS} Haar unitaries; by the data sheet {before.fidelity:.2g}; "
            f"{taken[ports]}",
            least,
            "higher",
        )
    return figures | growth(taken) | real_matrices()


def growth(taken: Mapping[int, Taken]) -> dict[str, Figure]:
    """Power of the ports by which settings grow, from 8 to 64."""
    few, many = taken[8], taken[64]
    return {
        "settings_grow_as": Figure(
            power_of_ports(many.settings / few.settings),
            "power of N",
            f"{few.settings} settings at 8 ports, {taken[16].settings} at 16, "
            f"{taken[32].settings} at 32, {many.settings} at 64; heaters grow as N^2",
            2.1,
            "lower",
        ),
    }


def power_of_ports(ratio: float) -> float:
    """From 8 to 64 ports."""
    return float(np.log(ratio) / np.log(64 / 8))


def real_matrices() -> dict[str, Figure]:
    """Crosstalk and general real matrices on the 16-port matrix unit."""
    with chip_elsewhere({}) as chip:
        taken, truth = calibrated(chip), chip.truth()
        after = programmed(chip, taken.known, reals(16, DRAWS))
        before = programmed(chip, chip.data_sheet(), reals(16, PLAIN_DRAWS))
    return crosstalk_figures(taken.known, truth["crosstalk"]) | {
        "real_matrices_16": Figure(
            after.error,
            "relative error",
            f"mean of {DRAWS} Gaussian matrices; by the data sheet {before.error:.2f}; {taken}",
            0.01,
            "lower",
        )
    }


def crosstalk_figures(known: ChipCalibration, true: FloatArray) -> dict[str, Figure]:
    """The crosstalk matrix, and what it leaves of the phases over random settings."""
    counts = (true > 1e-3) & ~np.eye(len(true), dtype=bool)
    wrong = np.where(np.eye(len(true), dtype=bool), 0.0, known.crosstalk - true)
    share = float(np.linalg.norm(wrong[counts]) / np.linalg.norm(true[counts]))
    own = np.random.default_rng(2).uniform(0.0, 2.0 * np.pi, (200, len(true)))
    left, all_of_it = (
        float(np.std(phase - phase.mean(axis=0)))
        for phase in (own @ wrong.T, own @ np.where(np.eye(len(true), dtype=bool), 0.0, true).T)
    )
    return {
        "crosstalk": Figure(
            share, "1", "Frobenius error, elements above 1e-3; 1 if neglected", 0.05, "lower"
        ),
        "crosstalk_left": Figure(
            1e3 * left, "mrad", f"rms; {1e3 * all_of_it:.1f} mrad if neglected", 1.5, "lower"
        ),
    }


# Ten chips, other backends, rings


def ten_chips() -> dict[str, Figure]:
    """How many of ten small chips, two of them miswired, are learned with their faults named."""
    errors = [chip_error(number) for number in range(CHIPS)]
    learned = [error for error in errors if error is not None]
    worst = max(learned, default=1.0)
    return {
        "chips_learned": Figure(
            len(learned),
            "of 10",
            f"4 ports, transfer predicted to 2 % (worst: {worst:.1%}); two with a dead heater and "
            "crossed detectors, which are named, and nothing else is",
            CHIPS,
            "higher",
        )
    }


def chip_error(number: int) -> float | None:
    """Relative error of one chip's predicted transfer; None if it was not learned."""
    faults = FAULTS if number in FAULTY else {}
    overrides = {"chip.ports": 4, "chip.kind": "svd", **faults}
    with chip_elsewhere(overrides, seed=number, chip_seed=number) as chip:
        taken = calibrated(chip)
    named = {(fault.part, fault.channel): fault.fault for fault in taken.known.faults}
    error = taken.quality.transfer_error
    return error if error < 0.02 and named == (NAMED if faults else {}) else None


def on_firmware() -> dict[str, Figure]:
    """Bench time of 16 ports over simulated wires, at their real pace."""
    with chip_elsewhere({}, backend=Backend.FIRMWARE) as chip:
        taken = calibrated(chip)
    return {
        "firmware_16": Figure(
            taken.bench_s / 60.0,
            "simulated min",
            f"528 heaters over simulated wires; transfer known to "
            f"{taken.quality.transfer_error:.1%}; {taken}",
            30.0,
            "lower",
        )
    }


def of_rings() -> dict[str, Figure]:
    """The weight bank's figures, from its own benchmark."""
    return {f"ring_{name}": figure for name, figure in run_virtual(rings.measured()).items()}
