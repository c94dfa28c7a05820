"""Photonic processors: what they say they have is what they take and give."""

from typing import Any

import numpy as np
import pytest

from drivers.interfaces import FrameLink, ProcessorCapabilities

ROLE = "photonic_processor"

pytestmark = pytest.mark.timeout(900)


async def test_what_it_has_is_within_the_roles_bounds(device: Any) -> None:
    has = device.capabilities
    assert isinstance(has, ProcessorCapabilities)
    assert 2 <= has.architecture.ports <= 64
    assert 1 <= has.heaters <= 4096
    assert 0 <= has.interferometers <= has.heaters
    assert has.micro_rings >= 0
    assert 12 <= has.heater_bits <= 16
    assert 8 <= has.converter_bits <= 16
    assert 0 <= has.rails <= 8
    assert 0.0 < has.nominal_phase_rad_per_v2 * has.max_drive_v**2 < 1e3


async def test_its_frames_fit_what_it_has(device: Any) -> None:
    link, has = device.frame_link(), device.capabilities
    assert isinstance(link, FrameLink)
    assert (link.heaters, link.outputs) == (has.heaters, has.architecture.ports)


@pytest.mark.parametrize("batch", [1, 7, 300])
async def test_every_vector_comes_back(device: Any, batch: int) -> None:
    ports = device.capabilities.architecture.ports
    light = await device.multiply(np.linspace(-1.0, 1.0, ports * batch).reshape(ports, batch))
    assert light.amplitudes.shape == (ports, batch)
    assert np.isfinite(light.amplitudes).all()
