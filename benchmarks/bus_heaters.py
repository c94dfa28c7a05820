"""64 heaters set through the Q8iv codec, beside the time that the bytes take on the line."""

import asyncio
from time import perf_counter

import numpy as np

from benchmarks.harness import Figure
from benchmarks.working_loop import BENCH64
from drivers.config import InstrumentConfig
from drivers.data_sheets import Q8IV_FULL_SCALE_V
from drivers.instruments.qontrol_q8iv import QontrolQ8iv
from drivers.options import PhaseShifterBankOptions
from drivers.protocols.qontrol import MODULE_CHANNELS, vector
from drivers.registry import Mounting
from firmware_sim.description import InstrumentDescription, PlantDescription, WorldDescription
from firmware_sim.process import spawned
from lumina.runtime.config import load_config

__all__ = ["heater_figures"]

HEATERS = 64
SETTINGS = 100
BAUD, BITS_PER_BYTE = 115_200, 10
ACKNOWLEDGEMENT = b"OK\n"
TARGET = 1.2
HIGHEST_V = 8.0


def heater_figures() -> dict[str, Figure]:
    """The median time to set all heaters, over the time of its bytes at 115200 baud."""
    options = PhaseShifterBankOptions(channels=HEATERS)
    bank = InstrumentConfig.model_validate(
        {"driver": "qontrol_q8iv", "options": options.model_dump()}
    )
    plant = PlantDescription(config=load_config(BENCH64).plants["main"])
    world = WorldDescription(
        plants={"main": plant}, instruments={"heaters": InstrumentDescription(config=bank)}
    )
    with spawned(world) as document:
        mounting = Mounting(
            "heaters", options, None, document["instruments"]["heaters"]["resource"]
        )
        taken_ms = 1e3 * float(np.median(asyncio.run(timed(QontrolQ8iv(mounting)))))
    wire_ms = 1e3 * wire_time_s()
    versus = f"{taken_ms:.2f} ms for {HEATERS} heaters; their bytes take {wire_ms:.2f} ms"
    return {
        "heaters64_over_wire_time": Figure(taken_ms / wire_ms, "times", versus, TARGET, "lower")
    }


async def timed(bank: QontrolQ8iv) -> list[float]:
    """Times of whole settings, in s."""
    await bank.connect()
    times_s = []
    for share in np.linspace(0.0, 1.0, SETTINGS):
        began_s = perf_counter()
        await bank.set_drive_v(np.linspace(0.0, share * HIGHEST_V, HEATERS))
        times_s.append(perf_counter() - began_s)
    await bank.make_safe()
    await bank.close()
    return times_s


def wire_time_s() -> float:
    """Time of one setting's bytes, in both directions, which a module does not overlap."""
    asked = len(vector("V", 0, [0.0] * MODULE_CHANNELS, Q8IV_FULL_SCALE_V))
    modules = HEATERS // MODULE_CHANNELS
    return modules * (asked + len(ACKNOWLEDGEMENT)) * BITS_PER_BYTE / BAUD
