"""The believed plant's frequency response from TEC current to carrier sensor."""

import numpy as np

from lumina.control.arrays import numbers_of
from lumina.control.records import TICK_S
from lumina.control.thermal.records import THERMAL_MODEL
from lumina.theory.feedback import StateSpace
from lumina.theory.thermal_model import ThermalModel
from lumina.theory.thermal_rates import (
    CARRIER_SENSOR,
    STATES,
    air_conductance_w_per_k,
    thermal_step,
)

__all__ = ["plant_response"]

STEP = 0.05
"""Of the differences, K and A."""


def plant_response(
    model: ThermalModel, omega_rad_s: float, *, current_a: float, carrier_c: float, sink_c: float
) -> complex:
    """Response about a point of operation without load, K per A; negative real parts cool.

    Args:
        model: the plant.
        omega_rad_s: frequency, rad/s.
        current_a: TEC current there, A.
        carrier_c: carrier and die there, C.
        sink_c: sink there, C.
    """
    record = np.array([numbers_of(model, THERMAL_MODEL)], THERMAL_MODEL)[0]
    to_air = air_conductance_w_per_k(record, 0.0)
    nodes_c = np.tile([carrier_c, carrier_c, sink_c], 2)

    def step(
        moved: np.ndarray[tuple[int], np.dtype[np.float64]],
    ) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        states_c = nodes_c + moved[:STATES]
        thermal_step(
            record, states_c, current_a + float(moved[STATES]), to_air, 0.0, sink_c, TICK_S
        )
        return states_c

    columns = [(step(STEP * e) - step(-STEP * e)) / (2.0 * STEP) for e in np.eye(STATES + 1)]
    J = np.stack(columns, axis=1)
    output = np.eye(STATES)[CARRIER_SENSOR]
    plant = StateSpace(J[:, :STATES], J[:, STATES], output, 0.0, TICK_S)
    # A tick's current is in the sample at its end: no delay of a sample.
    at_once = np.exp(1j * omega_rad_s * TICK_S)
    return complex(plant.response(np.array([omega_rad_s]))[0] * at_once)
