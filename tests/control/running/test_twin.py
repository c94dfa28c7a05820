"""The loop against the twin: in real time or in batches, the same ticks."""

import time

import numpy as np
import pytest

from lumina.control.config import ControlConfig
from lumina.control.loop import ControlLoop
from lumina.control.records import FanMode, TecMode
from lumina.control.running.twin import TwinRunner
from lumina.errors import DeviceStateError
from twin.config import PlantConfig
from twin.plant import Plant

PLANT = PlantConfig.model_validate({"chip": {"ports": 4, "kind": "svd"}})


def bench(seed: int = 1) -> tuple[Plant, ControlLoop, TwinRunner]:
    plant = Plant(PLANT, seed=seed, chip_seed=2)
    heater = PLANT.chip.heater
    loop = ControlLoop(
        "npu",
        ControlConfig(),
        heaters=plant.architecture.shifters,
        full_scale_v=heater.max_drive_v,
        heater_bits=16,
    )
    plant.inputs["laser_on"] = 1.0
    loop.set_tec_mode(TecMode.REGULATE)
    loop.set_fan_mode(FanMode.REGULATE)
    loop.set_heater_phases(np.full(loop.heaters, 3.0))
    return plant, loop, TwinRunner(plant, loop)


def test_a_batch_equals_single_ticks_bit_for_bit() -> None:
    _, batched, runner = bench()
    runner.advance(2000)
    _, single, one_by_one = bench()
    for _ in range(2000):
        one_by_one.advance(1)
    assert batched.arrays.state.tobytes() == single.arrays.state.tobytes()
    assert batched.arrays.telemetry.rows.tobytes() == single.arrays.telemetry.rows.tobytes()


def undisturbed_run(ticks: int = 50) -> tuple[ControlLoop, TwinRunner]:
    """A short run in real time in which no deadline was skipped."""
    for _ in range(40):
        plant, live, runner = bench()
        runner.start()
        while runner.ticks < ticks:
            time.sleep(0.005)  # noqa: TID251 - the thread under test runs in real time
        runner.stop()
        # The plant alone lives through deadlines that a loaded machine skips.
        if plant.tick == runner.ticks:
            return live, runner
    pytest.fail("every run of 50 ms had a skipped deadline")


def test_real_time_equals_virtual_time_bit_for_bit() -> None:
    live, runner = undisturbed_run()
    lateness = runner.lateness()
    assert lateness is not None
    assert lateness.ticks >= 50
    _, virtual, stepped = bench()
    stepped.advance(runner.ticks)
    assert live.arrays.state.tobytes() == virtual.arrays.state.tobytes()


def test_another_seed_gives_another_trace() -> None:
    _, first, runner = bench(seed=1)
    runner.advance(500)
    _, second, other = bench(seed=2)
    other.advance(500)
    assert first.arrays.telemetry.rows.tobytes() != second.arrays.telemetry.rows.tobytes()


def test_the_carrier_locks_to_its_set_point() -> None:
    plant, _, runner = bench()
    runner.advance(20_000)
    assert plant.temperatures_c()["carrier"] == pytest.approx(45.0, abs=0.01)


def test_a_running_loop_cannot_be_stepped_or_started_again() -> None:
    _, _, runner = bench()
    runner.start()
    try:
        with pytest.raises(DeviceStateError, match="real time"):
            runner.advance(1)
        with pytest.raises(DeviceStateError, match="twice"):
            runner.start()
    finally:
        runner.stop()


def test_a_stopped_loop_goes_on_where_it_stopped() -> None:
    _, _, runner = bench()
    runner.start()
    runner.stop()
    before = runner.ticks
    runner.advance(10)
    assert runner.ticks == before + 10


def test_a_loop_that_never_ran_in_real_time_has_no_lateness() -> None:
    _, _, runner = bench()
    runner.advance(10)
    assert runner.lateness() is None
