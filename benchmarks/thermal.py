"""How well the carrier's temperature is held on the reference plant, beside simple-pid.

Every figure is of the carrier's true temperature, not its sensor's. The loop goes by what an
identification found on the bench's own interfaces: beliefs and gains. simple-pid gets the same
gains, converted to amperes at the set point, the same sensors and the same limits, on a plant
of the same seed, with the fan at the speed that our loop takes for half the load. It has no
filter on its derivative and no ramp, which is part of what is compared. The same law over
stand-alone instruments, at their rate, is measured by `benchmarks.thermal_instruments`.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from simple_pid import PID

from benchmarks.harness import Benchmark, Figure, describe_machine
from benchmarks.identified import identified_control
from benchmarks.settling import rms_mk, settled_after_s
from benchmarks.thermal_instruments import instrument_figures
from benchmarks.thermal_twin import REFERENCE, TRUTH, reference_loop, run_recorded
from lumina.compiled import entry_point
from lumina.control.config import ControlConfig
from lumina.theory.thermistor import KELVIN, temperature_from_code
from twin.kernel import plant_ticks

__all__ = ["run"]

FloatArray = NDArray[np.float64]

TICK_S = 0.001
SETPOINT_C, COLD_C = 45.0, 25.0
ROOM_C = 25.0
LOAD_W, DWELL_MEAN_S, DWELL_LEAST_S = 30.0, 20.0, 1.0
SWING_K, SWING_PERIOD_S = 2.0, 600.0
WITHIN_K = 0.010
SETTLED_S, STEP_S, HOUR_S = 60.0, 30.0, 3600.0
SEED = 7
LIMIT_A = 8.0
FAN_RPM = 1200.0


def run() -> Benchmark:
    """Live through rest, load steps, set-point steps and a random hour, with either law."""
    machine = describe_machine()
    control = identified_control(REFERENCE)
    ours, theirs = OurLoop(control), SimplePid(control)
    figures: dict[str, Figure] = {}
    for story in (steady, load_step, setpoint_down, setpoint_up, random_hour):
        mine, others = story(ours), story(theirs)
        for name, (value, unit, target) in mine.items():
            versus = f"simple-pid, same tuning and twin: {others[name][0]:.3g} {unit}"
            figures[name] = Figure(value, unit, versus, target, "lower")
    return Benchmark(figures | instrument_figures(), machine)


class OurLoop:
    """The loop on the reference plant."""

    def __init__(self, control: ControlConfig) -> None:
        self._work = reference_loop(control)
        self.live(rest(SETTLED_S), room(SETTLED_S))

    def live(self, load_w: FloatArray, ambient_c: FloatArray) -> NDArray[Any]:
        """The truth, tick by tick."""
        return run_recorded(self._work, load_w, ambient_c)

    def set_setpoint_c(self, setpoint_c: float) -> None:
        """Ask for another temperature."""
        self._work.control.set_setpoint_c(setpoint_c)


class SimplePid:
    """simple-pid at 1 kHz in place of the control step, on a plant that is up."""

    def __init__(self, control: ControlConfig) -> None:
        work = reference_loop(control)
        self._plant = work.plant
        self._pid = same_tuning(control)
        self._arguments = (work.plant.arrays, work.plant.actuator, work.plant.sensor, 1)
        self._tick = entry_point(plant_ticks, *self._arguments)
        work.plant.actuator.head["fan_rpm"] = FAN_RPM
        self.live(rest(SETTLED_S), room(SETTLED_S))

    def live(self, load_w: FloatArray, ambient_c: FloatArray) -> NDArray[Any]:
        """The truth, tick by tick."""
        truth = np.zeros(load_w.size, TRUTH)
        inputs, temperature_c = self._plant.inputs[0], self._plant.arrays.heat.temperature_c
        commands, seen = self._plant.actuator.head[0], self._plant.sensor.head[0]
        carrier = self._plant.arrays.cooling.cold
        for k, (load, ambient) in enumerate(zip(load_w.tolist(), ambient_c.tolist(), strict=True)):
            inputs["compute_power_w"], inputs["ambient_c"] = load, ambient
            self._tick(*self._arguments)
            measured_c = 0.5 * (read_c(seen["carrier_a_code"]) + read_c(seen["carrier_b_code"]))
            commands["tec_current_a"] = -(self._pid(measured_c, dt=TICK_S) or 0.0)
            truth["carrier_c"][k] = temperature_c[carrier]
        return truth

    def set_setpoint_c(self, setpoint_c: float) -> None:
        """Ask for another temperature."""
        self._pid.setpoint = setpoint_c


def same_tuning(config: ControlConfig) -> PID:
    """simple-pid with our gains: watts become amperes by S T_c at the set point."""
    watts_per_a = config.thermal_model.tec_seebeck_v_per_k * (SETPOINT_C + KELVIN)
    return PID(
        config.tec.pid.kp / watts_per_a,
        config.tec.pid.ki / watts_per_a,
        config.tec.pid.kd / watts_per_a,
        setpoint=SETPOINT_C,
        sample_time=None,
        output_limits=(-LIMIT_A, LIMIT_A),
    )


def read_c(code: int) -> float:
    """Temperature of one of the reference plant's thermistors, C."""
    return temperature_from_code(int(code), 10e3, 3435.0, 10e3)


