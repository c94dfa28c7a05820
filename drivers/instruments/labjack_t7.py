"""LabJack T7 with photodiode amplifiers on its analog inputs, over Modbus TCP."""

import numpy as np

from drivers.interfaces import FloatArray, Identity
from drivers.modbus import ModbusTcpInstrument
from drivers.photodiodes import PhotodiodeMeter
from drivers.protocols.modbus_maps import LABJACK_T7
from drivers.registry import Mounting

__all__ = ["LabjackT7"]

TEST_WORD = 0x00112233


class LabjackT7(PhotodiodeMeter, ModbusTcpInstrument):
    """A power meter of 1 to 14 photodiodes."""

    model = "LabJack,T7"
    registers = LABJACK_T7

    def __init__(self, mounting: Mounting) -> None:
        ModbusTcpInstrument.__init__(self, mounting)
        self.wire_up(mounting.options)

    async def identify(self) -> Identity:
        test = round(await self.number("test"))
        if test != TEST_WORD:
            raise self.odd(f"test word {test:#010x} is no LabJack's")
        product, _, firmware = await self.read_run("product", 3)
        serial = await self.number("serial")
        return Identity("LabJack", f"T{product:g}", f"{serial:.0f}", f"{firmware:.4f}")

    async def power_cycled(self) -> bool:
        """It holds nothing of ours: the widest range is what it powers up with."""
        return False

    async def voltages_v(self, averaged: int) -> FloatArray:
        total_v = np.zeros(self.channels)
        for _ in range(averaged):
            total_v += np.array(await self.read_run("ain0", self.channels), float)
        return total_v / averaged
