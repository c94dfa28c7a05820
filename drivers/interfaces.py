"""One interface per role that an instrument can play on a bench.

A driver implements the role it plays; callers never learn whether a software twin or a
real instrument answers. Values are floats or numpy arrays in SI units (temperatures in
C, speeds in RPM), with the unit in the name.

Every method that talks to the instrument is a coroutine and may raise
`DeviceConnectionError`, `DeviceTimeoutError` or `ProtocolError`; setters raise
`DeviceRangeError` for a value the instrument does not take and then change nothing.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import Enum
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from lumina.theory.architecture import ChipArchitecture

__all__ = [
    "ROLES",
    "Detection",
    "Fan",
    "FrameLink",
    "Identity",
    "Instrument",
    "Laser",
    "Light",
    "Limits",
    "OpticalPowerMeter",
    "PhaseShifterBank",
    "PhotonicProcessor",
    "PowerSupply",
    "ProcessorCapabilities",
    "TemperatureController",
]

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

    @abstractmethod
    async def make_safe(self) -> None:
        """Put the instrument's outputs into their safe state; idempotent."""


class TemperatureController(Instrument):
    """A TEC controller with its own regulator, for example a Meerstetter TEC-109x."""

    role = "temperature_controller"

    @abstractmethod
    def temperature_limits_c(self) -> Limits:
        """Set points that the controller takes, in C."""

    @abstractmethod
    def current_limits_a(self) -> Limits:
        """Output currents that the controller can drive, in A; positive cools."""

    @abstractmethod
    async def set_target_c(self, target_c: float) -> None:
        """Set the temperature set point, in C."""

    @abstractmethod
    async def read_target_c(self) -> float:
        """The temperature set point in force, in C."""

    @abstractmethod
    async def set_current_a(self, current_a: float) -> None:
        """Drive a fixed current instead of regulating; positive cools."""

    @abstractmethod
    async def set_enabled(self, enabled: bool) -> None:
        """Switch the output stage."""

    @abstractmethod
    async def is_enabled(self) -> bool:
        """Whether the output stage is on."""

    @abstractmethod
    async def read_temperature_c(self) -> float:
        """Temperature of the controlled object, in C."""

    @abstractmethod
    async def read_sink_c(self) -> float:
        """Temperature of the heat sink, in C."""

    @abstractmethod
    async def read_current_a(self) -> float:
        """Current through the TEC, in A; positive cools."""

    @abstractmethod
    async def read_voltage_v(self) -> float:
        """Voltage across the TEC, in V."""

    @abstractmethod
    async def is_stable(self) -> bool:
        """Whether the instrument itself judges the temperature to be settled."""


class PhaseShifterBank(Instrument):
    """A multi-channel voltage source on heaters, for example a Qontrol Q8iv chain."""

    role = "phase_shifter_bank"

    @property
    @abstractmethod
    def channels(self) -> int:
        """Number of heater channels."""

    @abstractmethod
    def drive_limits_v(self) -> Limits:
        """Drive voltages that a channel takes, in V."""

    @abstractmethod
    async def set_drive_v(self, drive_v: FloatArray) -> None:
        """Set every channel. Shape (channels,), in V."""

    @abstractmethod
    async def read_drive_v(self) -> FloatArray:
        """Measured voltages. Shape (channels,), in V."""

    @abstractmethod
    async def read_current_a(self) -> FloatArray:
        """Measured currents. Shape (channels,), in A."""


class OpticalPowerMeter(Instrument):
    """One or more calibrated photodetectors, for example a PM100D or an N7744A."""

    role = "optical_power_meter"

    @property
    @abstractmethod
    def channels(self) -> int:
        """Number of optical inputs."""

    @abstractmethod
    async def set_wavelength_m(self, wavelength_m: float) -> None:
        """Wavelength for the responsivity correction, in m."""

    @abstractmethod
    async def set_averaging(self, samples: int) -> None:
        """Samples averaged per reading, 1 or more."""

    @abstractmethod
    async def zero(self) -> None:
        """Measure and subtract the dark offset; the input must be dark."""

    @abstractmethod
    async def read_power_w(self) -> FloatArray:
        """Optical power at every input. Shape (channels,), in W; inf where over range."""


