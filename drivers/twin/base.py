"""What every twin-backed driver shares: its plant, its connection, its noise."""

import asyncio
from zlib import crc32

import numpy as np

from drivers.interfaces import Identity, Instrument
from drivers.registry import Mounting
from drivers.twin.pace import Pace
from lumina import __version__
from lumina.errors import DeviceStateError
from twin.instruments import reading_noise
from twin.plant import Plant

__all__ = ["TwinInstrument"]

EXCHANGE_S = 0.001
"""Time that a command or a reading takes: one tick of the plant."""


class TwinInstrument(Instrument):
    """An instrument whose other side is a plant in the same process.

    Attributes:
        manufacturer: as the instrument that it stands for tells it.
        model: as the instrument that it stands for tells it.
    """

    manufacturer = "Lumina"
    model = "twin"

    def __init__(self, mounting: Mounting) -> None:
        super().__init__(mounting.name)
        assert isinstance(mounting.plant, Plant)
        self._plant: Plant = mounting.plant
        self._pace: Pace | None = mounting.pace
        self._connected = False

    async def connect(self) -> Identity:
        await self._let_time_pass()
        self._connected = True
        return Identity(self.manufacturer, self.model, self._serial(), f"twin-{__version__}")

    async def close(self) -> None:
        self._connected = False

    def _serial(self) -> str:
        """The same for the same instrument name."""
        return f"T{crc32(self.name.encode()):08X}"

    def _require_connected(self) -> None:
        if not self._connected:
            raise DeviceStateError(self.name, "connect it first", "not connected")

    async def _exchange(self) -> None:
        """Let the time of one command or reading pass.

        Raises:
            DeviceStateError: the instrument is not connected.
        """
        self._require_connected()
        await self._let_time_pass()

    async def _let_time_pass(self) -> None:
        await asyncio.sleep(EXCHANGE_S)
        if self._pace is not None:
            await self._pace.catch_up()

    def _noise(self) -> np.random.Generator:
        """Noise of one reading, named by seed, instrument and tick."""
        return reading_noise(self._plant, self.name)

    def _write(self, word: str, value: float) -> None:
        """Set one input of the plant."""
        self._plant.inputs[word] = value

    def _word(self, word: str) -> float:
        """One input of the plant as it stands."""
        return float(self._plant.inputs[word][0])
