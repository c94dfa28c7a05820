"""The live view shows the fringe at hand and the time that is left."""

import io

import numpy as np
import pytest
from rich.console import Console

from lumina.cli.calibration_view import CalibrationView, braille
from lumina.runtime.calibrating._watch import Watch
from lumina.runtime.recording.journal import Journal


def shown(view: CalibrationView) -> str:
    console = Console(file=io.StringIO(), width=140)
    for part in view._parts():
        console.print(part)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_points_stand_where_they_belong() -> None:
    assert braille([0.0, 1.0], [0.0, 1.0], 1, 1) == [chr(0x2800 + 0x40 + 0x08)]
    assert braille([0.0, 1.0, 2.0], [5.0, 5.0, 5.0], 3, 2) == [
        "\u2800" * 3,
        chr(0x2840) + chr(0x2840) + chr(0x2880),
    ]
    assert braille([], [], 2, 1) == ["\u2800\u2800"]


def test_a_sweep_is_told_from_random_settings_and_shown_as_a_fringe() -> None:
    view = CalibrationView("bench")
    watch = Watch(Journal(view), expected=40)
    rng = np.random.default_rng(1)
    for _ in range(3):
        watch.look(rng.uniform(0.0, 5.0, 8), rng.standard_normal((2, 2)) + 0j, 2)
    assert "shifter" not in shown(view)
    base = rng.uniform(0.0, 5.0, 8)
    for channel in (2, 3):
        for square in np.linspace(0.0, 20.0, 5):
            drive_v = base.copy()
            drive_v[channel] = np.sqrt(square)
            matrix = np.eye(2) * np.exp(0.3j * square) + 1.0
            watch.look(drive_v, matrix, 1)
    channels = [channel for channel, _, _ in view._fringes]
    assert channels == [2, 3]
    for _, square_v2, power in view._fringes:
        np.testing.assert_allclose(square_v2, np.linspace(0.0, 20.0, 5))
        np.testing.assert_allclose(power, 2.0 + 2.0 * np.cos(0.3 * np.linspace(0.0, 20.0, 5)))
    text = shown(view)
    assert "shifter 2" in text
    assert "16 of 40 measurements" in text


@pytest.mark.parametrize("transfer", [np.full((2, 2), np.nan), np.zeros((2, 2))])
def test_light_that_is_missing_disturbs_nothing(transfer: np.ndarray) -> None:
    view = CalibrationView("bench")
    watch = Watch(Journal(view), expected=4)
    watch.look(None, transfer, 1)
    for volts in (1.0, 2.0, 3.0):
        watch.look(np.array([volts, 1.0]), transfer, 1)
    assert "4 of 4 measurements" in shown(view)
