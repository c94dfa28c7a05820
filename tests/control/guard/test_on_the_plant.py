"""Faults that only a plant shows: what is found, and how warm anything gets meanwhile."""

import pytest

from lumina.control.guard.reasons import Reason, Tier, reasons_in
from tests.control.rig import Rig
from twin.records import TEC_REVERSED, TEC_SHORTED


@pytest.fixture
def rig() -> Rig:
    """At its set point under full load."""
    rig = Rig()
    rig.plant.inputs["compute_power_w"] = 30.0
    rig.run(20.0)
    assert rig.state("tier") == Tier.NORMAL
    return rig


def reasons(rig: Rig) -> list[Reason]:
    guard = rig.loop.arrays.state["guard"][0]
    return reasons_in(int(guard["active"] | guard["cause"]))


@pytest.mark.parametrize(
    ("fault", "reason", "tier"),
    [
        (TEC_REVERSED, Reason.TEC_REVERSED, Tier.EMERGENCY),
        (TEC_SHORTED, Reason.TEC_VOLTAGE, Tier.CRITICAL),
    ],
)
def test_a_tec_that_is_wired_wrongly_is_named_before_anything_is_warm(
    rig: Rig, fault: float, reason: Reason, tier: Tier
) -> None:
    rig.plant.inputs["tec_fault"] = fault
    carrier_c = rig.run(2.0)
    assert reason in reasons(rig)
    assert rig.state("tier") == tier
    assert carrier_c.max() < 65.0
    assert rig.plant.temperatures_c()["die"] < 75.0
