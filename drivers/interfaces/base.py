"""What every instrument can do: be connected, identified, checked and made safe."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

__all__ = ["ComplexArray", "FloatArray", "Identity", "Instrument", "Limits"]

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]


@dataclass(frozen=True)
class Identity:
    """Who answered: the fields of an ``*IDN?`` reply, or their equivalent."""

    manufacturer: str
    model: str
    serial: str
    firmware: str

    def __str__(self) -> str:
        return ", ".join((self.manufacturer, self.model, self.serial, self.firmware))


@dataclass(frozen=True)
class Limits:
    """A closed range, in the unit of the quantity it limits."""

    low: float
    high: float

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


class Instrument(ABC):
    """Anything on the bench that can be connected, identified and made safe."""

    role: ClassVar[str]

    def __init__(self, name: str) -> None:
        self.name = name

    @abstractmethod
    async def connect(self) -> Identity:
        """Open the connection and check who answers.

        Raises:
            DeviceConnectionError: nobody answers.
            IdentityError: somebody else answers.
        """

    @abstractmethod
    async def close(self) -> None:
        """Release the connection. Never raises for a device that is already gone."""

    async def check(self) -> str | None:
        """Whether it is still there, and as it was set; asked about once a second.

        Returns:
            What has changed by itself since this was last asked, in words, for example a
            power cycle and what it took; None for nothing.

        Raises:
            DeviceConnectionError: it is lost. It may be back at a later call.
        """
        return None

    def news(self) -> str | None:
        """What `check` would tell has changed, as far as it is known; nobody is asked."""
        return None

    @abstractmethod
    async def make_safe(self) -> None:
        """Put the instrument's outputs into their safe state; idempotent."""
