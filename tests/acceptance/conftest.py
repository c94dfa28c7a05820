"""The main bench as `lumina firmware` serves it, one process for all clients of a module."""

from collections.abc import Iterator

import pytest

from tests.served_firmware import ROOT, Firmware, served


@pytest.fixture(scope="module")
def firmware() -> Iterator[Firmware]:
    """The instruments of twin.yaml; the clients take the spare chip's."""
    with served(ROOT / "lab_configs" / "twin.yaml") as firmware:
        yield firmware
