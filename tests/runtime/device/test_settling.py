"""Waiting is for what stands, not for a time that usually suffices."""

import asyncio

import numpy as np
import pytest

from lumina.control.config import ControlConfig
from lumina.control.loop import ControlLoop
from lumina.control.running.twin import TwinRunner
from lumina.errors import DeviceTimeoutError
from lumina.runtime.device.settling import LockCriterion, Settling
from lumina.runtime.virtual_time import VirtualTimeLoop, run_virtual
from twin.config import PlantConfig
from twin.plant import Plant

PLANT = PlantConfig.model_validate({"chip": {"ports": 4, "kind": "svd"}})


class LateLoop:
    """A loop whose thread gets the processor once in 7 ms, for one tick."""

    def __init__(self) -> None:
        self.plant = Plant(PLANT, seed=1, chip_seed=1)
        self.loop = ControlLoop(
            "npu", ControlConfig(), heaters=36, full_scale_v=10.0, heater_bits=16
        )
        self.runner = TwinRunner(self.plant, self.loop)
        self.settling = Settling(self.loop, LockCriterion(timeout_s=5.0))

    def advance(self, time_ns: int) -> None:
        due = time_ns // 7_000_000
        if due > self.runner.ticks:
            self.runner.advance(due - self.runner.ticks)


def test_a_late_loop_is_waited_for_until_the_heaters_really_act() -> None:
    async def main() -> None:
        late = LateLoop()
        clock = asyncio.get_running_loop()
        assert isinstance(clock, VirtualTimeLoop)
        clock.add_advancer(late.advance)
        await late.settling.applied(late.loop.rails_up())
        await late.settling.heaters_acting(late.loop.set_heater_voltages(np.full(36, 0.5)))
        np.testing.assert_allclose(late.plant.arrays.heaters.drive_v, 0.5, atol=1e-3)

    run_virtual(main())


def test_a_loop_that_stands_still_is_an_error_not_a_wait_for_ever() -> None:
    async def main() -> None:
        late = LateLoop()
        with pytest.raises(DeviceTimeoutError, match="does not take commands"):
            await late.settling.applied(late.loop.rails_up())

    run_virtual(main())
