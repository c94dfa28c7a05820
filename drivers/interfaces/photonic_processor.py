"""The role of a photonic board, and what it says of itself and of its light."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import Enum

from drivers.interfaces.base import ComplexArray, FloatArray, Instrument
from lumina.errors import UsageError
from lumina.theory.architecture import ChipArchitecture

__all__ = [
    "Detection",
    "FrameLink",
    "Light",
    "PhotonicProcessor",
    "ProcessorCapabilities",
    "TapLight",
    "Taps",
]


class Detection(Enum):
    """How a processor reads its output light."""

    COHERENT = "coherent"
    DIRECT = "direct"
    BALANCED = "balanced"
    """Powers in, differences of powers out: weight banks."""


@dataclass(frozen=True)
class Taps:
    """Monitor photodiodes inside a mesh, one on either arm behind every interferometer.

    Tap 2k lies on the upper arm of interferometer k, tap 2k + 1 on the lower one, in the
    order of `lumina.theory.mesh`; of an attenuator the upper arm goes on.

    Attributes:
        count: how many, 0 where there are none.
        bits: resolution of their converters.
        rate_hz: vectors per second at which all of them are read.
    """

    count: int = 0
    bits: int = 0
    rate_hz: float = 0.0


@dataclass(frozen=True)
class ProcessorCapabilities:
    """What a photonic processor says it has.

    Attributes:
        architecture: ports, and the interferometers or rings between them.
        heaters: phase shifters, 1 .. 4096.
        interferometers: Mach-Zehnder interferometers.
        micro_rings: micro-ring resonators, 0 where there are none.
        wavelength_channels: WDM channels, 1 .. 64.
        detection: how outputs are read.
        heater_bits: resolution of the heater converters, 12 .. 16.
        converter_bits: resolution of the modulators and detectors, 8 .. 16.
        max_drive_v: full scale of the heater converters, in V.
        nominal_phase_rad_per_v2: data-sheet phase per squared drive voltage, in rad/V^2.
        vector_rate_hz: vectors per second through the light.
        thermal_control: whether TEC and fan hang on the board.
        rails: power rails on the board, 0 .. 8.
        taps: monitors inside the mesh, where it has them.
    """

    architecture: ChipArchitecture
    heaters: int
    interferometers: int
    micro_rings: int
    wavelength_channels: int
    detection: Detection
    heater_bits: int
    converter_bits: int
    max_drive_v: float
    nominal_phase_rad_per_v2: float
    vector_rate_hz: float
    thermal_control: bool
    rails: int
    taps: Taps = Taps()


@dataclass(frozen=True)
class Light:
    """What a batch of vectors became in the light, and how the board stood meanwhile.

    Attributes:
        amplitudes: shape (ports, batch): detected amplitudes (coherent) or powers (direct),
            in units of the receivers' full scale.
        epoch: which stretch of uninterrupted work of the board it belongs to. Another number
            than that of an earlier sensor frame means that the board went safe between.
        steady: whether the board acted as commanded all the while; if not, what was seen is
            worth nothing.
    """

    amplitudes: ComplexArray
    epoch: int
    steady: bool


@dataclass(frozen=True)
class TapLight:
    """What the taps inside a mesh saw of a batch of vectors.

    Attributes:
        powers: shape (taps, batch), 0 .. 1 of the taps' full scale, dark currents included.
        epoch: as of `Light`.
        steady: as of `Light`.
    """

    powers: FloatArray
    epoch: int
    steady: bool


class FrameLink(ABC):
    """How the 1 kHz loop exchanges sensor and actuator frames with one board.

    The loop picks its way of running by the link's type: in process with a twin, or
    over a wire.
    """

    heaters: int
    outputs: int


class PhotonicProcessor(Instrument):
    """A photonic board: heaters, light in, light out, and the frames of the 1 kHz loop."""

    role = "photonic_processor"

    @property
    @abstractmethod
    def capabilities(self) -> ProcessorCapabilities:
        """What the board has; known after `connect`."""

    @abstractmethod
    def frame_link(self) -> FrameLink:
        """The board's end of the 1 kHz frame exchange; known after `connect`."""

    @abstractmethod
    async def multiply(self, fields: ComplexArray) -> Light:
        """Send vectors through the light as the chip stands now.

        Args:
            fields: shape (ports, batch), amplitudes with modulus <= 1 of the
                modulators' full scale. Complex needs coherent detection. A weight bank
                (balanced detection) takes powers, 0 .. 1.

        Raises:
            MatrixError: wrong shape, not finite, or beyond full scale.
        """

    async def read_taps(self, fields: ComplexArray) -> TapLight:
        """Send vectors through the light and read the taps inside the mesh.

        Args:
            fields: as of `multiply`.

        Raises:
            MatrixError: as of `multiply`.
            UsageError: the board has no taps.
        """
        raise UsageError(f"{self.name}: it has no taps inside its mesh")
