"""The published SNR table, and what a full physical model makes of its three scenarios.

Two figures must be kept apart. The published SNR compares the light in its channel with
the light in the others, for identity weights: a figure of crosstalk alone, which this
benchmark reproduces by its own definition. What a user of the chip meets is the other
one: the twin of a 32-port mesh is programmed to the identity, given the scenario's
crosstalk, loss and temperature, and read through its modulators and receivers, with
converters, phase noise, shot, thermal and intensity noise. That is judged twice:

- *seen*: the published definition applied to what the receivers read;
- *error*: the response against the ideal one, by the whole of the difference. Here the
  missing share of each channel, its phase and its intensity count too.

Either once with the die held where the mesh was programmed for, and once as it drifts
when nobody controls it: programmed at 25 C and left to the scenario's temperature. More
disturbances cannot improve on the definition's figure, so that is the target of all four.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.harness import Benchmark, Figure, describe_machine
from lumina.frames import HEATERS_ENABLED
from lumina.theory.decompositions import rectangular_phases
from lumina.theory.drive import drive_for_power_v
from lumina.theory.snr import (
    CHANNELS,
    SCENARIOS,
    SnrScenario,
    channel_matrix,
    published_snr_db,
)
from twin.config import HeatNodeConfig, PlantConfig
from twin.plant import Plant
from twin.receivers import build_receivers, detect, modulate

__all__ = ["run"]

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]

AGREEMENT_DB = 0.05
REPEATS = 50
PROGRAMMED_C = 25.0
HELD_WITHIN_K = 0.01
"""The loop's own criterion of a temperature that stands still."""


def run() -> Benchmark:
    """Reproduce the table and measure the full model of each row."""
    machine = describe_machine()
    figures: dict[str, Figure] = {}
    for scenario in SCENARIOS:
        figures |= scenario_figures(scenario)
    return Benchmark(figures, machine)


def scenario_figures(scenario: SnrScenario) -> dict[str, Figure]:
    """One row of the table: agreement, and the full model held and left to drift."""
    defined_db = published_snr_db(channel_matrix(scenario.crosstalk, scenario.loss_db))
    agreement = Figure(
        abs(defined_db - scenario.snr_db),
        "dB",
        f"published {scenario.snr_db:g} dB; its definition gives {defined_db:.3f} dB here",
        AGREEMENT_DB,
        "lower",
    )
    figures = {f"{scenario.name}_deviation": agreement}
    for state, programmed_c, die_c in die_states(scenario.temperature_c):
        readings = read_identity(scenario, programmed_c, die_c)
        versus = f"{defined_db:.2f} dB of crosstalk alone; programmed at {programmed_c:g} C, "
        versus += f"read at {die_c:g} C"
        for kind, value_db in (("seen", seen_snr_db(readings)), ("error", error_snr_db(readings))):
            name = f"{scenario.name}_{state}_{kind}"
            figures[name] = Figure(value_db, "dB", versus, defined_db, "lower")
    return figures


def die_states(temperature_c: float) -> list[tuple[str, float, float]]:
    """(name, die temperature programmed for, die temperature read at), in C."""
    held = ("held", temperature_c, temperature_c + HELD_WITHIN_K)
    if temperature_c == PROGRAMMED_C:
        return [held]
    return [held, ("drifted", PROGRAMMED_C, temperature_c)]


def seen_snr_db(readings: ComplexArray) -> float:
    """The published definition on mean powers. Readings have shape (repeats, N, N)."""
    return published_snr_db(np.sqrt(np.mean(np.abs(readings) ** 2, axis=0)))


def error_snr_db(readings: ComplexArray) -> float:
    """Power of the ideal response over that of all departures from it, in dB."""
    ideal = np.eye(readings.shape[1])
    departure = np.mean(np.abs(readings - ideal) ** 2) * readings.shape[1]
    return float(-10.0 * np.log10(departure))


