"""A plant and its instruments in another process: they can be read and set, not looked into.

The other process opens the bench in virtual time. A call of an instrument's method goes over a
pipe with the caller's time; both clocks then move on together. The truth is told too, but only
to who asks for it by name: to judge what was measured.
"""

import asyncio
import inspect
import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.far_desk import serve
from drivers.options import DriverOptions
from drivers.registry import Backend
from lumina.runtime.bench import Bench, open_bench
from lumina.runtime.config import BenchConfig, load_config
from lumina.runtime.virtual_time import run_virtual
from twin.instruments import HeaterWires, LaserSource, PhotodiodeAmplifiers, PhotodiodeHead
from twin.plant import Plant

__all__ = ["InstrumentElsewhere", "PlantElsewhere", "plant_elsewhere"]

BENCH = Path(__file__).parents[1] / "lab_configs" / "calibration_bench.yaml"

Key = tuple[str, int, str]


class InstrumentElsewhere:
    """An instrument at the other end of a pipe: what is not known here is asked there."""

    def __init__(self, pipe: Connection, name: str) -> None:
        self._pipe, self.name = pipe, name
        self._plain: dict[str, Any] = ask(pipe, "plain", name)

    def __getattr__(self, method: str) -> Any:
        if method.startswith("_"):
            raise AttributeError(method)
        if method in self._plain:
            return self._plain[method]
        if method.startswith(("set_", "read_", "is_", "zero")):
            return lambda *arguments: self._later(method, *arguments)
        return lambda *arguments: ask(self._pipe, "now", self.name, method, *arguments)

    async def _later(self, method: str, *arguments: Any) -> Any:
        now_s = asyncio.get_running_loop().time()
        answer, took_s = ask(self._pipe, "call", now_s, self.name, method, *arguments)
        await asyncio.sleep(took_s)
        return answer


class PlantElsewhere:
    """The far plant.

    Attributes:
        instruments: by name.
        options: what the lab config says of each.
    """

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self.options: dict[str, DriverOptions] = ask(pipe, "options")
        self.instruments = {name: InstrumentElsewhere(pipe, name) for name in self.options}

    def truth(self) -> dict[Key, float]:
        """What each quantity really is."""
        known: dict[Key, float] = ask(self._pipe, "truth")
        return known


def ask(pipe: Connection, question: str, *arguments: Any) -> Any:
    """One question and its answer."""
    pipe.send((question, arguments))
    error, answer = pipe.recv()
    if error is not None:
        raise error
    return answer


@contextmanager
def plant_elsewhere(*, seed: int, chip_seed: int) -> Iterator[PlantElsewhere]:
    """Open the spare chip of the bench and its instruments in another process."""
    context = multiprocessing.get_context("spawn")
    near, far = context.Pipe()
    process = context.Process(target=_serve, args=(far, seed, chip_seed), daemon=True)
    process.start()
    far.close()
    try:
        yield PlantElsewhere(near)
    finally:
        near.close()
        process.join()


def spare_bench() -> BenchConfig:
    """The bench without its main chip."""
    config = load_config(BENCH, backend=Backend.TWIN)
    spare = {name: one for name, one in config.instruments.items() if one.plant == "spare"}
    plants = {"spare": config.plants["spare"]}
    return config.model_copy(update={"plants": plants, "instruments": spare})


def _serve(pipe: Connection, seed: int, chip_seed: int) -> None:
    run_virtual(_answer(pipe, seed, chip_seed))


async def _answer(pipe: Connection, seed: int, chip_seed: int) -> None:
    config = spare_bench()
    async with open_bench(config, seed=seed, chip_seed=chip_seed, carriers=False) as bench:
        await serve(pipe, _Desk(bench))


