"""What a believed plant would have shown: the model run along a record of its inputs."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.thermal.samples import Samples
from lumina.compiled import compiled
from lumina.control.records import TICK_S
from lumina.control.thermal.records import THERMAL_MODEL
from lumina.theory.peltier import peltier_flows
from lumina.theory.thermal_model import ThermalModel
from lumina.theory.thermal_rates import (
    CARRIER,
    CARRIER_SENSOR,
    DIE_SENSOR,
    SINK,
    SINK_SENSOR,
    air_conductance_w_per_k,
    module_of,
    thermal_step,
)

__all__ = ["CHANNELS", "averaged", "simulate"]

FloatArray = NDArray[np.float64]

DT_S = TICK_S

CHANNELS = ("carrier_c", "die_c", "sink_c", "tec_voltage_v")
"""What is predicted, in the order of the columns."""

LONGEST_GAP_TICKS = 1000
"""Over a longer gap in the samples the model is not carried tick by tick."""


@compiled
def run_model(
    model: Any,
    samples: Samples,
    compute_w: FloatArray,
    heater_share: float,
    air_offset_k: float,
    states_c: FloatArray,
    per_bin: int,
    seen: FloatArray,
) -> None:
    """Fill `seen`, shape (bins, channels), with the means of what would have been read.

    Args:
        model: record THERMAL_MODEL.
        samples: the inputs; the measured outputs are not looked at.
        compute_w: shape (samples,), the compute load's metered power as it was then, W.
        heater_share: true heater power over counted.
        air_offset_k: air at the sink less what the inlet's sensor shows, K.
        states_c: shape (STATES,), temperatures at the first sample, C; moved to the last.
        per_bin: samples in a bin.
        seen: carrier, die and sink sensors (C), voltage (V).
    """
    tec = module_of(model)
    voltage_v = tec.seebeck_v_per_k * (states_c[SINK] - states_c[CARRIER])
    seen[:] = 0.0
    for i in range(per_bin * seen.shape[0]):
        now, before = samples[i], samples[max(i - 1, 0)]
        heat_w = model.meter_gain * compute_w[i] + heater_share * before.heater_w
        air_c = now.inlet_c + air_offset_k
        to_air = air_conductance_w_per_k(model, now.fan_rpm)
        for _ in range(min(now.tick - before.tick, LONGEST_GAP_TICKS)):
            voltage_v = peltier_flows(tec, now.tec_current_a, states_c[CARRIER], states_c[SINK])[2]
            thermal_step(model, states_c, now.tec_current_a, to_air, heat_w, air_c, DT_S)
        row = seen[i // per_bin]
        row[0] += states_c[CARRIER_SENSOR] / per_bin
        row[1] += states_c[DIE_SENSOR] / per_bin
        row[2] += states_c[SINK_SENSOR] / per_bin
        row[3] += voltage_v / per_bin


def simulate(
    model: ThermalModel,
    samples: Samples,
    *,
    counted_by_ohm: float,
    start_c: FloatArray,
    air_offset_k: float,
    per_bin: int,
) -> FloatArray:
    """What the sensors would have shown of a plant that is as the model says.

    Args:
        model: the beliefs.
        samples: the record whose inputs are run through.
        counted_by_ohm: heater resistance by which the loop counted the heaters' power, ohm.
        start_c: shape (3,), die, carrier and sink at the start, C; their sensors too.
        air_offset_k: air at the sink less what the inlet's sensor shows, K.
        per_bin: samples that are averaged.

    Returns:
        Shape (bins, channels), in the order of `CHANNELS`.
    """
    record = np.array([tuple(model.model_dump().values())], THERMAL_MODEL)
    seen = np.empty((len(samples) // per_bin, len(CHANNELS)))
    run_model(
        record[0],
        samples,
        _undelayed(samples, model.meter_delay_s),
        counted_by_ohm / model.heater_resistance_ohm,
        air_offset_k,
        np.tile(start_c, 2),
        per_bin,
        seen,
    )
    return seen


def _undelayed(samples: Samples, delay_s: float) -> FloatArray:
    """Metered compute power at the time at which it was drawn."""
    ticks = samples["tick"]
    drawn = ticks - round(delay_s / TICK_S)
    return np.asarray(np.interp(ticks, drawn, samples["compute_w"]), np.float64)


def averaged(samples: Samples, per_bin: int) -> FloatArray:
    """The measured counterpart of `simulate`."""
    bins = len(samples) // per_bin
    columns = [samples[name][: bins * per_bin].reshape(bins, per_bin).mean(1) for name in CHANNELS]
    return np.stack(columns, axis=1)
