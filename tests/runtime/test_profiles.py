"""The operating profiles that ship do what their names say."""

import asyncio
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from lumina.runtime import open_bench
from lumina.runtime.config import load_config
from lumina.runtime.virtual_time import run_virtual

LAB_CONFIGS = Path(__file__).parents[2] / "lab_configs"
LOADS_W, HELD_S = (0.0, 30.0), 150.0
"""An idle chip, then a busy one."""


@dataclass(frozen=True)
class Lived:
    """What a profile took for the same work."""

    ready_s: float
    energy_j: float
    sink_c: float
    warnings: int


@cache
def lived(name: str) -> Lived:
    """Bring a profile up, then hold it through idle and busy times."""
    found: list[Lived] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        began_s, energy_j = loop.time(), 0.0
        small = {"plants.main.chip.ports": 4}
        async with open_bench(load_config(LAB_CONFIGS / name, small), seed=1) as bench:
            ready_s = loop.time() - began_s
            (station,) = bench.stations.values()
            plant, environment = station.plant, bench.environment
            assert plant is not None
            assert environment is not None
            for load_w in LOADS_W:
                environment.set_compute_power_w(load_w)
                for _ in range(round(HELD_S)):
                    await asyncio.sleep(1.0)
                    energy_j += electrical_w(plant.arrays.state[0])
            sink_c = plant.temperatures_c()["sink"]
            warnings = bench.device.loop.counters()["warnings"]
        found.append(Lived(ready_s, energy_j, sink_c, warnings))

    run_virtual(main())
    return found[0]


def electrical_w(state: np.void) -> float:
    """TEC, fan and laser, W: a fan takes the cube of its speed, a laser ten times its light."""
    tec_w = abs(float(state["tec_current_a"]) * float(state["tec_voltage_v"]))
    fan_w = 6.0 * (float(state["fan_rpm"]) / 4000.0) ** 3
    return tec_w + fan_w + 10.0 * float(state["chip_power_w"])


def test_the_photonic_profile_has_its_tiers_at_70_and_80_c() -> None:
    guard = load_config(LAB_CONFIGS / "profile_photonic.yaml").control_for("npu").guard
    assert (guard.warning_c, guard.critical_c) == (70.0, 80.0)


def test_the_energy_profile_takes_less_than_any_other() -> None:
    saving = lived("profile_lowest_energy.yaml")
    assert saving.energy_j < 0.95 * lived("twin.yaml").energy_j
    assert saving.energy_j < 0.9 * lived("profile_lowest_latency.yaml").energy_j
    assert saving.warnings == 0


def test_the_latency_profile_is_ready_first_and_keeps_its_sink_cold() -> None:
    quick = lived("profile_lowest_latency.yaml")
    assert quick.ready_s < lived("twin.yaml").ready_s - 2.0
    assert quick.sink_c < lived("twin.yaml").sink_c - 3.0
