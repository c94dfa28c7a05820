"""How well thermal plants are identified that nobody has seen, against the twins' truth.

The reference plant, and three whose thermal parts are drawn with a spread of 10 %. Each is
brought up with its TEC off and identified through the loop's commands and telemetry.
"""

import math
from pathlib import Path

from benchmarks.harness import Benchmark, Figure, describe_machine
from benchmarks.identified import identified
from calibration.thermal.result import CONFIDENCE, ThermalIdentification
from twin.config import PlantConfig

__all__ = ["run", "truth_of"]

CONFIG = Path(__file__).parents[1] / "lab_configs" / "twin.yaml"

UNSEEN = (1, 2, 3)
SPREAD = 0.1

LONGEST_S = 240.0
LEAST_GAIN_MARGIN_DB = 6.0
LEAST_PHASE_MARGIN_DEG = 45.0


def run() -> Benchmark:
    """Identify the reference plant, parameter by parameter, then the unseen ones."""
    machine = describe_machine()
    found, plant = identified(CONFIG)
    figures = parameter_figures(found, plant) | tuning_figures(found)
    for chip_seed in UNSEEN:
        other, its = identified(CONFIG, chip_seed=chip_seed, spread=SPREAD)
        figures[f"worst_of_board_{chip_seed}"] = worst_figure(other, its)
    return Benchmark(figures, machine)


def truth_of(plant: PlantConfig) -> dict[str, float]:
    """The plant's own parameters by the model's names; two carrier sensors lag as their mean."""
    nodes, tec, fan, sensors = plant.thermal.nodes, plant.tec, plant.fan, plant.sensors
    return {
        "die_capacity_j_per_k": nodes["die"].capacity_j_per_k,
        "die_resistance_k_per_w": plant.thermal.links[0].resistance_k_per_w,
        "carrier_capacity_j_per_k": nodes["carrier"].capacity_j_per_k,
        "tec_seebeck_v_per_k": tec.seebeck_v_per_k,
        "tec_resistance_ohm": tec.resistance_ohm,
        "tec_conductance_w_per_k": tec.conductance_w_per_k,
        "sink_capacity_j_per_k": nodes["sink"].capacity_j_per_k,
        "still_air_k_per_w": fan.still_air_k_per_w,
        "full_speed_k_per_w": fan.full_speed_k_per_w,
        "fan_exponent": fan.exponent,
        "fan_spin_up_s": fan.spin_up_s,
        "carrier_lag_s": 0.5 * (sensors.carrier_a.lag_s + sensors.carrier_b.lag_s),
        "die_lag_s": sensors.die.lag_s,
        "sink_lag_s": sensors.sink.lag_s,
    }


def parameter_figures(found: ThermalIdentification, plant: PlantConfig) -> dict[str, Figure]:
    """Each parameter's error beside the half width of its 95 % confidence interval."""
    figures = {}
    for name, true in truth_of(plant).items():
        value = float(getattr(found.model, name))
        half = 100.0 * math.expm1(CONFIDENCE * found.sigma[name])
        figures[name] = Figure(
            100.0 * abs(value / true - 1.0),
            "%",
            f"truth {true:.5g}, found {value:.5g}; the target is its 95 % interval's half width",
            half,
            "lower",
        )
    return figures


def tuning_figures(found: ThermalIdentification) -> dict[str, Figure]:
    """Margins of the tuned loops, and how long the plant was moved."""
    margins = [one.margins for one in found.tuning.margins]
    gain_db = min(min(m.gain_db, m.gain_reduction_db) for m in margins)
    phase_deg = min(m.phase_deg for m in margins)
    worst = "the least of TEC and fan loops, idle and loaded"
    return {
        "gain_margin": Figure(gain_db, "dB", worst, LEAST_GAIN_MARGIN_DB, "higher"),
        "phase_margin": Figure(phase_deg, "deg", worst, LEAST_PHASE_MARGIN_DEG, "higher"),
        "duration": Figure(
            found.duration_s, "s", "bench time of the excitation", LONGEST_S, "lower"
        ),
    }


def worst_figure(found: ThermalIdentification, plant: PlantConfig) -> Figure:
    """The parameter of an unseen board that is off the farthest, in units of its interval."""
    away = {
        name: abs(math.log(getattr(found.model, name) / true)) / (CONFIDENCE * found.sigma[name])
        for name, true in truth_of(plant).items()
    }
    name = max(away, key=lambda one: away[one])
    return Figure(
        away[name],
        "intervals",
        f"{name}, the farthest off of {len(away)}, over its 95 % interval's half width",
        1.0,
        "lower",
    )
