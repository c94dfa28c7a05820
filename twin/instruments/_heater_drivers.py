"""What drives heaters from outside: banks of outputs, and a source that gives way."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lumina.theory.drive import heater_power_w
from twin.plant import Plant
from twin.records import INSTRUMENT

__all__ = ["HeaterLoad", "HeaterWires"]


class HeaterWires:
    """Outputs wired to neighbouring heaters; those beyond the last one are open.

    Attributes:
        outputs: how many.
    """

    def __init__(self, plant: Plant, first: int, wires: int, outputs: int | None = None) -> None:
        """Put a stand-alone driver in the place of the board's own converters.

        Args:
            plant: whose heaters they are.
            first: heater that the first output is wired to.
            wires: how many; one to a heater beyond the chip's last one ends nowhere.
            outputs: how many the driver has; as many as wires by default.
        """
        self.outputs = wires if outputs is None else outputs
        self._plant = plant
        self._wired = max(0, min(wires, plant.architecture.shifters - first))
        self._heaters = slice(first, first + self._wired)
        plant.inputs["heater_source"] = INSTRUMENT

    def drive(self, drive_v: NDArray[np.float64]) -> None:
        """Apply voltages, shape (outputs,), from the next tick on."""
        self._plant.heater_v[self._heaters] = drive_v[: self._wired]

    def current_a(self) -> NDArray[np.float64]:
        """Currents in the last tick, shape (outputs,)."""
        return self._of_all(self._plant.heater_current_a()[self._heaters])

    def conductance_s(self) -> NDArray[np.float64]:
        """Of the cold heaters, shape (outputs,); 0 where an output is open."""
        return self._of_all(self._plant.arrays.heaters.conductance_s[self._heaters])

    def _of_all(self, wired: NDArray[np.float64]) -> NDArray[np.float64]:
        values = np.zeros(self.outputs)
        values[: self._wired] = wired
        return values


@dataclass(frozen=True)
class HeaterLoad:
    """A heater as a source with a limit sees it: its resistance grows with its own power.

    Attributes:
        resistance_ohm: cold.
        feedback_per_w: relative growth of the resistance per watt.
    """

    resistance_ohm: float
    feedback_per_w: float

    @classmethod
    def of(cls, plant: Plant, heater: int) -> "HeaterLoad":
        """One heater of a plant; beyond its last one, an open wire."""
        chip = plant.chip
        ohm = float(chip.resistance_ohm[heater]) if heater < chip.resistance_ohm.size else np.inf
        return cls(ohm, plant.config.chip.heater.feedback_per_w)

    def at_volts(self, level_v: float, limit_a: float) -> tuple[float, float]:
        """Voltage (V) and current (A) of a voltage source that gives way at its limit."""
        if abs(amperes := self.amperes(level_v)) <= limit_a:
            return level_v, amperes
        held_a = limit_a if level_v > 0.0 else -limit_a
        return self.volts(held_a), held_a

    def at_amperes(self, level_a: float, limit_v: float) -> tuple[float, float]:
        """Voltage (V) and current (A) of a current source that gives way at its limit."""
        if abs(volts := self.volts(level_a)) <= limit_v:
            return volts, level_a
        held_v = limit_v if level_a > 0.0 else -limit_v
        return held_v, self.amperes(held_v)

    def amperes(self, volts: float) -> float:
        """Current at a voltage."""
        if volts == 0.0:
            return 0.0
        return float(heater_power_w(abs(volts), self.resistance_ohm, self.feedback_per_w) / volts)

    def volts(self, amperes: float) -> float:
        """Voltage at a current: V = I R0 / (1 - f I^2 R0), held where it would run away."""
        if amperes == 0.0:
            return 0.0
        cold_w = amperes * amperes * self.resistance_ohm
        runaway = max(1.0 - self.feedback_per_w * cold_w, 0.01)
        return cold_w / runaway / amperes
