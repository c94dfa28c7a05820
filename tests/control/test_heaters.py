"""Own phases become converter codes, corrected for the die's drift."""

import numpy as np
import pytest

from lumina.errors import DeviceRangeError
from tests.control.board import Board

HEATERS = 4
FULL_CODE = 2**16 - 1


def phases_of(board: Board, gain: float, curvature: float) -> np.ndarray:
    """Own phases that the heaters make at the codes in the last frame."""
    u = (board.actuator.heater_code / FULL_CODE * 5.0) ** 2
    return gain * (np.sqrt(1 + 4 * curvature * u) - 1) / (2 * curvature)


def ready(gain: float, curvature: float, tempco: float) -> Board:
    board = Board(HEATERS)
    board.set_all_c(45.0)
    board.bring_up()
    board.loop.set_tec_current_a(0.0)
    board.loop.set_heater_law(
        np.full(HEATERS, gain), np.full(HEATERS, curvature), np.full(HEATERS, tempco), 45.0
    )
    board.loop.set_compensation(False)
    return board


def test_codes_make_the_commanded_own_phases() -> None:
    board = ready(gain=0.45, curvature=0.002, tempco=0.0)
    wanted = np.array([0.3, 2.0, 5.0, 8.0])
    board.loop.set_heater_phases(wanted)
    board.tick(2)
    assert phases_of(board, 0.45, 0.002) == pytest.approx(wanted, abs=1e-3)


def test_compensation_gives_back_what_the_die_adds() -> None:
    board = ready(gain=0.45, curvature=0.002, tempco=0.1)
    board.loop.set_heater_phases(np.full(HEATERS, 4.0))
    board.loop.set_compensation(True)
    board.set_all_c(48.0)
    board.tick(5000)
    warming_k = board.state["die_estimate_c"] - 45.0
    assert warming_k == pytest.approx(3.0, abs=0.3)
    assert phases_of(board, 0.45, 0.002) == pytest.approx(4.0 - 0.1 * warming_k, abs=1e-3)


def test_a_correction_beyond_the_range_saturates_and_is_counted() -> None:
    board = ready(gain=0.45, curvature=0.002, tempco=1.0)
    board.loop.set_heater_phases(np.array([0.5, 0.5, 6.0, 6.0]))
    board.loop.set_compensation(True)
    board.set_all_c(47.0)
    board.tick(5000)
    assert board.state["saturated_heaters"] == 2
    assert (board.actuator.heater_code[:2] == 0).all()


def test_voltages_pass_uncompensated() -> None:
    board = ready(gain=0.45, curvature=0.002, tempco=1.0)
    board.loop.set_compensation(True)
    board.loop.set_heater_voltages(np.array([0.0, 1.0, 2.5, 5.0]))
    board.set_all_c(50.0)
    board.tick(100)
    expected = np.round(np.array([0.0, 0.2, 0.5, 1.0]) * FULL_CODE)
    assert board.actuator.heater_code == pytest.approx(expected, abs=1)


@pytest.mark.parametrize("bad", [-0.1, 5.1, np.nan, np.inf])
def test_a_drive_out_of_range_names_heater_and_range(bad: float) -> None:
    board = Board(HEATERS)
    drive = np.zeros(HEATERS)
    drive[2] = bad
    with pytest.raises(DeviceRangeError, match=r"npu: heater drive of heater 2 .*0 \.\. 5 V"):
        board.loop.set_heater_voltages(drive)


def test_a_drive_of_another_shape_is_refused() -> None:
    with pytest.raises(DeviceRangeError, match=r"shape \(3,\)"):
        Board(HEATERS).loop.set_heater_voltages(np.zeros(3))