def read_identity(scenario: SnrScenario, programmed_c: float, die_c: float) -> ComplexArray:
    """Identity input through an identity mesh, as the receivers read it.

    Args:
        scenario: crosstalk and loss; the crosstalk joins the light behind the mesh, as
            between neighbouring waveguides on their way to the receivers.
        programmed_c: die temperature for which the mesh was programmed, in C.
        die_c: die temperature at which it is read, in C.

    Returns:
        Shape (repeats, N, N), column i for input i; 1 is a path of the scenario's loss.
    """
    plant = warm_plant(scenario, die_c)
    program_identity(plant, programmed_c)
    plant.step()
    receivers = build_receivers(plant.config, plant.chip, plant.arrays.optics)
    vectors = np.tile(np.eye(CHANNELS, dtype=np.complex128), REPEATS)
    light = plant.transfer_matrix() @ modulate(receivers, vectors)
    leaked = channel_matrix(scenario.crosstalk, loss_db=0.0) @ light
    readings = detect(receivers, plant.arrays.state[0], plant.inputs[0], leaked)
    readings /= plant.config.receivers.full_scale_share
    return readings.reshape(CHANNELS, REPEATS, CHANNELS).transpose(1, 0, 2)


def warm_plant(scenario: SnrScenario, die_c: float) -> Plant:
    """A lit 32-port plant with ideal couplers, the scenario's loss, and all of it at `die_c`."""
    default = PlantConfig()
    # A die too heavy to be moved by the heaters within the one tick that is looked at.
    nodes = default.thermal.nodes | {"die": HeatNodeConfig(capacity_j_per_k=1e6)}
    loss = {"waveguide_db_per_cm": 0.0, "interferometer_db": 0.0, "facet_db": scenario.loss_db / 2}
    changes: dict[str, Any] = {
        "thermal": {"nodes": {name: node.model_dump() for name, node in nodes.items()}},
        "chip": {"ports": CHANNELS, "splitter_sigma_rad": 0.0, "loss": loss},
        "receivers": {"temperature_c": die_c},
    }
    plant = Plant(PlantConfig.model_validate(changes), seed=1, chip_seed=1)
    plant.arrays.heat.temperature_c[:] = die_c
    plant.inputs["laser_on"] = 1.0
    plant.actuator.head["laser_scale"] = 1.0
    return plant


def program_identity(plant: Plant, die_c: float) -> None:
    """Drive the heaters for an identity mesh at one die temperature, knowing the chip.

    Raises:
        RuntimeError: some heater cannot reach its phase.
    """
    chip, config = plant.chip, plant.config.chip
    heater = config.heater
    turn_per_k = config.thermo_optic_per_k / plant.config.laser.wavelength_m * chip.imbalance_m
    drift = 2.0 * np.pi * turn_per_k * (die_c - config.reference_c)
    missing = rectangular_phases(np.eye(CHANNELS)) - chip.phi0_rad - drift
    own_rad = own_phases(chip.crosstalk.toarray() + chip.floor, missing)
    power_w = own_rad / np.pi * chip.pi_power_w
    feedback_per_w = np.asarray(heater.feedback_per_w)
    drive_v = drive_for_power_v(power_w, chip.resistance_ohm, feedback_per_w)
    if drive_v.max() > heater.max_drive_v:
        raise RuntimeError(f"a heater needs {drive_v.max():.2f} V of {heater.max_drive_v:g} V")
    full_code = (1 << heater.bits) - 1
    plant.actuator.heater_code[:] = np.rint(drive_v / heater.max_drive_v * full_code)
    plant.actuator.head["flags"] = HEATERS_ENABLED


def own_phases(crosstalk: FloatArray, missing_rad: FloatArray) -> FloatArray:
    """Own phases, none negative, whose sum with crosstalk is `missing_rad` up to full turns."""
    wanted = np.mod(missing_rad, 2.0 * np.pi)
    own = np.linalg.solve(crosstalk, wanted)
    while own.min() < 0.0:
        wanted[own < 0.0] += 2.0 * np.pi
        own = np.linalg.solve(crosstalk, wanted)
    return np.asarray(own, np.float64)
