"""The carrier's two sensors, one of which may lie."""

import math

import numpy as np
import pytest

from lumina.control.sensing.fusion import FIRST, NOBODY, SECOND, UNDECIDED, fuse
from lumina.control.sensing.records import FUSION
from lumina.control.thermal.records import THERMAL_MODEL
from lumina.theory.thermal_model import ThermalModel

LIMIT_K, DT_S = 0.5, 1e-3
MODEL = np.array(
    [tuple(ThermalModel(die_resistance_k_per_w=0.15).model_dump().values())], THERMAL_MODEL
)[0]


class Carrier:
    """A carrier at 45 C under a load, watched by two sensors, the die's, and a slow model."""

    def __init__(self) -> None:
        self.fusion = np.zeros(1, FUSION)[0]
        self.expected_c = 45.0
        self.fused_c = 45.0

    def watch(
        self, seconds: float, first_k: float, second_k: float, *, drift_k_per_s: float = 0.0,
        die_k: float = 0.0,
    ) -> None:  # fmt: skip
        """Sensors off by so much; the first drifts away, and the model goes where it is led."""
        for tick in range(round(seconds / DT_S)):
            first_c = 45.0 + first_k + drift_k_per_s * DT_S * tick
            die_c = 45.0 + 30.0 * 0.15 + die_k
            self.fused_c = fuse(
                self.fusion, MODEL, first_c, 45.0 + second_k, self.expected_c, die_c, 30.0,
                LIMIT_K, DT_S,
            )  # fmt: skip
            self.expected_c += 6.0 * DT_S * (self.fused_c - self.expected_c)


@pytest.fixture
def carrier() -> Carrier:
    carrier = Carrier()
    carrier.watch(40.0, 0.0, 0.0)
    return carrier


def test_two_honest_sensors_are_averaged(carrier: Carrier) -> None:
    carrier.watch(1.0, 0.1, -0.1)
    assert carrier.fusion["liar"] == NOBODY
    assert carrier.fused_c == pytest.approx(45.0)


@pytest.mark.parametrize("jump_k", [-3.0, 3.0])
def test_the_one_that_jumps_is_not_believed(carrier: Carrier, jump_k: float) -> None:
    carrier.watch(0.1, jump_k, 0.0)
    assert carrier.fusion["liar"] == FIRST
    assert carrier.fused_c == pytest.approx(45.0)
    carrier.watch(2.0, 0.0, 0.0)
    assert carrier.fusion["liar"] == NOBODY
    carrier.watch(0.1, 0.0, jump_k)
    assert carrier.fusion["liar"] == SECOND


@pytest.mark.parametrize("drift_k_per_s", [-0.1, 0.1])
def test_the_one_that_creeps_away_is_betrayed_by_the_die(
    carrier: Carrier, drift_k_per_s: float
) -> None:
    carrier.watch(20.0, 0.0, 0.0, drift_k_per_s=drift_k_per_s)
    assert carrier.fusion["liar"] == FIRST
    assert carrier.fused_c == pytest.approx(45.0, abs=1e-6)


def test_while_nobody_can_tell_the_warmer_one_counts(carrier: Carrier) -> None:
    """The die's sensor says something in between."""
    carrier.watch(5.0, 0.3, -0.3, die_k=0.0)
    assert carrier.fusion["liar"] == UNDECIDED
    assert carrier.fused_c == pytest.approx(45.3)


def test_one_that_cannot_be_read_is_replaced_by_the_other(carrier: Carrier) -> None:
    def fused(first_c: float, second_c: float) -> float:
        return fuse(carrier.fusion, MODEL, first_c, second_c, 45.0, 49.5, 30.0, LIMIT_K, DT_S)

    assert fused(math.nan, 44.0) == 44.0
    assert fused(46.0, math.nan) == 46.0
    assert math.isnan(fused(math.nan, math.nan))
