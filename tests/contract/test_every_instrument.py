"""What holds for every instrument of every role, behind every backend."""

import asyncio
from functools import partial
from typing import Any

import numpy as np
import pytest

from drivers.interfaces import Identity, Instrument
from lumina.errors import DeviceStateError
from tests.contract.promises import READINGS, SAFE, SETTINGS, Reading, Setting
from tests.contract.subjects import Subject

pytestmark = pytest.mark.timeout(900)  # the first one may compile the plant on a busy machine


def settings(subject: Subject, device: Any) -> list[Setting]:
    return SETTINGS[subject.role](device, subject.options)


def readings(subject: Subject, device: Any) -> list[Reading]:
    return READINGS[subject.role](device)


def is_close(read: Any, wanted: Any, setting: Setting) -> bool:
    difference = np.asarray(read, float) - np.asarray(wanted, float)
    return bool(np.abs(difference).max() <= setting.within)


def plausible(reading: Reading, value: Any) -> None:
    values = np.asarray(value, dtype=float)
    assert (values >= reading.low).all(), f"{reading.name}: {value}"
    assert (values <= reading.high).all(), f"{reading.name}: {value}"


async def test_it_tells_who_it_is_and_again_after_a_pause(
    subject: Subject, built: Instrument
) -> None:
    first = await built.connect()
    assert isinstance(first, Identity)
    assert first.manufacturer
    assert first.model
    assert await built.connect() == first, "connected anew without being closed"
    await built.close()
    assert await built.connect() == first
    assert await built.check() is None, "nothing has happened to it"
    for reading in readings(subject, built):
        await reading.read()
    await built.close()


async def test_before_connect_and_after_close_it_says_so(
    subject: Subject, built: Instrument
) -> None:
    await built.close()
    await built.connect()
    reads = [reading.read for reading in readings(subject, built)]
    await built.close()
    await built.close()
    for read in reads:
        with pytest.raises(DeviceStateError, match=f"{subject.name}: connect it first"):
            await read()


async def test_what_is_set_is_read_back(subject: Subject, device: Any) -> None:
    for setting in settings(subject, device):
        for value in setting.good:
            await setting.set(value)
            if setting.read is not None:
                assert is_close(await setting.read(), value, setting), setting.name


async def test_a_refused_value_changes_nothing(subject: Subject, device: Any) -> None:
    every = settings(subject, device)
    for setting in every:
        await setting.set(setting.good[0])
    for setting in every:
        for value in setting.refused:
            with pytest.raises(setting.error, match=f"^{subject.name}: "):
                await setting.set(value)
        if setting.read is not None:
            assert is_close(await setting.read(), setting.good[0], setting), setting.name


async def test_readings_are_in_their_units(subject: Subject, device: Any) -> None:
    for reading in readings(subject, device):
        plausible(reading, await reading.read())


async def test_tasks_that_ask_at_once_get_their_own_answers(subject: Subject, device: Any) -> None:
    every = 3 * readings(subject, device)
    values = await asyncio.gather(*(reading.read() for reading in every))
    for reading, value in zip(every, values, strict=True):
        plausible(reading, value)
        assert np.shape(value) == np.shape(values[every.index(reading)])


@pytest.mark.parametrize("after_s", [0.0, 0.0005, 0.004])
async def test_a_request_cancelled_in_its_middle_spoils_nothing(
    subject: Subject, device: Any, after_s: float
) -> None:
    for reading in readings(subject, device):
        asking = asyncio.ensure_future(reading.read())
        await asyncio.sleep(after_s)
        asking.cancel()
        await asyncio.wait([asking])
    for reading in readings(subject, device):
        plausible(reading, await reading.read())


async def test_made_safe_it_is_safe_and_stays_so(subject: Subject, device: Any, soon: Any) -> None:
    for setting in settings(subject, device):
        await setting.set(setting.good[0])
    await device.make_safe()
    await device.make_safe()
    await soon(partial(SAFE[subject.role], device))
