"""What an identification may ask of a plant: the loop's commands and its telemetry."""

from typing import Protocol

from lumina.control.loop import ControlLoop

__all__ = ["PlantUnderTest"]


class PlantUnderTest(Protocol):
    """One board with its TEC, fan and heaters. It cannot see the plant itself."""

    @property
    def name(self) -> str:
        """The device's name in the lab config."""

    @property
    def loop(self) -> ControlLoop:
        """Its 1 kHz loop: commands and telemetry."""

    @property
    def nominal_phase_rad_per_v2(self) -> float:
        """Data-sheet phase per squared drive voltage, in rad/V^2."""

    async def applied(self, sequence: int) -> None:
        """Wait until the loop has applied a command."""
