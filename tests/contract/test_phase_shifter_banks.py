"""Heater drivers: every channel gets its own voltage."""

from typing import Any

import numpy as np
import pytest

ROLE = "phase_shifter_bank"

pytestmark = pytest.mark.timeout(900)


async def test_every_channel_gets_its_own_voltage(device: Any) -> None:
    tenth_v = 0.1 * device.drive_limits_v().high
    for channel in range(device.channels):
        drive_v = np.zeros(device.channels)
        drive_v[channel] = tenth_v
        await device.set_drive_v(drive_v)
        np.testing.assert_allclose(await device.read_drive_v(), drive_v, atol=0.02)


async def test_the_array_that_was_given_may_be_used_again(device: Any) -> None:
    drive_v = np.full(device.channels, 0.05 * device.drive_limits_v().high)
    await device.set_drive_v(drive_v)
    before_v = drive_v.copy()
    (await device.read_drive_v())[:] = 99.0
    drive_v[:] = 99.0
    np.testing.assert_allclose(await device.read_drive_v(), before_v, atol=0.02)