def rest(seconds: float) -> FloatArray:
    """No load."""
    return np.zeros(round(seconds / TICK_S))


def room(seconds: float) -> FloatArray:
    """A room that stands."""
    return np.full(round(seconds / TICK_S), ROOM_C)


Found = dict[str, tuple[float, str, float]]
"""Name of a figure -> value, unit, target."""


def steady(rig: OurLoop | SimplePid) -> Found:
    """Nothing happens."""
    error_k = rig.live(rest(SETTLED_S), room(SETTLED_S))["carrier_c"] - SETPOINT_C
    return {"steady_rms": (rms_mk(error_k), "mK", 0.15)}


def load_step(rig: OurLoop | SimplePid) -> Found:
    """30 W at once, and off again."""
    load_w = rest(STEP_S) + LOAD_W
    error_k = rig.live(load_w, room(STEP_S))["carrier_c"] - SETPOINT_C
    rig.live(rest(SETTLED_S), room(SETTLED_S))
    return {
        "load_step_peak": (1e3 * float(np.abs(error_k).max()), "mK", 15.0),
        "load_step_settling": (settling_s(error_k), "s", 2.0),
    }


def setpoint_down(rig: OurLoop | SimplePid) -> Found:
    """45 to 25 C without load."""
    return setpoint_step(rig, "down", COLD_C, -1.0)


def setpoint_up(rig: OurLoop | SimplePid) -> Found:
    """25 to 45 C without load."""
    return setpoint_step(rig, "up", SETPOINT_C, 1.0)


def setpoint_step(rig: OurLoop | SimplePid, name: str, target_c: float, sign: float) -> Found:
    """Overshoot and time to stay within 10 mK; the plant then rests."""
    rig.set_setpoint_c(target_c)
    error_k = rig.live(rest(2 * STEP_S), room(2 * STEP_S))["carrier_c"] - target_c
    rig.live(rest(4 * SETTLED_S), room(4 * SETTLED_S))
    return {
        f"setpoint_{name}_overshoot": (max(float((sign * error_k).max()), 0.0), "K", 0.2),
        f"setpoint_{name}_settling": (settling_s(error_k), "s", 12.0),
    }


def random_hour(rig: OurLoop | SimplePid) -> Found:
    """Load on and off at random, in a room that swings."""
    ticks = round(HOUR_S / TICK_S)
    seconds = np.arange(ticks) * TICK_S
    ambient_c = ROOM_C + SWING_K * np.sin(2.0 * np.pi * seconds / SWING_PERIOD_S)
    error_k = rig.live(random_load_w(ticks), ambient_c)["carrier_c"] - SETPOINT_C
    return {"random_hour_rms": (rms_mk(error_k), "mK", 3.0)}


def random_load_w(ticks: int) -> FloatArray:
    """0 and 30 W in turn, each for an exponential dwell. Shape (ticks,)."""
    rng = np.random.default_rng(SEED)
    load_w, start, on = np.zeros(ticks), 0, False
    while start < ticks:
        dwell_s = max(DWELL_LEAST_S, float(rng.exponential(DWELL_MEAN_S)))
        end = start + round(dwell_s / TICK_S)
        load_w[start:end] = LOAD_W * on
        start, on = end, not on
    return load_w


def settling_s(error_k: FloatArray) -> float:
    """Time of the last departure from within 10 mK, s."""
    return settled_after_s(error_k, WITHIN_K, TICK_S)
