"""What a routine is: a name, what it finds, what it costs, how it is run and applied."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from calibration.chip import ChipUnderTest
from calibration.faults import ChannelFault
from calibration.findings import Findings
from calibration.mesh.measuring import Progress
from calibration.programming import Calibration
from calibration.programming.refining import Refinement
from drivers.interfaces import Instrument
from drivers.options import DriverOptions
from lumina.control.loop import ControlLoop
from lumina.errors import CalibrationError

__all__ = ["Device", "Move", "Routine", "Verdict", "Workplace"]


class Device(ChipUnderTest, Protocol):
    """A photonic processor as a calibration finds it, and as it is left behind.

    Attributes:
        relit: set while the laser is otherwise than the lab config says.
    """

    relit: bool

    @property
    def loop(self) -> ControlLoop:
        """Its 1 kHz loop: commands and telemetry."""

    async def applied(self, sequence: int) -> None:
        """Wait until the loop has applied a command."""

    def data_sheet(self) -> Calibration:
        """What is known of the chip before anything is measured."""

    async def install(self, calibration: Calibration) -> None:
        """Take over a calibration of the chip."""

    async def load(self, matrix: NDArray[np.complex128]) -> None:
        """Program a matrix by the calibration that is installed."""

    async def refine(self) -> Refinement:
        """Better the matrix that is loaded by what is measured of it."""


@dataclass(frozen=True)
class Workplace:
    """All that a routine may use, at a processor or at a plant without one.

    Attributes:
        name: of the processor; where there is none, of the plant.
        instruments: what stands on the plant, by name.
        rng: for the routine's own choices.
        progress: told how far each stage of the routine is.
        options: what the lab config says of each of the instruments.
        board: the processor; None where there is none.
        under_test: the same, to be measured through: what is asked of it is kept on tape, so
            that an interrupted routine can go on. A routine that measures by other ways
            starts over instead.
        known: what is known already: stored, or found by routines before this one.
        tell: takes a line for the log: what the routine noticed.
    """

    name: str
    instruments: Mapping[str, Instrument]
    rng: Generator
    progress: Progress
    options: Mapping[str, DriverOptions] = field(default_factory=dict)
    board: Device | None = None
    under_test: ChipUnderTest | None = None
    known: Mapping[str, Findings] = field(default_factory=dict)
    tell: Callable[[str], None] = lambda line: None

    @property
    def device(self) -> Device:
        """The processor.

        Raises:
            CalibrationError: there is none.
        """
        if self.board is None:
            raise CalibrationError(f"{self.name}: there is no photonic processor here")
        return self.board

    @property
    def chip(self) -> ChipUnderTest:
        """The processor as it is measured.

        Raises:
            CalibrationError: there is none.
        """
        return self.device if self.under_test is None else self.under_test


@dataclass(frozen=True)
class Move:
    """One quantity that is no longer what it was when it was calibrated.

    Attributes:
        part: what `channel` counts, or what else has moved.
        channel: from 0; None where there is but one.
        quantity: what of it, its unit in the name.
        by: how far, with its sign.
        sigma: the uncertainty of that.
    """

    part: str
    channel: int | None
    quantity: str
    by: float
    sigma: float

    def __str__(self) -> str:
        which = self.part if self.channel is None else f"{self.part} {self.channel}"
        return f"{which}: {self.quantity} {self.by:+.3g} +- {self.sigma:.1g}"


@dataclass(frozen=True)
class Verdict:
    """What a quick look says about stored findings.

    Attributes:
        holds: whether they may be used as they are.
        moves: what has moved.
        figures: what else was seen, units in the names.
        arrays: the same by channel, for the run folder.
    """

    holds: bool
    moves: tuple[Move, ...]
    figures: Mapping[str, float | int | str]
    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)


class Routine(ABC):
    """One part of a calibration.

    Attributes:
        name: as the command line and the store have it.
        finds: what it finds, in one line.
        after: routines whose findings it uses.
        usual: whether it is run when none is named.
        before_lock: whether it is run on a bench whose carrier is not regulated yet.
        needs_board: whether it is of no use where there is no processor.
    """

    name: str
    finds: str
    after: tuple[str, ...] = ()
    usual: bool = True
    before_lock: bool = False
    needs_board: bool = True

    def applies(self, place: Workplace) -> bool:
        """Whether there is what this routine is about; asked where there is a board, if needed."""
        return True

    @abstractmethod
    def cost(self, place: Workplace) -> int:
        """Transfer matrices, or readings, that it will take: roughly, repeats counted."""

    @abstractmethod
    async def run(self, place: Workplace) -> Findings:
        """Measure. The device is brought up and at its set point, and is left there.

        With `before_lock` its TEC may be off at the start.

        Returns:
            What was found; a routine that only betters what another one found returns
            findings of that name.

        Raises:
            CalibrationError: nothing could be found.
            DeviceError: an instrument failed.
            SafetyError: the guard or a rail ended it.
        """

    @abstractmethod
    async def apply(self, place: Workplace, findings: Findings) -> None:
        """Have a bench that is being brought up use what was found.

        A processor's loop runs and its rails are on; its temperature is not locked yet.

        Raises:
            CalibrationError: findings of another schema, or that do not fit the device.
        """

    async def check(self, place: Workplace, findings: Findings) -> Verdict | None:
        """See in less than a minute whether findings still hold; None if that cannot be seen.

        Raises:
            CalibrationError: nothing can be seen at all.
        """
        return None

    def faults(self, findings: Findings) -> tuple[ChannelFault, ...]:
        """Channels that were left out."""
        return ()

    def figures(self, findings: Findings) -> dict[str, float | int | str]:
        """The few figures to see first, units in their names."""
        return {}