class _Desk:
    """What is answered, one method per question."""

    def __init__(self, bench: Bench) -> None:
        self._bench, self._plant = bench, bench.plants["spare"]

    async def options(self) -> dict[str, DriverOptions]:
        return {name: one.options for name, one in self._bench.config.instruments.items()}

    async def plain(self, name: str) -> dict[str, Any]:
        one = self._bench.instruments[name]
        return {n: getattr(one, n) for n in ("channels", "is_host_calibrated") if hasattr(one, n)}

    async def now(self, name: str, method: str, *arguments: Any) -> Any:
        return getattr(self._bench.instruments[name], method)(*arguments)

    async def call(
        self, now_s: float, name: str, method: str, *arguments: Any
    ) -> tuple[Any, float]:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(max(now_s - loop.time(), 0.0))
        began_s = loop.time()
        answer = getattr(self._bench.instruments[name], method)(*arguments)
        answer = await answer if inspect.isawaitable(answer) else answer
        return answer, loop.time() - began_s

    async def truth(self) -> dict[Key, float]:
        own = {name: vars(one) for name, one in self._bench.instruments.items()}
        known: dict[Key, float] = {}
        for name, parts in own.items():
            for part in parts.values():
                if isinstance(part, HeaterWires):
                    known |= of_wires(self._plant, name, part)
                elif isinstance(part, LaserSource):
                    known |= of_laser(self._plant, name, part)
        return known | of_detectors(self._plant, own)


def of_wires(plant: Plant, name: str, wires: HeaterWires) -> dict[Key, float]:
    """A bank and its heaters, by the bank's own meters."""
    errors, heater = wires.errors, plant.config.chip.heater
    volts, amperes = 1.0 + errors.read_gain, 1.0 + errors.current_gain
    conductance_s = wires.conductance_s()
    known: dict[Key, float] = {}
    for channel in range(wires.outputs):
        scale, both = volts[channel], volts[channel] * amperes[channel]
        values = {
            "drive_scale": scale * (1.0 + errors.drive_gain[channel]),
            "drive_offset_v": scale * errors.drive_offset_v[channel],
            "drive_bow_v": 0.0,
            "read_offset_v": errors.read_offset_v[channel],
            "current_offset_a": errors.current_offset_a[channel],
            "resistance_ohm": scale / amperes[channel] / conductance_s[channel],
            "self_heating_per_w": heater.feedback_per_w / both,
            "tempco_per_k": heater.resistance_tempco_per_k,
            "thermal_k_per_w": heater.thermal_k_per_w / both,
        }
        known |= {(name, channel, quantity): float(value) for quantity, value in values.items()}
    return known


def of_laser(plant: Plant, name: str, source: LaserSource) -> dict[Key, float]:
    """A laser, its scale by its own meter."""
    top_w = 0.02  # data sheet
    share = np.array([0.2, 0.6, 1.0])  # at 0 it does not emit less than nothing
    design = np.stack([top_w * share, np.ones(3), 4.0 * top_w * share * (1.0 - share)], axis=1)
    emitted_w = np.array([source.emitted_w(one) for one in (top_w * share).tolist()])
    gain, offset_w, bow = np.linalg.solve(design, emitted_w).tolist()
    values = {
        "power_scale": gain * (1.0 + source.meter_gain),
        "power_offset_w": offset_w / gain,
        "power_bow": bow / gain,
        "wavelength_offset_m": 0.0,
        "wavelength_scale": 1.0,
        "wavelength_repeat_m": plant.config.instruments.laser.wavelength_repeat_m,
    }
    return {(name, 0, quantity): value for quantity, value in values.items()}


def of_detectors(plant: Plant, own: dict[str, dict[str, Any]]) -> dict[Key, float]:
    """Detectors in the dark and against each other, as they stand at their wavelength."""
    known: dict[Key, float] = {}
    heads: dict[int, float] = {}
    for name, parts in own.items():
        if isinstance(first := (parts.get("_heads") or [None])[0], PhotodiodeHead):
            known[name, 0, "dark_w"] = first.dark_w
            heads[0] = first.clean_w(1e-5) / 1e-5
    for name, parts in own.items():
        if isinstance(diodes := parts.get("_amplifiers"), PhotodiodeAmplifiers):
            nominal = diodes.responsivity_a_per_w * diodes.transimpedance_v_per_a
            dark_w = diodes.clean_v(np.zeros(diodes.channels)) / nominal
            gains = (diodes.clean_v(np.full(diodes.channels, 1e-5)) / nominal - dark_w) / 1e-5
            for channel in range(diodes.channels):
                known[name, channel, "dark_w"] = float(dark_w[channel])
                known[name, channel, "relative_responsivity"] = float(gains[channel] / gains.mean())
            known[name, 0, "scale"] = float(gains[0] / heads[0])
    return known
