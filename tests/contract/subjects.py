"""The instruments that the contract is tried on, and how each is reached."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from drivers.config import InstrumentConfig, build_instrument
from drivers.interfaces import Instrument
from drivers.registry import Backend, registry
from drivers.twin.pace import Pace
from firmware_sim.description import InstrumentDescription, PlantDescription, WorldDescription
from twin.config import PlantConfig
from twin.plant import Plant

__all__ = [
    "Subject",
    "hardware_subjects",
    "memory_subjects",
    "memory_world",
    "simulated_subjects",
    "world",
]

WIRES = ("pty", "tcp")
ALSO = {"keysight_e36312a": {"hislip": 0, "vxi11": 1}}
"""Driver -> its further ways in, and where they stand among the other addresses."""

NO_SERIAL_LINE = ("labjack_t7",)
"""Modbus TCP has no form for a serial line."""

PLANT = PlantConfig.model_validate({"chip": {"ports": 4}})
PLANT_DESCRIPTION = PlantDescription(config=PLANT, seed=1, chip_seed=1)


@dataclass(frozen=True)
class Subject:
    """One instrument behind one backend.

    Attributes:
        driver: its driver.
        way: twin, memory (simulated, in virtual time), pty, tcp, hislip, vxi11, or hardware.
        config: from a lab config; None for the driver's defaults.
        name: in the lab config, or of the driver.
    """

    driver: str
    way: str
    config: InstrumentConfig | None = None
    name: str = "it"

    def __str__(self) -> str:
        return f"{self.name}-hardware" if self.config else f"{self.driver}-{self.way}"

    @property
    def role(self) -> str:
        """Its role."""
        return registry().entry(self.driver).role

    @property
    def served(self) -> str:
        """Its name in the world of simulated instruments."""
        return f"{self.driver}_{'pty' if self.way == 'pty' else 'tcp'}"

    @property
    def options(self) -> Any:
        """What its lab config sets."""
        return self.config.options if self.config else registry().entry(self.driver).options()

    def build(self, instruments: Mapping[str, Any] | None) -> Instrument:
        """The driver, not connected.

        Args:
            instruments: where the simulated ones are, as `lumina firmware --json` tells.
        """
        if self.config is not None:
            return build_instrument(self.name, self.config, None)
        if self.way == "twin":
            plant = Plant(PLANT, seed=1, chip_seed=1)
            config = InstrumentConfig.model_validate({"driver": self.driver})
            return build_instrument(self.name, config, plant, Pace(plant))
        assert instruments is not None
        entry = instruments[self.served]
        also = ALSO.get(self.driver, {})
        address = entry["also"][also[self.way]] if self.way in also else entry["resource"]
        where = {"driver": self.driver, "backend": Backend.HARDWARE, "address": address}
        return build_instrument(self.name, InstrumentConfig.model_validate(where), None)


def simulated_subjects() -> list[Subject]:
    """Every driver of ours as a twin, and over every wire of its simulated instrument."""
    return [
        Subject(driver, way)
        for driver in registry().built_in()
        for way in ("twin", *WIRES, *ALSO.get(driver, ()))
        if way != "pty" or driver not in NO_SERIAL_LINE
    ]


def memory_subjects() -> list[Subject]:
    """Every driver of ours over a wire in memory, in virtual time."""
    return [Subject(driver, "memory") for driver in registry().built_in()]


def hardware_subjects(instruments: Mapping[str, InstrumentConfig]) -> list[Subject]:
    """The instruments of a lab config that are real."""
    return [
        Subject(config.driver, "hardware", config, name)
        for name, config in instruments.items()
        if config.backend is Backend.HARDWARE
    ]


def world(subjects: Iterable[Subject]) -> WorldDescription:
    """Their simulated instruments, on one plant for each kind of wire."""
    return WorldDescription(
        plants=dict.fromkeys(WIRES, PLANT_DESCRIPTION),
        instruments={
            subject.served: InstrumentDescription(
                config=InstrumentConfig.model_validate(
                    {"driver": subject.driver, "plant": subject.way}
                ),
                served=subject.way,
            )
            for subject in subjects
            if subject.way in WIRES
        },
    )


def memory_world(subject: Subject) -> WorldDescription:
    """Its simulated instrument alone, wired as the real one is."""
    config = InstrumentConfig.model_validate({"driver": subject.driver})
    return WorldDescription(
        plants={config.plant: PLANT_DESCRIPTION},
        instruments={subject.served: InstrumentDescription(config=config)},
    )
