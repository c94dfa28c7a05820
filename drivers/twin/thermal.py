"""Stand-alone temperature controller and fan on the twin, in place of the board's own."""

from math import isnan

from drivers.data_sheets import TEC109X_TARGET_C, THERMOSTAT_TARGET_C
from drivers.interfaces import Fan, Limits, TemperatureController
from drivers.options import FanOptions, TemperatureControllerOptions
from drivers.ranges import check_range
from drivers.registry import Mounting
from drivers.twin.base import TwinInstrument
from lumina.errors import DeviceStateError
from twin.instruments import CARRIER, SINK, take_over_tec, thermistor_c
from twin.records import INSTRUMENT

__all__ = ["TwinFan", "TwinTemperatureController", "TwinThermostat"]


class TwinTemperatureController(TwinInstrument, TemperatureController):
    """A Meerstetter TEC-109x that regulates the carrier by its own PI regulator."""

    manufacturer = "Meerstetter"
    model = "TEC-1090"
    targets_c = Limits(*TEC109X_TARGET_C)

    STABLE_K = 0.05
    """Deviation from the target within which the temperature counts as stable."""

    def __init__(self, mounting: Mounting) -> None:
        super().__init__(mounting)
        options: TemperatureControllerOptions = mounting.options
        self._limit_a = take_over_tec(self._plant, options.current_limit_a)

    def temperature_limits_c(self) -> Limits:
        return self.targets_c

    def current_limits_a(self) -> Limits:
        return Limits(-self._limit_a, self._limit_a)

    async def set_target_c(self, target_c: float) -> None:
        check_range(self.name, "target", target_c, self.temperature_limits_c(), "C")
        await self._exchange()
        self._write("regulator_target_c", target_c)
        self._write("regulator_on", 1.0)

    async def read_target_c(self) -> float:
        await self._exchange()
        return self._word("regulator_target_c")

    async def set_current_a(self, current_a: float) -> None:
        check_range(self.name, "current", current_a, self.current_limits_a(), "A")
        await self._exchange()
        self._write("instrument_tec_a", current_a)
        self._write("regulator_on", 0.0)

    async def set_enabled(self, enabled: bool) -> None:
        await self._exchange()
        self._write("instrument_tec_on", float(enabled))

    async def is_enabled(self) -> bool:
        await self._exchange()
        return self._word("instrument_tec_on") == 1.0

    async def read_temperature_c(self) -> float:
        await self._exchange()
        return self._temperature_c(CARRIER)

    async def read_sink_c(self) -> float:
        await self._exchange()
        return self._temperature_c(SINK)

    async def read_current_a(self) -> float:
        await self._exchange()
        return float(self._plant.arrays.state["tec_current_a"][0])

    async def read_voltage_v(self) -> float:
        await self._exchange()
        return float(self._plant.arrays.state["tec_voltage_v"][0])

    async def is_stable(self) -> bool:
        await self._exchange()
        regulating = self._word("instrument_tec_on") == 1.0 and self._word("regulator_on") == 1.0
        away_k = abs(self._temperature_c(CARRIER) - self._word("regulator_target_c"))
        return regulating and away_k < self.STABLE_K

    async def make_safe(self) -> None:
        self._write("instrument_tec_on", 0.0)

    def _temperature_c(self, sensor: int) -> float:
        """One sample of a thermistor.

        Raises:
            DeviceStateError: the thermistor is open or shorted.
        """
        temperature_c = thermistor_c(self._plant, self.name, sensor)
        if isnan(temperature_c):
            raise DeviceStateError(self.name, "thermistor open or shorted", "error")
        return temperature_c


class TwinThermostat(TwinTemperatureController):
    """A Sinara Thermostat 8451; regulator and current come from the same plant."""

    manufacturer = "M-Labs"
    model = "Thermostat 8451"
    targets_c = Limits(*THERMOSTAT_TARGET_C)


class TwinFan(TwinInstrument, Fan):
    """An ebm-papst EC fan on the heat sink."""

    manufacturer = "ebm-papst"
    model = "EC fan"

    def __init__(self, mounting: Mounting) -> None:
        super().__init__(mounting)
        options: FanOptions = mounting.options
        self._max_rpm = min(options.max_rpm, self._plant.config.fan.full_speed_rpm)
        self._write("fan_source", INSTRUMENT)

    @property
    def max_rpm(self) -> float:
        return self._max_rpm

    async def set_speed_rpm(self, speed_rpm: float) -> None:
        check_range(self.name, "speed", speed_rpm, Limits(0.0, self._max_rpm), "RPM")
        await self._exchange()
        self._write("instrument_fan_rpm", speed_rpm)

    async def read_speed_rpm(self) -> float:
        await self._exchange()
        return float(self._plant.arrays.state["fan_rpm"][0])

    async def is_stalled(self) -> bool:
        await self._exchange()
        return self._word("fan_stall") == 1.0 and self._word("instrument_fan_rpm") > 0.0

    async def make_safe(self) -> None:
        """Full speed: a fan is safe when it blows."""
        self._write("instrument_fan_rpm", self._max_rpm)
