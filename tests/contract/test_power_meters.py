"""Power meters: one reading for every input."""

from typing import Any

import pytest

ROLE = "optical_power_meter"

pytestmark = pytest.mark.timeout(900)


async def test_every_input_is_read(device: Any) -> None:
    assert device.channels >= 1
    assert (await device.read_power_w()).shape == (device.channels,)
