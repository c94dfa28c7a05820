"""A board at rest, and a loop on it: what the tests of the control step share."""

import numpy as np

from lumina.control.config import ControlConfig, RailConfig
from lumina.control.loop import ControlLoop
from lumina.control.records import FanMode, TecMode
from lumina.control.sensing.config import SensorConfig
from lumina.control.step import control_step
from lumina.frames import ActuatorFrame, SensorFrame
from lumina.theory.thermistor import code_from_temperature

__all__ = ["Board"]

THERMISTORS = ("carrier_a_code", "carrier_b_code", "die_code", "sink_code")
DEFAULTS = SensorConfig()
RAILS = (
    RailConfig(name="laser_3v3", voltage_v=3.3, current_limit_a=1.0, over_voltage_v=3.8),
    RailConfig(name="dac_1v8", voltage_v=1.8, current_limit_a=0.5, over_voltage_v=2.2),
)


class Board:
    """Sensor frames written by hand, rails, TEC and fan that follow at once, and the step on top.

    Attributes:
        follows: names of the sensor frame's fields that follow their commands.
        shorted: whether the TEC is bridged: no voltage, whatever the current.
    """

    def __init__(self, heaters: int = 4, config: ControlConfig | None = None) -> None:
        self.config = config or ControlConfig(rails=RAILS)
        self.loop = ControlLoop(
            "npu", self.config, heaters=heaters, full_scale_v=5.0, heater_bits=16
        )
        self.sensor = SensorFrame.zeros(2)
        self.actuator = ActuatorFrame.zeros(heaters)
        self.celsius: dict[str, float] = {}
        self.follows = {"rail_voltage_v", "tec_current_a", "fan_rpm"}
        self.shorted = False
        self.sensor.head["inlet_c"] = 25.0
        self.set_all_c(25.0)

    def set_c(self, thermistor: str, celsius: float) -> None:
        """Have one thermistor read a temperature."""
        self.celsius[thermistor] = celsius
        self.sensor.head[thermistor] = code_from_temperature(
            celsius, DEFAULTS.resistance_25c_ohm, DEFAULTS.beta_k, DEFAULTS.reference_ohm
        )

    def set_all_c(self, celsius: float) -> None:
        """Have all thermistors read a temperature."""
        for thermistor in THERMISTORS:
            self.set_c(thermistor, celsius)

    def tick(self, ticks: int = 1) -> None:
        """Run the step for some ticks."""
        for _ in range(ticks):
            self.sensor.head["tick"] += 1
            self.sensor.head["time_ns"] += 1_000_000
            self.follow_commands()
            self.step()

    def step(self) -> None:
        """The control step on the sensor frame as it stands."""
        control_step(self.loop.arrays, self.sensor, self.actuator)

    def follow_commands(self) -> None:
        """Have the board do what it was told, and its TEC take the voltage that this makes."""
        commands, head = self.actuator.head, self.sensor.head
        told = {
            "rail_voltage_v": commands["rail_set_v"],
            "tec_current_a": commands["tec_current_a"],
            "fan_rpm": commands["fan_rpm"],
        }
        for name in self.follows:
            head[name] = told[name]
        model = self.config.thermal_model
        warmer_k = self.celsius["sink_code"] - self.celsius["carrier_a_code"]
        seebeck_v = model.tec_seebeck_v_per_k * warmer_k
        whole_v = seebeck_v + head["tec_current_a"] * model.tec_resistance_ohm
        head["tec_voltage_v"] = 0.0 if self.shorted else whole_v

    def bring_up(self) -> None:
        """Rails up, laser on, TEC and heaters at work."""
        self.loop.rails_up()
        self.loop.set_laser_scale(1.0)
        self.loop.set_tec_mode(TecMode.REGULATE)
        self.loop.set_fan_mode(FanMode.REGULATE)
        self.loop.set_heater_voltages(np.full(self.loop.heaters, 2.0))
        self.tick(400)

    @property
    def state(self) -> np.void:
        """The step's state record."""
        record: np.void = self.loop.arrays.state[0]
        return record

    @property
    def out(self) -> np.void:
        """The header of the last actuator frame."""
        record: np.void = self.actuator.head[0]
        return record
