"""The same bench on simulated firmware: real drivers, real bytes, in another process or here."""

import asyncio
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from drivers.interfaces import (
    Laser,
    OpticalPowerMeter,
    PhaseShifterBank,
    TemperatureController,
)
from drivers.registry import Backend
from firmware_sim.faults import FaultKind
from lumina.errors import DeviceTimeoutError, ProtocolError
from lumina.runtime import open_bench
from lumina.runtime.building import at_addresses, connect
from lumina.runtime.config import load_config
from lumina.runtime.device import DeviceState
from lumina.runtime.firmware import describe, serving, simulated
from lumina.runtime.main_job.session import SessionPlan, run_session
from lumina.runtime.recording.journal import Journal
from lumina.runtime.virtual_time import run_virtual
from lumina.store import open_run

FULL_BENCH = Path(__file__).parents[2] / "lab_configs" / "full_bench.yaml"
SOME_DAY = datetime(2000, 1, 1, tzinfo=UTC)


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
    config = load_config(cool, backend=Backend.FIRMWARE)
    with serving(describe(config, names=["laser"])) as simulators:
        with pytest.raises(ProtocolError, match="no input moon_c"):
            simulators.set_input("main", "moon_c", 1.0)
        simulators.set_input("main", "ambient_c", 31.0)
        assert simulators.truth("main")["inputs"]["ambient_c"] == 31.0


def test_in_virtual_time_they_show_the_same_chip_too(cool: Path) -> None:
    in_memory = run_virtual(transfer(cool, Backend.FIRMWARE))
    in_process = run_virtual(transfer(cool, Backend.TWIN))
    difference = np.linalg.norm(in_memory - in_process) / np.linalg.norm(in_process)
    assert difference < 0.02


def test_the_same_seeds_give_the_same_run_over_wires_in_memory_bit_for_bit(
    cool: Path, tmp_path: Path
) -> None:
    def trace(seed: int) -> str:
        plan = SessionPlan(
            config=cool,
            backend=Backend.FIRMWARE,
            virtual=True,
            seed=seed,
            chip_seed=5,
            duration_s=2.0,
            root=tmp_path / "runs",
            calibrations=None,
            command=("test",),
        )
        found = run_session(plan, lambda: SOME_DAY)
        with open_run(tmp_path / "runs", Path(found["run"]).name).frames() as frames:
            true_c = frames.rows("telemetry")["true_die_c"]
        assert np.nanmax(true_c) == pytest.approx(26.0, abs=0.5)
        return str(found["trace_hash"])

    assert trace(1) == trace(1)
    assert trace(1) != trace(2)


def test_what_is_done_to_the_room_and_what_is_true_go_beside_the_wires(cool: Path) -> None:
    async def main() -> None:
        async with open_bench(cool, backend=Backend.FIRMWARE) as bench:
            assert bench.environment is not None
            bench.environment.set_ambient_c(31.0)
            await asyncio.sleep(1.0)
            truth = bench.simulators.truth("main")
            assert truth["inputs"]["ambient_c"] == 31.0
            assert truth["tick"] * 1e-3 == pytest.approx(
                asyncio.get_running_loop().time(), abs=2e-3
            )
            with pytest.raises(ProtocolError, match="no input moon_c"):
                bench.simulators.set_input("main", "moon_c", 1.0)
            with pytest.raises(ProtocolError, match="no instrument garden"):
                bench.simulators.disturb_wire("garden", FaultKind.LATE, 1.0, 1)

    run_virtual(main())


def test_a_late_reply_is_a_time_out_and_never_the_next_answer(cool: Path) -> None:
    async def main() -> None:
        async with open_bench(cool, backend=Backend.FIRMWARE) as bench:
            laser = bench.instruments["laser"]
            assert isinstance(laser, Laser)
            bench.simulators.disturb_wire("laser", FaultKind.LATE, 5.0, 1)
            with pytest.raises(DeviceTimeoutError, match="laser: memory:laser: no answer"):
                await laser.read_wavelength_m()
            assert await laser.read_power_w() == pytest.approx(0.010, rel=0.05)
            await asyncio.sleep(10.0)
            assert await laser.read_wavelength_m() == pytest.approx(1.55e-6)

    run_virtual(main())


@pytest.mark.virtual_time
async def test_every_instrument_answers_in_virtual_time() -> None:
    config = load_config(FULL_BENCH)
    async with AsyncExitStack() as stack:
        simulators = await stack.enter_async_context(simulated(config, seed=1, chip_seed=5))
        devices, identities = await connect(at_addresses(config, simulators), {}, Journal(), stack)
        assert sorted(identities) == sorted(config.instruments)
        assert len(identities) == 12
        heaters = devices["heaters"]
        assert isinstance(heaters, PhaseShifterBank)
        for name in ("meter", "ports", "diodes"):
            meter = devices[name]
            assert isinstance(meter, OpticalPowerMeter)
            assert (await meter.read_power_w()).max() < 1e-6, "the board's rails are down"
        await heaters.set_drive_v(np.full(heaters.channels, 5.0))
        await asyncio.sleep(60.0)
        warm = simulators.truth("main")["temperatures_c"]["carrier"]
        assert warm > 25.1
        for name in ("tec", "thermostat"):
            controller = devices[name]
            assert isinstance(controller, TemperatureController)
            assert await controller.read_temperature_c() == pytest.approx(warm, abs=0.05)
        for device in devices.values():
            await device.check()
