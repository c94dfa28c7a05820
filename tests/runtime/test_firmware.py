"""The same bench on simulated firmware: real drivers, real bytes, another process."""

import asyncio
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from drivers.registry import Backend
from lumina.errors import ProtocolError, VirtualTimeError
from lumina.runtime import open_bench
from lumina.runtime.device import DeviceState
from lumina.runtime.virtual_time import run_virtual


@pytest.fixture
def cool(tmp_path: Path, small: Path) -> Path:
    """A small bench that locks quickly: its set point is close to the room."""
    path = tmp_path / "cool.yaml"
    path.write_text(
        f"extends: {small}\nname: cool\ncontrol:\n  default: {{setpoint_c: 26.0}}\n"
        "job: {settle_s: 0.5}\n"
    )
    return path


async def transfer(config: Path, backend: Backend) -> NDArray[np.complex128]:
    """The chip's transfer matrix at one setting, as this backend sees it."""
    async with open_bench(config, backend=backend, seed=1, chip_seed=5) as bench:
        device = bench.device
        assert device.state is DeviceState.READY
        await device.set_drive_v(np.linspace(0.5, 4.0, device.loop.heaters))
        assert bench.environment is not None
        bench.environment.set_compute_power_w(0.5)
        return await device.measure_transfer(16)


def test_firmware_and_twin_show_the_same_chip(cool: Path) -> None:
    on_the_wire = asyncio.run(transfer(cool, Backend.FIRMWARE))
    in_process = run_virtual(transfer(cool, Backend.TWIN))
    difference = np.linalg.norm(on_the_wire - in_process) / np.linalg.norm(in_process)
    assert difference < 0.02


def test_the_control_channel_refuses_what_no_plant_has(cool: Path) -> None:
    async def main() -> None:
        async with open_bench(cool, backend=Backend.FIRMWARE) as bench:
            room = bench.environment
            assert room is not None
            with pytest.raises(ProtocolError, match="no input moon_c"):
                room.write("moon_c", 1.0)

    asyncio.run(main())


def test_virtual_time_and_wires_do_not_go_together(cool: Path) -> None:
    async def main() -> None:
        async with open_bench(cool, backend=Backend.FIRMWARE):
            pytest.fail("opened")

    with pytest.raises(VirtualTimeError, match="real time"):
        run_virtual(main())
