"""Lasers: dark until told otherwise."""

from typing import Any

import pytest

from tests.contract.subjects import Subject

ROLE = "laser"

pytestmark = pytest.mark.timeout(900)


async def test_without_emission_there_is_no_light(subject: Subject, device: Any) -> None:
    await device.set_emission(False)
    await device.set_power_w(subject.options.power_w)
    assert await device.read_power_w() == 0.0


async def test_it_emits_what_is_set(subject: Subject, device: Any, soon: Any) -> None:
    power_w = subject.options.power_w
    await device.set_power_w(power_w)
    await device.set_emission(True)

    async def as_set() -> bool:
        return bool(0.8 < await device.read_power_w() / power_w < 1.2)

    await soon(as_set)
    await device.set_emission(False)
    assert await device.read_power_w() == 0.0
