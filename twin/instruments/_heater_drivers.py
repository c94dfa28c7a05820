"""What drives heaters from outside: banks of outputs, and a source that gives way."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lumina.theory.drive import heater_power_w
from twin.config_instruments import HeaterDriverConfig
from twin.instruments._makers import DriverErrors
from twin.plant import Plant
from twin.records import INSTRUMENT

__all__ = ["HeaterLoad", "HeaterWires"]

SHORT_OHM = 2.0
"""What is left of a shorted heater: its wiring."""


class HeaterWires:
    """Outputs wired to neighbouring heaters; those beyond the last one are open.

    Attributes:
        outputs: how many.
        errors: what they make and read, beside what they are told.
    """

    def __init__(
        self,
        plant: Plant,
        name: str,
        sheet: HeaterDriverConfig,
        first: int,
        wires: int,
        outputs: int | None = None,
    ) -> None:
        """Put a stand-alone driver in the place of the board's own converters.

        Args:
            plant: whose heaters they are.
            name: of the driver, which names what is particular to it.
            sheet: what its type allows.
            first: heater that the first output is wired to.
            wires: how many; one to a heater beyond the chip's last one ends nowhere.
            outputs: how many the driver has; as many as wires by default.
        """
        self.outputs = wires if outputs is None else outputs
        self.errors = DriverErrors.of(plant, name, self.outputs, sheet)
        self._made_v = np.zeros(self.outputs)
        self._plant = plant
        self._wired = max(0, min(wires, plant.architecture.shifters - first))
        self._heaters = slice(first, first + self._wired)
        plant.inputs["heater_source"] = INSTRUMENT

    def drive(self, set_v: NDArray[np.float64]) -> None:
        """Set voltages, shape (outputs,), from the next tick on."""
        self.apply(self.errors.made_v(set_v))

    def apply(self, made_v: NDArray[np.float64]) -> None:
        """Have these very voltages at the outputs, shape (outputs,), from the next tick on."""
        self._made_v = made_v
        self._plant.heater_v[self._heaters] = made_v[: self._wired]

    def read_v(self) -> NDArray[np.float64]:
        """A reading of the voltages, shape (outputs,)."""
        return self.errors.read_v(self._made_v)

    def read_a(self) -> NDArray[np.float64]:
        """A reading of the currents in the last tick, shape (outputs,)."""
        return self.errors.read_a(self._of_all(self._plant.heater_current_a()[self._heaters]))

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
        resistance_ohm: cold, at the die's temperature.
        feedback_per_w: relative growth of the resistance per watt.
    """

    resistance_ohm: float
    feedback_per_w: float

    @classmethod
    def of(cls, plant: Plant, heater: int) -> "HeaterLoad":
        """One heater of a plant as it stands; beyond its last one, an open wire."""
        config, ohms = plant.config, plant.chip.resistance_ohm
        if heater >= ohms.size or heater in config.wiring.dead_heaters:
            return cls(np.inf, 0.0)
        if heater == int(plant.inputs["heater_open"][0]) - 1:
            return cls(np.inf, 0.0)
        if heater == int(plant.inputs["heater_short"][0]) - 1:
            return cls(SHORT_OHM, 0.0)
        die_c = plant.temperatures_c()[config.thermal.die]
        warmth = 1.0 + config.chip.heater.die_tempco_per_k * (die_c - config.chip.reference_c)
        return cls(float(ohms[heater]) * warmth, config.chip.heater.feedback_per_w / warmth)

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
