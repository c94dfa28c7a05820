"""Temperature controllers: what drives the TEC, and when."""

from typing import Any

import pytest

from lumina.errors import DeviceRangeError

ROLE = "temperature_controller"

pytestmark = pytest.mark.timeout(900)


async def test_enabled_it_holds_what_it_finds(device: Any) -> None:
    assert not await device.is_enabled()
    await device.set_target_c(await device.read_temperature_c())
    await device.set_enabled(True)
    assert await device.is_enabled()
    await device.set_enabled(False)
    assert not await device.is_enabled()


async def test_a_fixed_current_of_zero_is_none(device: Any, soon: Any) -> None:
    await device.set_current_a(0.0)
    await device.set_enabled(True)

    async def no_current() -> bool:
        return bool(abs(await device.read_current_a()) < 0.05)

    await soon(no_current)
    assert not await device.is_stable(), "nothing regulates"


async def test_its_currents_are_symmetric_and_its_targets_are_temperatures(device: Any) -> None:
    currents, targets = device.current_limits_a(), device.temperature_limits_c()
    assert currents.low == -currents.high < 0.0
    assert -100.0 < targets.low < 25.0 < targets.high < 200.0
    with pytest.raises(DeviceRangeError, match=r"allowed: .* \.\. .* C"):
        await device.set_target_c(1e3)
