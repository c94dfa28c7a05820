"""What a routine is: a name, what it finds, what it costs, how it is run and applied."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from numpy.random import Generator

from calibration.chip import ChipUnderTest
from calibration.findings import Findings
from calibration.mesh.measuring import Progress
from calibration.result import ChannelFault, ChipCalibration
from drivers.interfaces import Instrument
from lumina.control.loop import ControlLoop

__all__ = ["Device", "Routine", "Workplace"]


class Device(ChipUnderTest, Protocol):
    """A photonic processor as a calibration finds it, and as it is left behind."""

    @property
    def loop(self) -> ControlLoop:
        """Its 1 kHz loop: commands and telemetry."""

    async def applied(self, sequence: int) -> None:
        """Wait until the loop has applied a command."""

    async def install(self, calibration: ChipCalibration) -> None:
        """Take over a calibration of the chip."""


@dataclass(frozen=True)
class Workplace:
    """All that a routine may use.

    Attributes:
        device: the processor.
        chip: the same, to be measured through: what is asked of it is kept on tape, so that
            an interrupted routine can go on. A routine that measures by other ways starts
            over instead.
        instruments: whatever else stands on the same plant, by name.
        rng: for the routine's own choices.
        progress: told how far each stage of the routine is.
        known: what is known already: stored, or found by routines before this one.
    """

    device: Device
    chip: ChipUnderTest
    instruments: Mapping[str, Instrument]
    rng: Generator
    progress: Progress
    known: Mapping[str, Findings] = field(default_factory=dict)


class Routine(ABC):
    """One part of a calibration.

    Attributes:
        name: as the command line and the store have it.
        finds: what it finds, in one line.
        after: routines whose findings it uses.
        usual: whether it is run when none is named.
    """

    name: str
    finds: str
    after: tuple[str, ...] = ()
    usual: bool = True

    def applies(self, place: Workplace) -> bool:
        """Whether the device has what this routine is about."""
        return True

    @abstractmethod
    def cost(self, place: Workplace) -> int:
        """Measurements that it will take, roughly: transfer matrices, repeats counted."""

    @abstractmethod
    async def run(self, place: Workplace) -> Findings:
        """Measure. The device is brought up and at its set point, and is left there.

        Raises:
            CalibrationError: nothing could be found.
            DeviceError: an instrument failed.
            SafetyError: the guard or a rail ended it.
        """

    @abstractmethod
    async def apply(self, device: Device, findings: Findings) -> None:
        """Have a device that is being brought up use what was found.

        Its loop runs and its rails are on; its temperature is not locked yet.

        Raises:
            CalibrationError: findings of another schema, or that do not fit the device.
        """

    def faults(self, findings: Findings) -> tuple[ChannelFault, ...]:
        """Channels that were left out."""
        return ()

    def figures(self, findings: Findings) -> dict[str, float | int | str]:
        """The few figures to see first, units in their names."""
        return {}
