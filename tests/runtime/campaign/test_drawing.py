"""Schedules: drawn from a seed, plantable as written, and survivable by a chip that is off."""

from pathlib import Path

import numpy as np
import pytest

from lumina.runtime.campaign.drawing import SURVIVABLE_C, draw_schedule, settles_below
from lumina.runtime.config import load_config
from lumina.runtime.faults import PlannedFault, parse_fault

CONFIG = load_config(Path(__file__).parents[3] / "lab_configs" / "small.yaml")
PLANT = CONFIG.plants["main"]
RUN_S = 180.0


def drawn(seed: int) -> tuple[PlannedFault, ...]:
    return draw_schedule(np.random.default_rng(seed), CONFIG, PLANT, RUN_S, 4)


def test_a_seed_draws_the_same_schedule_and_another_seed_another() -> None:
    assert drawn(3) == drawn(3) != drawn(4)


def test_what_is_drawn_can_be_written_on_a_command_line() -> None:
    schedules = [drawn(seed) for seed in range(300)]
    assert {len(schedule) for schedule in schedules} == {1, 2, 3, 4}
    for schedule in schedules:
        assert list(schedule) == sorted(schedule, key=lambda fault: fault.at_s)
        for fault in schedule:
            assert parse_fault(str(fault), CONFIG) == fault
            assert 0.0 <= fault.at_s <= RUN_S


def test_every_kind_without_a_wire_is_drawn_sooner_or_later() -> None:
    names = {fault.name for seed in range(400) for fault in drawn(seed)}
    assert len(names) == 22
    assert {"host_stall", "fan_stall", "tec_reversed", "heat_pump"} <= names


def faults(*texts: str) -> list[PlannedFault]:
    return [parse_fault(text, CONFIG) for text in texts]


@pytest.mark.parametrize(
    ("texts", "survives"),
    [
        ((), True),
        (("heat_pump:carrier=40@1",), True),
        (("heat_pump:carrier=40@1", "fan_stall@1"), False),
        (("heat_pump:die=60@1", "fan_stall@1"), True),  # its rails go down with the guard
        (("ambient_step=40@1",), True),
        (("ambient_step=40@1", "heat_pump:carrier=30@2"), False),
    ],
)
def test_a_chip_that_would_cook_while_it_is_off_proves_nothing(
    texts: tuple[str, ...], survives: bool
) -> None:
    assert settles_below(faults(*texts), PLANT, SURVIVABLE_C) is survives


def test_the_passive_rise_is_that_of_the_network() -> None:
    """40 W by way of TEC (1 / 0.9 K/W) and blown sink (0.15 K/W), from 25 C."""
    carrier_c = 25.0 + 40.0 * (1 / 0.9 + 0.15)
    schedule = faults("heat_pump:carrier=40@1")
    assert settles_below(schedule, PLANT, carrier_c + 0.01)
    assert not settles_below(schedule, PLANT, carrier_c - 0.01)
