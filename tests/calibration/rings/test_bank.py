"""A bank of rings is learned through its own interfaces, and then weighs what it is told to."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from calibration.heaters import compensation_rad_per_k, drive_for_own_phases_v
from calibration.programming import unit_for
from calibration.rings import BankCalibration, calibrate_bank
from calibration.rings.plan import planned_channels, tuning_rad
from calibration.rings.weights import own_phases_for_weights, weight_range
from lumina.errors import CalibrationError, MatrixError
from lumina.theory.rings import WeightBank, bank_weights
from tests.calibration.rings.hidden_bank import BANK, DRIFT_RAD_PER_K, ROW_GAIN, HiddenBank

FloatArray = NDArray[np.float64]


async def learned(bank: HiddenBank) -> BankCalibration:
    return await calibrate_bank(
        bank, rng=np.random.default_rng(0), progress=lambda stage, done: None
    )


async def test_a_bank_is_learned_to_nine_bits_and_more() -> None:
    bank = HiddenBank(3)
    known = await learned(bank)
    assert known.measurements == bank.measurements
    assert known.weight_error < 2.0 / 2**9
    np.testing.assert_allclose(known.tempco_rad_per_k, bank.tempco, rtol=5e-3)
    np.testing.assert_allclose(known.row_gain, ROW_GAIN, rtol=0.01)
    np.testing.assert_allclose(known.crosstalk[0, 1], bank.crosstalk[0, 1], rtol=0.1)
    told = bank.phi0_rad - known.phi0_rad + known.tempco_rad_per_k * (known.reference_die_c - 45.0)
    off = np.angle(np.exp(1j * told))
    assert 0.3 < float(np.std(off / known.phase_uncertainty_rad)) < 2.0
    low, high = weight_range(known)
    wanted = np.random.default_rng(1).uniform(low, high, (4, 4))
    for carrier_c in (42.0, 45.0, 48.0):
        await bank.set_carrier_c(carrier_c)
        own = own_phases_for_weights(wanted, known)
        for _ in range(6):  # the loop does this a thousand times a second
            warming = bank.die_temperature_c() - known.reference_die_c
            held = own - compensation_rad_per_k(known) * warming
            await bank.set_drive_v(drive_for_own_phases_v(known, held))
        rms = float(np.sqrt(np.mean((bank.weights() - wanted) ** 2)))
        assert np.log2((high - low) / rms) > 9.0, carrier_c


@given(arrays(float, 16, elements=st.floats(0.0, 6.28)))
def test_a_plan_serves_every_channel_once_and_never_costs_more(phi0_rad: FloatArray) -> None:
    bank = replace(sheet(), phi0_rad=phi0_rad, tempco_rad_per_k=np.full(16, DRIFT_RAD_PER_K))
    planned = replace(bank, channel=planned_channels(bank))
    planned.check_shapes()
    by_plan, by_number = (tuning_rad(bank, one.channel) for one in (planned, bank))
    assert np.all(by_plan.reshape(4, 4).sum(1) <= by_number.reshape(4, 4).sum(1) + 1e-9)


def test_a_planned_bank_weighs_alike_with_half_the_heat() -> None:
    """Eight channels that fill eight ninths of a free spectral range, rings anywhere in it."""
    rng = np.random.default_rng(1)
    bank = BankCalibration.nominal(WeightBank(8, 2 * np.pi / 9, 0.1), 0.157, max_drive_v=10.0)
    bank = replace(
        bank,
        phi0_rad=rng.uniform(0.0, 2.0 * np.pi, 64),
        tempco_rad_per_k=np.full(64, DRIFT_RAD_PER_K),
    )
    planned = replace(bank, channel=planned_channels(bank))
    low, high = weight_range(bank)
    wanted = rng.uniform(low, high, (8, 8))
    own = {one: own_phases_for_weights(wanted, one) for one in (planned, bank)}
    assert own[planned].mean() < 0.6 * own[bank].mean()
    for one, phase in own.items():
        dropped, passed = np.empty((2, 8, 8))
        bank_weights(one.rings, one.phi0_rad + phase, dropped, passed)
        np.testing.assert_allclose(dropped - passed, wanted, atol=1e-6)


def test_a_plan_that_leaves_a_channel_out_is_refused() -> None:
    with pytest.raises(CalibrationError, match=r"channel: not each of 0 .. 3 once"):
        replace(sheet(), channel=np.zeros(16, int)).check_shapes()


async def test_a_ring_that_does_not_answer_is_named() -> None:
    with pytest.raises(CalibrationError, match="no resonance: rings 6;") as caught:
        await learned(HiddenBank(4, dead=(6,)))
    assert caught.value.channels == (6,)


async def test_a_dark_bank_is_told() -> None:
    with pytest.raises(CalibrationError, match="no light; check the laser"):
        await learned(HiddenBank(5, dark=True))


def sheet() -> BankCalibration:
    return BankCalibration.nominal(BANK, 0.157, max_drive_v=10.0)


def test_findings_keep_everything() -> None:
    known = replace(sheet(), weight_error=0.001, measurements=7)
    again = BankCalibration.from_findings(known.to_findings())
    assert again.to_findings().same_as(known.to_findings())
    assert str(again) == "weights known to 0.0010, 7 measurements"


def test_findings_that_do_not_fit_are_refused() -> None:
    with pytest.raises(CalibrationError, match=r"peak has shape \(3,\) \(allowed: \(16,\)"):
        replace(sheet(), peak=np.zeros(3)).check_shapes()
    findings = sheet().to_findings()
    with pytest.raises(CalibrationError, match="calibrate again"):
        BankCalibration.from_findings(replace(findings, schema=99))


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (np.zeros((4, 3)), r"shape \(4, 3\)"),
        (np.full((4, 4), 0.99), r"weight 0.99 \(allowed: -0"),
        (np.full((4, 4), np.nan), "weight nan"),
    ],
)
def test_weights_out_of_reach_are_refused(
    weight: np.ndarray[tuple[int, int], np.dtype[np.float64]], message: str
) -> None:
    with pytest.raises(MatrixError, match=message):
        own_phases_for_weights(weight, sheet())


def test_signs_and_imaginary_parts_of_vectors_pass_as_powers() -> None:
    unit, rng = unit_for(sheet()), np.random.default_rng(2)
    matrix = rng.uniform(-0.5, 0.5, (4, 4))
    vectors = rng.uniform(-1, 1, (4, 9)) + 1j * rng.uniform(-1, 1, (4, 9))
    sent = unit.fields(vectors)
    assert np.all(sent.real >= 0.0)
    assert np.all(sent.imag == 0.0)
    np.testing.assert_allclose(unit.products(matrix @ sent), matrix @ vectors)


def test_a_bank_holds_no_complex_weights() -> None:
    with pytest.raises(MatrixError, match="real weights"):
        unit_for(sheet()).own_phases(np.full((4, 4), 0.1j))


def test_drifts_are_in_the_round_trip_phase() -> None:
    """0.1 nm/K of a free spectral range of 14.4 nm."""
    assert pytest.approx(2 * np.pi * 0.1 / 14.4, rel=1e-3) == DRIFT_RAD_PER_K
