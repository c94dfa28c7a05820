"""How one board's cooling differs from the next one's: what the chip seed decides of it.

Two TECs of a type differ, and so does the grease under them. A plant with `spread` has its
thermal parts drawn about their nominal values; the config that describes it stays as it is.
"""

from collections.abc import Callable

import numpy as np

from twin.chip import spread_factors
from twin.config import FanConfig, PlantConfig, SensorsConfig, TecConfig, ThermalConfig

__all__ = ["as_built"]

STREAM = 5
"""Stream of the thermal parts under a chip seed; a chip's own are `twin.chip.STREAMS`."""

Draw = Callable[[float], float]


def as_built(config: PlantConfig, chip_seed: int) -> PlantConfig:
    """The plant as this board came out: thermal parts, TEC, fan and sensor lags drawn.

    The parts are drawn in the order in which they stand in the config.
    """
    config = config.model_copy(update={"instruments": config.instruments.as_made()})
    if config.spread == 0.0:
        return config
    generator = np.random.default_rng([chip_seed, STREAM])

    def draw(nominal: float) -> float:
        return nominal * float(spread_factors(generator, config.spread, 1)[0])

    return config.model_copy(
        update={
            "thermal": _thermal(config.thermal, draw),
            "tec": _tec(config.tec, draw),
            "fan": _fan(config.fan, draw),
            "sensors": _sensors(config.sensors, draw),
        }
    )


def _thermal(thermal: ThermalConfig, draw: Draw) -> ThermalConfig:
    nodes = {
        name: node.model_copy(update={"capacity_j_per_k": draw(node.capacity_j_per_k)})
        for name, node in thermal.nodes.items()
    }
    links = tuple(
        link.model_copy(update={"resistance_k_per_w": draw(link.resistance_k_per_w)})
        for link in thermal.links
    )
    return thermal.model_copy(update={"nodes": nodes, "links": links})


def _tec(tec: TecConfig, draw: Draw) -> TecConfig:
    names = ("seebeck_v_per_k", "resistance_ohm", "conductance_w_per_k")
    return tec.model_copy(update={name: draw(getattr(tec, name)) for name in names})


def _fan(fan: FanConfig, draw: Draw) -> FanConfig:
    still_k_per_w = draw(fan.still_air_k_per_w)
    full_k_per_w = min(draw(fan.full_speed_k_per_w), still_k_per_w)  # a fan never insulates
    return fan.model_copy(
        update={
            "still_air_k_per_w": still_k_per_w,
            "full_speed_k_per_w": full_k_per_w,
            "spin_up_s": draw(fan.spin_up_s),
        }
    )


def _sensors(sensors: SensorsConfig, draw: Draw) -> SensorsConfig:
    """Lags alone: an interchangeable thermistor's law is its type's."""
    drawn = {}
    for name in ("carrier_a", "carrier_b", "die", "sink"):
        sensor = getattr(sensors, name)
        drawn[name] = sensor.model_copy(update={"lag_s": draw(sensor.lag_s)})
    return sensors.model_copy(update=drawn)
