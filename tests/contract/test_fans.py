"""Fans: they turn as they are told."""

from typing import Any

import pytest

ROLE = "fan"

pytestmark = pytest.mark.timeout(900)


async def test_it_turns_as_it_is_told(device: Any, soon: Any) -> None:
    async def turns(speed_rpm: float) -> bool:
        return bool(abs(await device.read_speed_rpm() - speed_rpm) < 0.05 * device.max_rpm)

    for share in (0.5, 1.0):
        await device.set_speed_rpm(share * device.max_rpm)
        await soon(lambda share=share: turns(share * device.max_rpm))
    assert not await device.is_stalled()
