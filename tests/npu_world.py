"""NPU boards in another process and in memory, and a wire that can be disturbed."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from drivers.config import InstrumentConfig
from drivers.instruments.lumina_npu import LuminaNpu
from firmware_sim.description import InstrumentDescription, PlantDescription, WorldDescription
from firmware_sim.npu.memory_board import MemoryBoard
from firmware_sim.process import addresses, end
from lumina.control.config import ControlConfig
from lumina.control.loop import ControlLoop
from lumina.control.running import runner_for
from lumina.control.running.wire import WireRunner
from lumina.runtime.virtual_time import VirtualTimeLoop
from twin.config import PlantConfig
from twin.plant import Plant

__all__ = ["PLANT", "BoardProcess", "board_in_memory", "board_process", "loop_of", "noisy_wire"]

PLANT = PlantConfig.model_validate({"chip": {"ports": 4, "kind": "unitary"}})


def loop_of(npu: LuminaNpu, setpoint_c: float = 45.0) -> tuple[WireRunner, ControlLoop]:
    """A loop on a connected board, not started."""
    has = npu.capabilities
    loop = ControlLoop(
        "npu",
        ControlConfig(setpoint_c=setpoint_c),
        heaters=has.heaters,
        full_scale_v=has.max_drive_v,
        heater_bits=has.heater_bits,
    )
    runner = runner_for(npu.frame_link(), loop)
    assert isinstance(runner, WireRunner)
    return runner, loop


@dataclass
class BoardProcess:
    """A board that answers at `resource` until its process ends."""

    process: subprocess.Popen[bytes]
    resource: str

    def kill(self) -> None:
        """As when its power is cut."""
        self.process.kill()
        self.process.wait(10)


@contextmanager
def board_process(served: Literal["pty", "tcp"]) -> Iterator[BoardProcess]:
    """Simulated firmware with one board, in a process of its own."""
    config: dict[str, Any] = {"driver": "lumina_npu", "backend": "firmware"}
    world = WorldDescription(
        plants={"main": PlantDescription(config=PLANT, seed=1, chip_seed=2)},
        instruments={
            "npu": InstrumentDescription(
                config=InstrumentConfig.model_validate(config), served=served
            )
        },
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "firmware_sim"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        document = addresses(process, world)
        yield BoardProcess(process, document["instruments"]["npu"]["resource"])
    finally:
        end(process)


@asynccontextmanager
async def noisy_wire(resource: str, every: int = 50) -> AsyncIterator[str]:
    """A TCP wire in front of another that garbles each `every`-th piece, both ways."""
    host, port = resource.removeprefix("tcp://").split(":")
    carrying: list[asyncio.Task[None]] = []

    async def carry(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        pieces = 0
        try:
            while data := await source.read(65536):
                pieces += 1
                if pieces % every == 0:
                    data = data[: len(data) // 2] + b"\x07\xff\x00garbage\x00\x00" + data[1:]
                sink.write(data)
        finally:
            sink.close()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(host, int(port))
        carrying.append(asyncio.create_task(carry(reader, far_writer)))
        carrying.append(asyncio.create_task(carry(far_reader, writer)))

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield f"tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in carrying:
            task.cancel()
        await asyncio.gather(*carrying, return_exceptions=True)


@contextmanager
def board_in_memory(
    *, serial: bool = False, chip_seed: int = 2, config: PlantConfig = PLANT
) -> Iterator[MemoryBoard]:
    """A board on the running virtual loop, alive inside the block."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualTimeLoop)
    board = MemoryBoard("npu", Plant(config, seed=1, chip_seed=chip_seed), serial=serial)
    board.start()
    loop.add_advancer(board.advance)
    try:
        yield board
    finally:
        loop.remove_advancer(board.advance)
        board.stop()
