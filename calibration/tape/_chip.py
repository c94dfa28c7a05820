"""A chip whose every answer is taped, and that answers from the tape as long as it lasts."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.chip import ChipUnderTest
from calibration.tape._file import TapeWriter
from calibration.tape._records import Answer, Exchange
from lumina.errors import CalibrationError
from lumina.theory.architecture import ChipArchitecture

__all__ = ["EVERY", "TapedChip"]

Seen = Callable[[NDArray[np.float64] | None, NDArray[Any], int], None]

EVERY = 64
"""Questions between two moments at which a run may be saved."""


async def nothing() -> None:
    """The chip stands as it should already."""


class TapedChip:
    """A `ChipUnderTest` in front of another.

    While it answers from an earlier tape the chip itself is left alone. Before the first
    question that the tape does not answer, `catch_up` is awaited: it has the chip stand as it
    would had all been asked of it.

    Attributes:
        measurements: transfer matrices measured, repeats counted, those on the tape too.
    """

    def __init__(
        self,
        chip: ChipUnderTest,
        writer: TapeWriter,
        *,
        earlier: Iterable[Exchange] = (),
        catch_up: Callable[[], Awaitable[None]] = nothing,
        every: Callable[[], None] = lambda: None,
        seen: Seen = lambda drive_v, transfer, repeats: None,
    ) -> None:
        """Use a chip.

        Args:
            chip: answers what the tape does not.
            writer: takes every exchange, those of the earlier tape as well.
            earlier: exchanges of an interrupted calibration.
            catch_up: has the chip stand as after those; `set_again` may do.
            every: called between two exchanges with the chip, every `EVERY` of them.
            seen: shown every measurement: drives (None before the first), matrix, repeats.
        """
        self._chip, self._writer = chip, writer
        self._earlier = iter(earlier)
        self._due = next(self._earlier, None)
        self._catch_up = None if self._due is None else catch_up
        self._every, self._asked_since = every, 0
        self._seen = seen
        self._drive_v: NDArray[np.float64] | None = None
        self._settings: dict[str, Answer] = {}
        self.measurements = 0

    # What does not change

    @property
    def name(self) -> str:
        """The device's name in the lab config."""
        return self._chip.name

    @property
    def architecture(self) -> ChipArchitecture:
        """Ports and arrangement of the interferometers."""
        return self._chip.architecture

    @property
    def max_drive_v(self) -> float:
        """Highest heater drive, in V."""
        return self._chip.max_drive_v

    @property
    def drive_step_v(self) -> float:
        """Step of the drives that the heaters' converters can give, in V."""
        return self._chip.drive_step_v

    @property
    def taps(self) -> int:
        """Monitors inside the mesh, 0 where it has none."""
        return self._chip.taps

    @property
    def nominal_phase_rad_per_v2(self) -> float:
        """Data-sheet phase per squared drive voltage, in rad/V^2."""
        return self._chip.nominal_phase_rad_per_v2

    # What is asked

    async def set_drive_v(self, drive_v: NDArray[np.float64]) -> None:
        """Drive every heater, shape (shifters,), in V; returns once the phases stand."""
        self._drive_v = drive_v.copy()
        await self._asked("set_drive_v", self._drive_v, lambda: self._chip.set_drive_v(drive_v))

    async def measure_transfer(self, repeats: int = 1) -> NDArray[np.complex128]:
        """The complex transfer matrix as the receivers see it, mean of `repeats`."""
        seen = await self._asked(
            "measure_transfer", float(repeats), lambda: self._chip.measure_transfer(repeats)
        )
        assert isinstance(seen, np.ndarray)
        self.measurements += repeats
        self._seen(self._drive_v, seen, repeats)
        return seen.astype(complex)

    async def measure_readings(
        self, fields: NDArray[np.complex128], repeats: int = 1
    ) -> NDArray[np.complex128]:
        """What the receivers read for these inputs, mean of `repeats`."""
        seen = await self._asked(
            "measure_readings",
            _shone(fields, repeats),
            lambda: self._chip.measure_readings(fields, repeats),
        )
        assert isinstance(seen, np.ndarray)
        return seen.astype(complex)

    async def measure_taps(
        self, fields: NDArray[np.complex128], repeats: int = 1
    ) -> NDArray[np.float64]:
        """What the taps inside the mesh read for these inputs, mean of `repeats`."""
        seen = await self._asked(
            "measure_taps",
            _shone(fields, repeats),
            lambda: self._chip.measure_taps(fields, repeats),
        )
        assert isinstance(seen, np.ndarray)
        return seen.real.astype(float)

    async def set_carrier_c(self, carrier_c: float) -> None:
        """Move the carrier's set point, in C; returns once die and carrier stand still."""
        await self._asked("set_carrier_c", carrier_c, lambda: self._chip.set_carrier_c(carrier_c))

    def die_temperature_c(self) -> float:
        """The loop's present estimate of the die temperature, in C."""
        on_tape = self._from_tape("die_temperature_c", None)
        if on_tape is None:
            answer = self._chip.die_temperature_c()
            self._write("die_temperature_c", None, answer)
            return answer
        assert isinstance(on_tape.answer, float)
        return on_tape.answer

    async def set_again(self) -> None:
        """Have the chip set as the earlier tape left it."""
        for question, argument in self._settings.items():
            await getattr(self._chip, question)(argument)

    # Inside

    async def _asked(
        self, question: str, argument: Answer, ask: Callable[[], Awaitable[Answer]]
    ) -> Answer:
        on_tape = self._from_tape(question, argument)
        if on_tape is not None:
            await asyncio.sleep(0)  # let the rest of the bench run
            return on_tape.answer
        if self._catch_up is not None:
            catch_up, self._catch_up = self._catch_up, None
            await catch_up()
        self._asked_since += 1
        if self._asked_since % EVERY == 0:
            self._every()
        answer = await ask()
        self._write(question, argument, answer)
        return answer

    def _from_tape(self, question: str, argument: Answer) -> Exchange | None:
        """The next exchange of the earlier tape, kept on the new one too; None at its end.

        Raises:
            CalibrationError: the tape holds another question there.
        """
        exchange = self._due
        if exchange is None:
            return None
        if not exchange.asks(question, argument):
            raise CalibrationError(
                f"{self.name}: cannot go on: question {self._writer.exchanges} of the interrupted "
                f"calibration was {exchange.question}, another one than is due now "
                f"({question}); the procedure has changed since: start anew, without --resume"
            )
        self._writer.write(exchange)
        self._due = next(self._earlier, None)
        if question.startswith("set_"):
            self._settings[question] = argument
        return exchange

    def _write(self, question: str, argument: Answer, answer: Answer) -> None:
        now_s = asyncio.get_running_loop().time()
        self._writer.write(Exchange(now_s, question, argument, answer))


def _shone(fields: NDArray[np.complex128], repeats: int) -> NDArray[np.complex128]:
    """Inputs and how often they are sent, as one argument."""
    return np.vstack([fields, np.full(fields.shape[1], repeats)])