class Laser(Instrument):
    """A tunable laser, for example a Santec TSL-570."""

    role = "laser"

    @abstractmethod
    def wavelength_limits_m(self) -> Limits:
        """Tuning range, in m."""

    @abstractmethod
    def power_limits_w(self) -> Limits:
        """Output power range, in W."""

    @abstractmethod
    async def set_wavelength_m(self, wavelength_m: float) -> None:
        """Tune to a wavelength, in m."""

    @abstractmethod
    async def read_wavelength_m(self) -> float:
        """The wavelength in force, in m."""

    @abstractmethod
    async def set_power_w(self, power_w: float) -> None:
        """Set the output power, in W."""

    @abstractmethod
    async def read_power_w(self) -> float:
        """Measured output power, in W; 0 while emission is off."""

    @abstractmethod
    async def set_emission(self, on: bool) -> None:
        """Switch the emission."""

    @abstractmethod
    async def is_emitting(self) -> bool:
        """Whether the laser emits."""


class PowerSupply(Instrument):
    """A multi-channel bench supply, for example a Keysight E36312A. Channels count from 1."""

    role = "power_supply"

    @property
    @abstractmethod
    def channels(self) -> int:
        """Number of outputs."""

    @abstractmethod
    def voltage_limits_v(self, channel: int) -> Limits:
        """Voltages that a channel takes, in V."""

    @abstractmethod
    async def set_voltage_v(self, channel: int, voltage_v: float) -> None:
        """Set an output's voltage, in V."""

    @abstractmethod
    async def set_current_limit_a(self, channel: int, current_a: float) -> None:
        """Set an output's current limit, in A."""

    @abstractmethod
    async def set_over_voltage_v(self, channel: int, voltage_v: float) -> None:
        """Set an output's over-voltage trip level, in V."""

    @abstractmethod
    async def set_output(self, channel: int, on: bool) -> None:
        """Switch one output."""

    @abstractmethod
    async def is_on(self, channel: int) -> bool:
        """Whether an output is on."""

    @abstractmethod
    async def read_voltage_v(self, channel: int) -> float:
        """Measured voltage of an output, in V."""

    @abstractmethod
    async def read_current_a(self, channel: int) -> float:
        """Measured current of an output, in A."""

    @abstractmethod
    async def is_tripped(self, channel: int) -> bool:
        """Whether a protection (over-voltage, over-current) has switched the output off."""

    @abstractmethod
    async def clear_trip(self, channel: int) -> None:
        """Clear a tripped protection; the output stays off."""


class Fan(Instrument):
    """A speed-controlled fan, for example an ebm-papst EC fan."""

    role = "fan"

    @property
    @abstractmethod
    def max_rpm(self) -> float:
        """Highest speed, in RPM."""

    @abstractmethod
    async def set_speed_rpm(self, speed_rpm: float) -> None:
        """Command a speed, 0 .. max_rpm."""

    @abstractmethod
    async def read_speed_rpm(self) -> float:
        """Tachometer speed, in RPM."""

    @abstractmethod
    async def is_stalled(self) -> bool:
        """Whether the motor reports that it is blocked."""


class Detection(Enum):
    """How a processor reads its output light."""

    COHERENT = "coherent"
    DIRECT = "direct"
    BALANCED = "balanced"
    """Powers in, differences of powers out: weight banks."""


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


ROLES: dict[str, type[Instrument]] = {
    cls.role: cls
    for cls in (
        TemperatureController,
        PhaseShifterBank,
        OpticalPowerMeter,
        Laser,
        PowerSupply,
        Fan,
        PhotonicProcessor,
    )
}
"""Role name in a lab config -> interface."""
