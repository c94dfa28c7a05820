"""A whole bench in another process: its chip can be calibrated, but not looked into.

The other process opens the bench in virtual time and answers, over a pipe, what
`calibration.chip.ChipUnderTest` lists. The truth is told too, but only to who asks for it
by name: to judge a calibration once it is made.
"""

import asyncio
import multiprocessing
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.far_desk import serve
from calibration.programming.refining import Refinement
from calibration.result import ChipCalibration
from drivers.registry import Backend
from lumina.errors import UsageError
from lumina.runtime.bench import Bench, open_bench
from lumina.runtime.config import BenchConfig, load_config
from lumina.runtime.virtual_time import run_virtual
from lumina.theory.mesh import MeshArchitecture
from twin.config import PlantConfig
from twin.plant import Plant

__all__ = ["BENCH", "ChipElsewhere", "Look", "chip_elsewhere"]

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]

BENCH = Path(__file__).parents[1] / "lab_configs" / "calibration_bench.yaml"


class Look(NamedTuple):
    """One setting that was measured."""

    drive_v: FloatArray
    die_c: float
    repeats: int


class ChipElsewhere:
    """A `ChipUnderTest` at the other end of a pipe.

    Attributes:
        looks: every transfer matrix that was measured, in order.
    """

    def __init__(self, pipe: Connection, *, use_taps: bool = True) -> None:
        """Use a bench in another process.

        Args:
            pipe: to it.
            use_taps: whether to tell of the taps inside its mesh, where it has them.
        """
        self._pipe = pipe
        self.looks: list[Look] = []
        self._drive_v, self._die_c = np.empty(0), 0.0
        label = self._ask("label")
        self.name: str = label["name"]
        self.architecture: MeshArchitecture = label["architecture"]
        self.max_drive_v: float = label["max_drive_v"]
        self.drive_step_v: float = label["drive_step_v"]
        self.nominal_phase_rad_per_v2: float = label["nominal_phase_rad_per_v2"]
        self.taps: int = label["taps"] if use_taps else 0

    async def set_drive_v(self, drive_v: FloatArray) -> None:
        """Drive every heater, in V."""
        self._ask("set_drive_v", drive_v)
        self._drive_v = drive_v

    async def measure_transfer(self, repeats: int = 1) -> ComplexArray:
        """The transfer matrix as the receivers see it."""
        seen: ComplexArray = self._ask("measure_transfer", repeats)
        self.looks.append(Look(self._drive_v, self._die_c, repeats))
        return seen

    async def measure_readings(self, fields: ComplexArray, repeats: int = 1) -> ComplexArray:
        """What the receivers read for these inputs."""
        seen: ComplexArray = self._ask("measure_readings", fields, repeats)
        return seen

    async def measure_taps(self, fields: ComplexArray, repeats: int = 1) -> FloatArray:
        """What the taps inside the mesh read for these inputs."""
        seen: FloatArray = self._ask("measure_taps", fields, repeats)
        return seen

    async def set_carrier_c(self, carrier_c: float) -> None:
        """Move the carrier's set point, in C."""
        self._ask("set_carrier_c", carrier_c)

    def die_temperature_c(self) -> float:
        """The loop's estimate of the die temperature, in C."""
        self._die_c = float(self._ask("die_temperature_c"))
        return self._die_c

    # Beside the calibration

    def all_off(self) -> None:
        """Switch all heaters off."""
        asyncio.run(self.set_drive_v(np.zeros(self.architecture.shifters)))

    def die_c(self) -> float:
        """Die temperature, the mean of some readings, in C."""
        return float(np.mean([self.die_temperature_c() for _ in range(10)]))

    def now_s(self) -> float:
        """Simulated time, in s."""
        return float(self._ask("now_s"))

    def install(self, calibration: ChipCalibration) -> None:
        """Have the bench use a calibration."""
        self._ask("install", calibration)

    def data_sheet(self) -> ChipCalibration:
        """What is known of the chip before anything is measured."""
        known: ChipCalibration = self._ask("data_sheet")
        return known

    def programmed(self, matrix: ComplexArray) -> ComplexArray:
        """Program a matrix; what noise-free receivers would read, of full scale."""
        seen: ComplexArray = self._ask("programmed", matrix)
        return seen

    def refined(self, matrix: ComplexArray) -> tuple[Refinement, ComplexArray]:
        """Program a matrix and refine it; what became of it, and what it then is."""
        seen: tuple[Refinement, ComplexArray] = self._ask("refined", matrix)
        return seen

    def rest(self, duration_s: float) -> None:
        """Leave the bench alone for a while."""
        self._ask("rest", duration_s)

    def truth(self) -> dict[str, Any]:
        """What the chip really is."""
        known: dict[str, Any] = self._ask("truth")
        return known

    def _ask(self, question: str, *arguments: Any) -> Any:
        self._pipe.send((question, arguments))
        error, answer = self._pipe.recv()
        if error is not None:
            raise error
        return answer


