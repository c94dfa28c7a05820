"""Each invariant notices when it is broken, and none cries when all is well."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lumina.control.loop import ControlLoop
from lumina.control.records import Tier
from lumina.frames import SAFE_STATE
from lumina.runtime.campaign.invariants import WORDS, Broken, check_tick, new_watch
from lumina.runtime.config import load_config
from twin.plant import Plant

CONFIG = load_config(Path(__file__).parents[3] / "lab_configs" / "small.yaml")


class Scene:
    """A plant and a loop between two ticks, as a test arranges them."""

    def __init__(self) -> None:
        self.plant = Plant(CONFIG.plants["main"], seed=1, chip_seed=1)
        self.loop = ControlLoop(
            "npu",
            CONFIG.control_for("npu"),
            heaters=self.plant.architecture.shifters,
            full_scale_v=10.0,
            heater_bits=16,
        )
        self.watch = new_watch(self.loop.config)
        self.head = self.plant.actuator.head
        self.head["laser_scale"] = 1.0

    def at(self, tier: Tier) -> None:
        self.loop.arrays.state["tier"] = tier

    def shut_down(self) -> None:
        """An emergency as it should be."""
        self.at(Tier.EMERGENCY)
        self.head["laser_scale"] = self.head["compute_scale"] = self.head["tec_current_a"] = 0.0
        self.head["fan_rpm"], self.head["flags"] = 4000.0, SAFE_STATE
        self.plant.actuator.heater_code[:] = 0
        self.head["rail_set_v"] = 0.0

    def check(self, ticks: int = 1, *, beats: bool = True) -> Broken:
        for _ in range(ticks):
            self.plant.arrays.state["tick"] += 1
            self.loop.arrays.state["tick"] += 1
            self.loop.arrays.mailbox.heartbeat[0] += beats
            check_tick(self.watch[0], self.plant.arrays, self.loop.arrays, self.plant.actuator)
        return Broken(int(self.watch["broken"][0]))


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_a_quiet_bench_breaks_nothing(scene: Scene) -> None:
    assert scene.check(6_000) is Broken.NONE
    assert scene.watch["worst_die_c"][0] == pytest.approx(25.0)
    scene.shut_down()
    assert scene.check(6_000) is Broken.NONE
    assert scene.watch["emergencies"][0] == 1
    assert scene.watch["since"][0].tolist() == [1, 6_001, 6_001, 6_001]


def test_the_first_that_breaks_is_kept_with_its_tick(scene: Scene) -> None:
    scene.check(10)
    scene.plant.arrays.heat.temperature_c[0] = 97.5
    assert scene.check() is Broken.DIE_HOT
    scene.head["fan_rpm"] = np.nan
    assert scene.check() is Broken.DIE_HOT
    assert (scene.watch["at_tick"][0], scene.watch["value"][0]) == (11, 97.5)


def hot_sink(scene: Scene) -> None:
    scene.plant.arrays.heat.temperature_c[2] = 95.1


def no_number(scene: Scene) -> None:
    scene.head["tec_current_a"] = np.nan


def too_fast(scene: Scene) -> None:
    scene.head["fan_rpm"] = 4100.0


def backwards(scene: Scene) -> None:
    scene.head["compute_scale"] = -0.1


def too_much(scene: Scene) -> None:
    scene.head["rail_set_v"][0, 1] = 5.1


def refused_but_lit(scene: Scene) -> None:
    scene.at(Tier.CRITICAL)


def dark_but_lit(scene: Scene) -> None:
    scene.at(Tier.CRITICAL)
    scene.head["laser_scale"] = 0.0
    scene.check()
    scene.plant.arrays.state["chip_power_w"] = 1e-3


def heaters_on(scene: Scene) -> None:
    scene.shut_down()
    scene.plant.actuator.heater_code[7] = 1


def still_blown_gently(scene: Scene) -> None:
    scene.shut_down()
    scene.head["fan_rpm"] = 3000.0


def unlatched(scene: Scene) -> None:
    scene.shut_down()
    scene.check()
    scene.at(Tier.NORMAL)


@pytest.mark.parametrize(
    ("arrange", "broken"),
    [
        (hot_sink, Broken.SINK_HOT),
        (no_number, Broken.NOT_A_NUMBER),
        (too_fast, Broken.OUT_OF_RANGE),
        (backwards, Broken.OUT_OF_RANGE),
        (too_much, Broken.OUT_OF_RANGE),
        (refused_but_lit, Broken.LIT),
        (dark_but_lit, Broken.LIT),
        (heaters_on, Broken.NOT_SAFE),
        (still_blown_gently, Broken.NOT_SAFE),
        (unlatched, Broken.UNLATCHED),
    ],
)
def test_what_must_not_be_is_noticed_in_its_tick(
    scene: Scene, arrange: Callable[[Scene], None], broken: Broken
) -> None:
    arrange(scene)
    assert scene.check() is broken
    assert WORDS[broken]


def test_a_reset_that_was_ordered_ends_an_emergency_once(scene: Scene) -> None:
    unlatched(scene)
    scene.watch["reset_allowed"] = 1
    assert scene.check() is Broken.NONE
    unlatched(scene)
    assert scene.check() is Broken.UNLATCHED


def test_rails_that_stay_up_are_noticed_in_the_stated_time(scene: Scene) -> None:
    scene.shut_down()
    scene.head["rail_set_v"][0, 0] = 1.8
    assert scene.check(5000) is Broken.NONE
    assert scene.check() is Broken.RAILS_UP


@pytest.mark.parametrize(("fault", "broken"), [(1.0, Broken.BLIND), (3.0, Broken.NONE)])
def test_a_loop_that_goes_on_blind_is_noticed(scene: Scene, fault: float, broken: Broken) -> None:
    scene.plant.inputs["sensor_fault"][0, 2] = fault
    assert scene.check(15) is Broken.NONE
    assert scene.check() is broken


def test_a_fan_that_stands_unnoticed_is_noticed(scene: Scene) -> None:
    scene.head["fan_rpm"] = 3000.0
    assert scene.check(5000) is Broken.NONE
    assert scene.check() is Broken.FAN_LOST


def test_a_host_that_is_silent_for_too_long_is_noticed(scene: Scene) -> None:
    scene.check()
    patience_s = scene.loop.config.guard.heartbeat_s + 0.5
    assert scene.check(round(1e3 * patience_s), beats=False) is Broken.NONE
    assert scene.check(beats=False) is Broken.HOST_LOST
