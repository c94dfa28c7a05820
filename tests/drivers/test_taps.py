"""Reading the taps inside a mesh: the twin's board, and boards at the far end of every wire."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest

from drivers.instruments.lumina_npu import LuminaNpu
from drivers.interfaces import PhotonicProcessor, Taps
from drivers.options import ProcessorOptions
from drivers.protocols import npu, npu_light
from drivers.protocols.npu import ErrorCode, Kind, unpack_error
from drivers.protocols.npu_ends import RingEnds
from drivers.registry import Mounting
from drivers.twin import TwinProcessor
from firmware_sim.instruments.lumina_npu import LuminaNpu as SimulatedBoard
from firmware_sim.npu.board import NpuBoard
from lumina.errors import MatrixError, UsageError
from lumina.runtime.virtual_time import run_virtual
from tests.npu_world import PLANT, board_in_memory
from twin.config import PlantConfig
from twin.plant import Plant

TAPPED = PlantConfig.model_validate(
    {"chip": {"ports": 4, "kind": "unitary", "taps": {"share": 0.01, "bits": 10}}}
)
WIRES = ["twin", "memory", "serial", "pty", "tcp"]


@asynccontextmanager
async def board(way: str, config: PlantConfig = TAPPED) -> AsyncIterator[PhotonicProcessor]:
    """A connected driver, and its plant's light on where nobody else commands it."""
    if way in ("memory", "serial"):
        with board_in_memory(serial=way == "serial", config=config) as remote:
            async with connected(LuminaNpu(mounted(remote.resource))) as device:
                yield device
        return
    plant = Plant(config, seed=1, chip_seed=2)
    plant.inputs["laser_on"] = 1.0
    if way == "twin":
        plant.actuator.head["laser_scale"] = 1.0
        plant.step()
        async with connected(TwinProcessor(Mounting("npu", ProcessorOptions(), plant))) as device:
            yield device
        return
    served = SimulatedBoard("npu", ProcessorOptions(), plant)
    try:
        resource = served.serve("pty" if way == "pty" else "tcp")
        async with connected(LuminaNpu(mounted(resource))) as device:
            yield device
    finally:
        served.stop()


def mounted(address: str) -> Mounting:
    return Mounting("npu", ProcessorOptions(), None, address)


@asynccontextmanager
async def connected(device: PhotonicProcessor) -> AsyncIterator[PhotonicProcessor]:
    await device.connect()
    yield device
    await device.close()


async def on(way: str, body: Any, config: PlantConfig = TAPPED) -> None:
    async with board(way, config) as device:
        await body(device)


def tried(way: str, body: Any, config: PlantConfig = TAPPED) -> None:
    """Run a test's body; only wires of the operating system take real time."""
    if way in ("pty", "tcp"):
        asyncio.run(on(way, body, config))
    else:
        run_virtual(on(way, body, config))


@pytest.mark.parametrize("way", WIRES)
def test_every_tap_is_read_for_every_vector(way: str) -> None:
    async def body(device: PhotonicProcessor) -> None:
        assert device.capabilities.taps == Taps(12, 10, 1e5)
        fields = np.exp(1j * np.arange(4 * 300).reshape(4, 300))
        light, seen = await device.multiply(fields), await device.read_taps(fields)
        assert seen.powers.shape == (12, 300)
        assert 0.0 <= seen.powers.min() <= seen.powers.max() <= 1.0
        np.testing.assert_allclose(seen.powers * 1023, np.rint(seen.powers * 1023), atol=1e-9)
        # How the board stood is told as of any light: on a wire nobody commands it here.
        assert (seen.epoch, seen.steady) == (light.epoch, light.steady)
        assert seen.steady == (way == "twin")
        assert (seen.powers.mean() > 0.05) == (way == "twin")

    tried(way, body)


@pytest.mark.parametrize("way", ["twin", "memory", "tcp"])
def test_fields_that_cannot_be_sent_are_refused(way: str) -> None:
    async def body(device: PhotonicProcessor) -> None:
        with pytest.raises(MatrixError, match="it takes"):
            await device.read_taps(np.ones((5, 2), complex))
        with pytest.raises(MatrixError, match="beyond full scale"):
            await device.read_taps(np.full((4, 1), 2.0 + 0.0j))

    tried(way, body)


@pytest.mark.parametrize("way", ["twin", "memory", "tcp"])
def test_a_board_without_taps_says_so_and_works(way: str) -> None:
    async def body(device: PhotonicProcessor) -> None:
        assert device.capabilities.taps == Taps()
        with pytest.raises(UsageError, match="npu: it has no taps inside its mesh"):
            await device.read_taps(np.eye(4, dtype=complex))
        assert (await device.multiply(np.eye(4, dtype=complex))).amplitudes.shape == (4, 4)

    tried(way, body, PLANT)


def test_a_board_without_taps_knows_no_such_request() -> None:
    board = NpuBoard(Plant(PLANT, seed=1, chip_seed=2), RingEnds(), boot=1)
    for kind in (Kind.DESCRIBE_TAPS, Kind.READ_TAPS):
        reply = npu.parse(board.reply(npu.body(kind, 3, 0)))
        assert (reply.kind, reply.sequence) == (Kind.ERROR, 3)
        assert unpack_error(reply.payload)[0] == ErrorCode.UNKNOWN


def test_a_reply_that_would_be_too_long_is_refused() -> None:
    board = NpuBoard(Plant(TAPPED, seed=1, chip_seed=2), RingEnds(), boot=1)
    for vectors, kind in ((254, Kind.READ_TAPS | npu.REPLY), (800, Kind.ERROR)):
        payload = npu_light.pack_vectors(np.zeros((4, vectors), complex), npu_light.Coding.INT16)
        assert npu.parse(board.reply(npu.body(Kind.READ_TAPS, 1, 0, payload))).kind == kind


def test_reading_taps_takes_their_converters_time() -> None:
    async def body(device: PhotonicProcessor) -> None:
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        await device.read_taps(np.zeros((4, 1000), complex))
        assert loop.time() - began_s == pytest.approx(0.001 + 1000 / 1e5, abs=1e-9)

    tried("twin", body)
