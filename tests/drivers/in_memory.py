"""Simulated instruments without a wire, for drivers in real or in virtual time."""

from typing import Any

from drivers.registry import registry
from drivers.transports.memory import plug_in, unplug
from firmware_sim.catalogue import simulator
from twin.plant import Plant


class InMemory:
    """A simulated instrument at ``memory:it``.

    Attributes:
        simulated: the instrument.
        heard: what it was told, in words.
    """

    def __init__(self, driver: str, plant: Plant, **options: object) -> None:
        given = registry().entry(driver).options.model_validate(options)
        self.simulated: Any = simulator(driver)("it", given, plant)
        self.heard: list[str] = []
        self.address = plug_in("it", self)

    def receive(self, data: bytes) -> Any:
        self.heard += data.decode("latin-1").split()
        replies = self.simulated.receive(data)
        self.simulated.idle()
        return replies

    def disconnected(self) -> None:
        self.simulated.disconnected()

    def lose_power(self) -> None:
        """The wire goes with it, and comes back."""
        unplug("it")
        self.simulated.power_cycle()
        plug_in("it", self)
