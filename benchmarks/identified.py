"""A plant's beliefs and gains by identification, in place of those of its lab config."""

from pathlib import Path

from calibration.thermal.procedure import identify
from calibration.thermal.result import ThermalIdentification
from lumina.control.config import ControlConfig
from lumina.runtime import open_bench
from lumina.runtime.config import load_config
from lumina.runtime.virtual_time import run_virtual
from twin.config import PlantConfig

__all__ = ["identified", "identified_control"]


def identified(
    config: Path, *, chip_seed: int = 0, spread: float | None = None, seed: int = 1
) -> tuple[ThermalIdentification, PlantConfig]:
    """Identify the plant of a bench with one processor, in virtual time.

    Args:
        config: lab config.
        chip_seed: which board of its kind.
        spread: relative spread of thermal parts from board to board; the config's by default.
        seed: of the sensors' noise.

    Returns:
        What was found, and the truth that it did not see.
    """
    overrides = {} if spread is None else {"plants.main.spread": spread}

    async def found() -> tuple[ThermalIdentification, PlantConfig]:
        settings = load_config(config, overrides)
        async with open_bench(settings, seed=seed, chip_seed=chip_seed, lock=False) as bench:
            (station,) = bench.stations.values()
            assert station.plant is not None
            result = await identify(station.device, progress=lambda stage, done: None)
            return result, station.plant.config

    return run_virtual(found())


def identified_control(config: Path, *, chip_seed: int = 0, seed: int = 1) -> ControlConfig:
    """The controller of a bench with one processor, with what was identified of its plant."""
    settings = load_config(config)
    (name,) = settings.processors
    result, _ = identified(config, chip_seed=chip_seed, seed=seed)
    return result.control(settings.control_for(name))
