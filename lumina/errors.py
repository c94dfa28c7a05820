"""Every error that Lumina raises, one class per thing that a caller can do about it.

::

    LuminaError
    ├── ConfigError              mend the file: all problems at once, with line and range
    ├── UsageError               mend the call: an argument that can never work
    │   └── MatrixError          the matrix is too large, of the wrong shape or not finite
    ├── DeviceError              one instrument; `device` names it
    │   ├── DeviceConnectionError   not reachable: check cable, address, port owner
    │   ├── IdentityError           another instrument answered at this address
    │   ├── DeviceTimeoutError      no answer in time
    │   ├── ProtocolError           an answer that the protocol does not allow
    │   ├── DeviceRangeError        the instrument refuses the value; `allowed` says what it takes
    │   └── DeviceStateError        not in this state; `state` says which it is in
    ├── SafetyError              the guard outranks the call: make it safe first
    │   ├── ThermallyUnsafeError    too hot, or latched; `tier` and `temperature_c` say why
    │   └── RailFaultError          a power rail tripped; `rail` names it
    ├── CalibrationError         the chip could not be learned; `channels` names the culprits
    ├── StoreError               a run folder or calibration file; `path` names it
    └── VirtualTimeError         real I/O or real waiting under virtual time

Each carries what a program needs in typed fields, and says the rest in its message.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = [
    "CalibrationError",
    "ConfigError",
    "ConfigProblem",
    "DeviceConnectionError",
    "DeviceError",
    "DeviceRangeError",
    "DeviceStateError",
    "DeviceTimeoutError",
    "IdentityError",
    "LuminaError",
    "MatrixError",
    "ProtocolError",
    "RailFaultError",
    "SafetyError",
    "StoreError",
    "ThermallyUnsafeError",
    "UsageError",
    "VirtualTimeError",
]


class LuminaError(Exception):
    """Base of every error that Lumina raises on purpose."""


@dataclass(frozen=True)
class ConfigProblem:
    """One thing wrong in a lab config.

    Attributes:
        field: dotted path of the field, for example ``plants.main.tec.limit_a``.
        message: what is wrong, in words.
        line: line in the file, counted from 1; None where the file could not be read.
        allowed: the allowed values or range, where there is one.
    """

    field: str
    message: str
    line: int | None = None
    allowed: str | None = None

    def __str__(self) -> str:
        where = f"line {self.line}: " if self.line is not None else ""
        field = f"{self.field}: " if self.field else ""
        allowed = f" (allowed: {self.allowed})" if self.allowed else ""
        return f"{where}{field}{self.message}{allowed}"


class ConfigError(LuminaError):
    """A lab config that cannot be used. Carries every problem found, not just the first."""

    def __init__(self, file: Path | str, problems: Sequence[ConfigProblem]) -> None:
        self.file = Path(file)
        self.problems = tuple(problems)
        count = len(self.problems)
        head = f"{file}: {count} problem{'s' if count != 1 else ''}"
        super().__init__("\n".join([head, *(f"  {problem}" for problem in self.problems)]))


class UsageError(LuminaError, ValueError):
    """An argument that can never work, whatever the state of the bench."""


class MatrixError(UsageError):
    """A matrix or batch that cannot be computed: shape, size or non-finite values."""


class DeviceError(LuminaError):
    """Something is wrong with one instrument.

    Attributes:
        device: the instrument's name in the lab config.
    """

    def __init__(self, device: str, message: str) -> None:
        self.device = device
        super().__init__(f"{device}: {message}")


class DeviceConnectionError(DeviceError):
    """The instrument cannot be reached, or was lost."""


class IdentityError(DeviceError):
    """Another instrument than the configured one answered."""


class DeviceTimeoutError(DeviceError):
    """The instrument did not answer in time."""


class ProtocolError(DeviceError):
    """The instrument answered with something its protocol does not allow."""


class DeviceRangeError(DeviceError, ValueError):
    """The value lies outside what the instrument takes; nothing was changed.

    Attributes:
        allowed: the allowed range in words, with the unit.
    """

    def __init__(self, device: str, message: str, allowed: str) -> None:
        self.allowed = allowed
        super().__init__(device, f"{message} (allowed: {allowed})")


class DeviceStateError(DeviceError):
    """The instrument is not in a state in which the call makes sense.

    Attributes:
        state: the state that it is in.
    """

    def __init__(self, device: str, message: str, state: str) -> None:
        self.state = state
        super().__init__(device, f"{message} (state: {state})")


class SafetyError(LuminaError):
    """Refused, or ended, to keep the hardware safe."""


class ThermallyUnsafeError(SafetyError):
    """The thermal guard refuses the operation.

    Attributes:
        device: the photonic processor concerned.
        tier: the guard's tier, ``critical`` or ``emergency``.
        temperature_c: the die temperature that the guard sees, in C.
        because: what the guard found, in words.
    """

    def __init__(
        self, device: str, tier: str, temperature_c: float, because: Sequence[str] = ()
    ) -> None:
        self.device, self.tier, self.temperature_c = device, tier, temperature_c
        self.because = tuple(because)
        latched = tier == "emergency"
        remedy = "mend it, then reset the guard" if latched else "mend it, or let it cool"
        found = f" ({', '.join(because)})" if because else ""
        super().__init__(
            f"{device}: refused, thermal guard is in tier {tier} at {temperature_c:.1f} C{found}; "
            f"{remedy}"
        )


class RailFaultError(SafetyError):
    """A power rail tripped and the rails were taken down in order.

    Attributes:
        device: the device that owns the rail.
        rail: the rail's name.
        fault: ``over-current``, ``over-voltage`` or ``under-voltage``.
    """

    def __init__(self, device: str, rail: str, fault: str, detail: str) -> None:
        self.device, self.rail, self.fault = device, rail, fault
        super().__init__(f"{device}: rail {rail} tripped: {fault}, {detail}; rails are down")


class CalibrationError(LuminaError):
    """The chip's parameters could not be found.

    Attributes:
        channels: the shifters or ports at fault; empty when it is the whole chip.
    """

    def __init__(self, message: str, channels: Sequence[int] = ()) -> None:
        self.channels = tuple(channels)
        super().__init__(message)


class StoreError(LuminaError):
    """A run folder or stored file is missing, corrupt, or cannot be written.

    Attributes:
        path: the file or folder concerned.
    """

    def __init__(self, path: Path | str, message: str) -> None:
        self.path = Path(path)
        super().__init__(f"{path}: {message}")


class VirtualTimeError(LuminaError):
    """Real I/O, threads or real waiting were asked for on a virtual-time loop."""
