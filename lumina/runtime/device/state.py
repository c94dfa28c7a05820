"""How a device stands, and what it has done."""

from dataclasses import dataclass
from enum import Enum

__all__ = ["Counters", "DeviceState"]


class DeviceState(Enum):
    """State of a photonic processor."""

    UNINITIALISED = "uninitialised"
    INITIALISING = "initialising"
    READY = "ready"
    BUSY = "busy"
    THERMAL_LIMIT = "thermal limit"
    ERROR = "error"
    SHUTDOWN = "shutdown"


@dataclass
class Counters:
    """What a device has done since bring-up.

    Attributes:
        operations: multiplications and additions done in the light.
        matrix_operations: batches sent through the light.
        matrices_loaded: matrices programmed.
        failures: operations that were refused or failed.
        repeated: batches sent again because the board was interrupted meanwhile.
        saturated: receiver readings at an end of the converters' range.
        busy_s: bench time spent multiplying, s.
        energy_j: electrical energy used meanwhile, J (simulated on a twin).
    """

    operations: int = 0
    matrix_operations: int = 0
    matrices_loaded: int = 0
    failures: int = 0
    repeated: int = 0
    saturated: int = 0
    busy_s: float = 0.0
    energy_j: float = 0.0

    @property
    def gops(self) -> float:
        """Billions of operations per second while busy; 0 before the first."""
        return self.operations / self.busy_s / 1e9 if self.busy_s else 0.0

    @property
    def tops_per_w(self) -> float:
        """Trillions of operations per joule; 0 before the first."""
        return self.operations / self.energy_j / 1e12 if self.energy_j else 0.0
