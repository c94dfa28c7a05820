"""A quick look at whether an identified plant is still the one that was identified.

A relay makes the carrier swing for some seconds, in a band of a few hundredths of a kelvin.
The swing is a point of the plant's frequency response, and the model says where it should
be: a TEC that has aged, a carrier that has come loose or a slower sensor moves it.
"""

from typing import NamedTuple

import numpy as np

from calibration.mesh.measuring import Progress
from calibration.thermal.excitation import until_swung
from calibration.thermal.options import ThermalOptions
from calibration.thermal.plant import PlantUnderTest
from calibration.thermal.procedure import hold, left_as_found
from calibration.thermal.relay import RelaySwing, analyse_swing
from calibration.thermal.response import plant_response
from calibration.thermal.result import ThermalIdentification
from calibration.thermal.samples import times_s
from calibration.thermal.watch import Watch
from lumina.control.thermal.records import Relay
from lumina.theory.thermistor import KELVIN

__all__ = ["ResponseCheck", "check_response"]

HALF_BAND_K = 0.03
SWINGS = 8
RATE_K_PER_S = 1.0


class ResponseCheck(NamedTuple):
    """The carrier's response to current, against the model's."""

    gain_share: float
    """Response over the model's, less 1."""
    turned_deg: float
    """Phase of the response less that of the model's."""
    swing: RelaySwing


async def check_response(
    plant: PlantUnderTest, found: ThermalIdentification, progress: Progress
) -> ResponseCheck:
    """Swing the carrier about its present set point; it is held there again afterwards.

    Raises:
        CalibrationError: no swing, or a temperature out of bounds.
        SafetyError: the guard ended it.
        DeviceError: the loop stands still.
    """
    loop = plant.loop
    target_c = float(loop.arrays.parameters["setpoint_c"][0])
    watch = Watch(plant, ThermalOptions())
    watch.keep_between(target_c, target_c)
    async with left_as_found(plant):
        relay = swinging_relay(plant, found, target_c)
        await plant.applied(loop.set_tec_relay(relay))
        seen = await until_swung(watch, "tec_current_a", SWINGS, lambda d: progress("swing", d))
    await hold(plant, progress)
    swing = analyse_swing(times_s(seen), seen["tec_current_a"], seen["carrier_c"], HALF_BAND_K)
    sink_c = float(np.median(seen["sink_c"]))
    expected = plant_response(
        found.model,
        swing.omega_rad_s,
        current_a=swing.mean_drive,
        carrier_c=target_c,
        sink_c=sink_c,
    )
    ratio = swing.response / expected
    return ResponseCheck(abs(ratio) - 1.0, float(np.degrees(np.angle(ratio))), swing)


def swinging_relay(plant: PlantUnderTest, found: ThermalIdentification, target_c: float) -> Relay:
    """Currents to either side of the one in force that move the carrier at the usual rate."""
    model, limit_a = found.model, plant.loop.config.tec.current_limit_a
    capacity = model.carrier_capacity_j_per_k + model.die_capacity_j_per_k
    step_a = RATE_K_PER_S * capacity / (model.tec_seebeck_v_per_k * (target_c + KELVIN))
    held_a = float(plant.loop.arrays.state["tec_current_a"][0])
    below_a, above_a = np.clip([held_a - step_a, held_a + step_a], -limit_a, limit_a)
    return Relay(target_c, HALF_BAND_K, float(below_a), float(above_a))