@contextmanager
def chip_elsewhere(
    overrides: Mapping[str, Any],
    *,
    backend: Backend = Backend.TWIN,
    seed: int = 1,
    chip_seed: int = 1,
    use_taps: bool = True,
) -> Iterator[ChipElsewhere]:
    """Open the calibration bench in another process.

    Args:
        overrides: dotted path -> value, laid over the main plant of the lab config.
        backend: who answers for the instruments.
        seed: seed of its noise.
        chip_seed: identity of its chip.
        use_taps: whether to tell of the taps inside its mesh, where it has them.
    """
    context = multiprocessing.get_context("spawn")
    near, far = context.Pipe()
    arguments = (far, dict(overrides), backend, seed, chip_seed)
    process = context.Process(target=_serve, args=arguments, name="chip", daemon=True)
    process.start()
    far.close()
    try:
        yield ChipElsewhere(near, use_taps=use_taps)
    finally:
        near.close()  # the other side's pipe ends, and so does it
        process.join()


def bench_with(overrides: Mapping[str, Any], backend: Backend) -> BenchConfig:
    """The calibration bench with another chip, also one of more ports than a board drives."""
    config = load_config(BENCH, backend=backend, to_run=True)
    plant = config.plants["main"]
    values = plant.model_dump()
    for path, value in overrides.items():
        *sections, field = path.split(".")
        section = values
        for name in sections:
            section = section[name]
        section[field] = value
    plants = {**config.plants, "main": PlantConfig.model_validate(values)}
    return config.model_copy(update={"plants": plants})


def _serve(
    pipe: Connection, overrides: Mapping[str, Any], backend: Backend, seed: int, chip_seed: int
) -> None:
    """The other process: a bench that answers until the pipe ends."""
    run_virtual(_answer(pipe, bench_with(overrides, backend), seed, chip_seed))


async def _answer(pipe: Connection, config: BenchConfig, seed: int, chip_seed: int) -> None:
    async with open_bench(config, seed=seed, chip_seed=chip_seed) as bench:
        await serve(pipe, _Desk(bench))


class _Desk:
    """What is answered, one method per question."""

    def __init__(self, bench: Bench) -> None:
        station = next(iter(bench.stations.values()))
        self._device, self._plant = station.device, station.plant
        self.set_drive_v = self._device.set_drive_v
        self.measure_transfer = self._device.measure_transfer
        self.measure_readings = self._device.measure_readings
        self.measure_taps = self._device.measure_taps
        self.set_carrier_c = self._device.set_carrier_c
        self.install = self._device.install

    async def label(self) -> dict[str, Any]:
        names = (
            "name",
            "architecture",
            "max_drive_v",
            "drive_step_v",
            "nominal_phase_rad_per_v2",
            "taps",
        )
        return {name: getattr(self._device, name) for name in names}

    async def die_temperature_c(self) -> float:
        return self._device.die_temperature_c()

    async def now_s(self) -> float:
        return asyncio.get_running_loop().time()

    async def data_sheet(self) -> ChipCalibration:
        known = self._device.data_sheet()
        assert isinstance(known, ChipCalibration)
        return known

    async def programmed(self, matrix: ComplexArray) -> ComplexArray:
        await self._device.load(matrix)
        return self._true_plant().seen_matrix()

    async def refined(self, matrix: ComplexArray) -> tuple[Refinement, ComplexArray]:
        await self._device.load(matrix)
        found = await self._device.refine()
        return found, self._true_plant().seen_matrix()

    async def rest(self, duration_s: float) -> None:
        await asyncio.sleep(duration_s)

    async def truth(self) -> dict[str, Any]:
        plant = self._true_plant()
        heaters = plant.arrays.heaters
        return {
            "phase_rad": heaters.phase_rad.copy(),
            "phase_gain_rad_per_v2": heaters.phase_per_w * heaters.conductance_s,
            "curvature_per_v2": heaters.feedback_per_w * heaters.conductance_s,
            "crosstalk": plant.chip.crosstalk.toarray() + plant.chip.floor,
        }

    def _true_plant(self) -> Plant:
        if self._plant is None:
            raise UsageError("the truth is told of a twin only")
        return self._plant
