"""Power supplies: channels are apart, and give what is set while they are on."""

import asyncio
from typing import Any

import pytest

from lumina.errors import DeviceRangeError
from tests.contract.subjects import Subject

ROLE = "power_supply"

pytestmark = pytest.mark.timeout(900)


async def test_an_output_gives_its_voltage_while_it_is_on(
    subject: Subject, device: Any, soon: Any
) -> None:
    options = subject.options
    channel = options.board_channel
    await device.set_current_limit_a(channel, options.current_limit_a)
    await device.set_over_voltage_v(channel, options.over_voltage_v)
    await device.set_voltage_v(channel, options.voltage_v)
    await device.set_output(channel, True)

    async def gives(voltage_v: float, within_v: float) -> bool:
        return bool(abs(await device.read_voltage_v(channel) - voltage_v) < within_v)

    await soon(lambda: gives(options.voltage_v, 0.02 * options.voltage_v))
    await device.set_output(channel, False)
    await soon(lambda: gives(0.0, 0.1 * options.voltage_v))
    assert not await device.is_tripped(channel)


async def test_channels_asked_about_at_once_are_not_confused(subject: Subject, device: Any) -> None:
    channel = subject.options.board_channel
    await device.set_output(channel, True)
    channels = 3 * list(range(1, device.channels + 1))
    on = await asyncio.gather(*(device.is_on(each) for each in channels))
    assert on == [each == channel for each in channels]


@pytest.mark.parametrize("ask", ["is_on", "read_voltage_v", "read_current_a", "is_tripped"])
async def test_a_channel_that_it_lacks_is_refused(device: Any, ask: str) -> None:
    for channel in (0, device.channels + 1):
        with pytest.raises(DeviceRangeError, match=f"no channel {channel}"):
            await getattr(device, ask)(channel)
