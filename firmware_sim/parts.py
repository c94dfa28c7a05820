"""From a world's description to its parts: plants, and the instruments around them."""

from typing import TYPE_CHECKING

from firmware_sim.catalogue import simulator
from firmware_sim.description import InstrumentDescription, WorldDescription
from firmware_sim.instrument import SimulatedInstrument
from lumina.errors import UsageError
from twin.instruments import stand_by
from twin.plant import Plant

if TYPE_CHECKING:
    from firmware_sim.instruments.lumina_npu import LuminaNpu

__all__ = ["build_part", "build_plants", "is_board", "plant_of", "served_on"]


def build_plants(description: WorldDescription) -> dict[str, Plant]:
    """The plants by name, standing by."""
    plants = {
        name: Plant(plant.config, seed=plant.seed, chip_seed=plant.chip_seed)
        for name, plant in description.plants.items()
    }
    for plant in plants.values():
        stand_by(plant)
    return plants


def plant_of(name: str, described: InstrumentDescription, plants: dict[str, Plant]) -> Plant:
    """The plant that an instrument acts on.

    Raises:
        UsageError: it is not there.
    """
    where = described.config.plant
    if where not in plants:
        raise UsageError(f"{name}: there is no plant {where}")
    return plants[where]


def build_part(
    name: str, described: InstrumentDescription, plants: dict[str, Plant]
) -> "SimulatedInstrument | LuminaNpu":
    """One simulated instrument.

    Raises:
        UsageError: it has no simulator, or names a plant that is not there.
    """
    plant = plant_of(name, described, plants)
    return simulator(described.config.driver)(name, described.config.options, plant)


def is_board(described: InstrumentDescription) -> bool:
    """Whether it advances its plant by itself, as the board of the 1 kHz loop does."""
    return bool(getattr(simulator(described.config.driver), "ticks_plant", False))


def served_on(described: InstrumentDescription, instrument: SimulatedInstrument) -> str:
    """``pty`` or ``tcp``: as described, or as the real one is connected."""
    return described.served or ("pty" if instrument.wiring.serial else "tcp")
