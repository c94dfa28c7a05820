"""Whatever runs a control loop: on a twin, a board on a wire or in memory, or instruments."""

from collections.abc import Callable
from typing import Any, Protocol

from numpy.typing import NDArray

from drivers.instrument_link import InstrumentLink
from drivers.interfaces import FrameLink
from drivers.npu.link import WireLink
from drivers.npu.memory import MemoryLink
from drivers.twin import PlantLink
from lumina.control.loop import ControlLoop
from lumina.control.running.instruments import InstrumentRunner
from lumina.control.running.lateness import Lateness
from lumina.control.running.memory import MemoryRunner
from lumina.control.running.twin import TwinRunner
from lumina.control.running.wire import WireRunner
from lumina.errors import DeviceError

__all__ = ["Runner", "RunnerFactory", "runner_for"]


class Runner(Protocol):
    """Runs one loop."""

    @property
    def ticks(self) -> int:
        """Ticks run so far."""

    @property
    def fault(self) -> str | None:
        """Why the loop cannot run, in words; None while nothing stands in its way."""

    def advance(self, ticks: int) -> None:
        """Run a batch of ticks back to back (virtual time).

        Raises:
            VirtualTimeError: this one's time is real.
        """

    def start(self) -> None:
        """Run from now on: in a thread, a task, or as the time of a board in memory goes."""

    def stop(self) -> None:
        """End that, if it runs."""

    def counters(self) -> dict[str, int]:
        """What a wire did to the frames; nothing where there is none."""

    def lateness(self) -> Lateness | None:
        """How late ticks started; None for a twin in virtual time, whose ticks are not late."""

    def memory(self) -> dict[str, NDArray[Any]]:
        """All that the ticks to come depend on, in place: what a checkpoint copies.

        Empty where that is not in this process. Writing into it between two ticks takes
        board and loop to another state.
        """


RunnerFactory = Callable[[FrameLink, ControlLoop], Runner]
"""Makes what runs a loop over a board's link."""


def runner_for(link: FrameLink, loop: ControlLoop) -> Runner:
    """The way to run a loop over a board's link.

    Raises:
        DeviceError: there is none.
    """
    if isinstance(link, PlantLink):
        return TwinRunner(link.plant, loop)
    if isinstance(link, WireLink):
        return WireRunner(link, loop)
    if isinstance(link, MemoryLink):
        return MemoryRunner(link, loop)
    if isinstance(link, InstrumentLink):
        return InstrumentRunner(link, loop)
    raise DeviceError(loop.device, f"no runner for a loop over {type(link).__name__}")
