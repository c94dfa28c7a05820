"""Faults strike, and are lifted, at their bench time; the journal hears of each."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from lumina.errors import LuminaError
from lumina.runtime.config import BenchConfig
from lumina.runtime.environment import Environment
from lumina.runtime.faults.planned import PlannedFault, place_of
from lumina.runtime.recording.journal import Journal, Level

__all__ = ["Planting", "planted"]


class Planting:
    """Plants the faults of a run."""

    def __init__(
        self,
        faults: Sequence[PlannedFault],
        config: BenchConfig,
        environment: Environment,
        journal: Journal,
        attend: Callable[[bool], None],
    ) -> None:
        """Plan them; `planted` lets them strike.

        Args:
            faults: what shall strike, and when.
            config: the bench.
            environment: the room around the plant, and the wires.
            journal: hears of every fault.
            attend: has the host look after the device, or look away.
        """
        self._faults, self._config = faults, config
        self._environment, self._journal, self._attend = environment, journal, attend
        self._struck: list[PlannedFault] = []

    async def run(self) -> None:
        """Plant every fault and lift it again, at their bench times."""
        for at_s, lifts, fault in self._agenda():
            await asyncio.sleep(max(0.0, at_s - self._journal.now_s()))
            if lifts:
                self._lift(fault)
            else:
                self._strike(fault)

    def _agenda(self) -> list[tuple[float, bool, PlannedFault]]:
        """What is to be done and when; what ends makes room for what begins."""
        begins = [(fault.at_s, False, fault) for fault in self._faults]
        ends = [(f.until_s, True, f) for f in self._faults if f.until_s is not None]
        return sorted([*begins, *ends], key=lambda entry: (entry[0], not entry[1]))

    def _strike(self, fault: PlannedFault) -> None:
        try:
            self._apply(fault)
        except LuminaError as error:
            self._tell(fault, "refused", f"{fault} could not be planted: {error}", "error")
            return
        self._struck.append(fault)
        self._tell(fault, "struck", f"fault {fault.name}: {fault.words}", "warning")

    def _apply(self, fault: PlannedFault) -> None:
        if fault.kind.host:
            self._attend(False)
        elif fault.kind.words is None:
            self._disturb_wire(fault)
        else:
            self._write(fault, fault)

    def _disturb_wire(self, fault: PlannedFault) -> None:
        """The severity is how long, or how many replies; an end given outright is how long."""
        kind, seconds, count = fault.kind, fault.value, 1
        if kind.severity is not None and kind.severity.unit != "s":
            seconds, count = 0.0, round(fault.value)
        if fault.until_s is not None:
            seconds = fault.until_s - fault.at_s
        assert kind.wire is not None
        self._environment.disturb_wire(fault.place, kind.wire, seconds, count)

    def _lift(self, fault: PlannedFault) -> None:
        if fault not in self._struck:
            return
        self._struck.remove(fault)
        if fault.kind.host:
            self._attend(True)
        elif fault.kind.words is not None:
            self._write(fault)
        self._tell(fault, "lifted", f"fault {fault.name} is lifted", "info")

    def _write(self, touched: PlannedFault, *coming: PlannedFault) -> None:
        """Write the words of a fault that comes or goes, as the last of all wants them."""
        wanted = dict.fromkeys(self._words(touched), 0.0)
        for fault in (*self._struck, *coming):
            words = self._words(fault)
            wanted |= {word: words[word] for word in wanted.keys() & words.keys()}
        for word, value in wanted.items():
            self._environment.write(word, value)

    def _words(self, fault: PlannedFault) -> dict[str, float]:
        kind = fault.kind
        if kind.words is None:
            return {}
        return dict(kind.words(place_of(fault, self._config), fault.value))

    def _tell(self, fault: PlannedFault, phase: str, message: str, level: Level) -> None:
        self._journal.tell(
            "faults",
            "fault",
            message,
            level=level,
            fault=fault.name,
            place=fault.place,
            spec=str(fault),
            phase=phase,
        )


@asynccontextmanager
async def planted(planting: Planting | None) -> AsyncIterator[None]:
    """Faults strike on time inside the block, and no more after it."""
    if planting is None:
        yield
        return
    task = asyncio.create_task(planting.run(), name="faults")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
