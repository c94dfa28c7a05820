"""Records that a plant with known parameters would have left, made without any bench."""

import numpy as np

from calibration.thermal.samples import SAMPLE, Samples
from calibration.thermal.simulation import CHANNELS, simulate
from lumina.theory.thermal_model import ThermalModel

__all__ = ["TRUTH", "record_of"]

TRUTH = ThermalModel(
    die_capacity_j_per_k=0.9,
    die_resistance_k_per_w=0.17,
    heater_resistance_ohm=850.0,
    meter_gain=0.95,
    carrier_capacity_j_per_k=37.0,
    tec_seebeck_v_per_k=0.047,
    tec_resistance_ohm=0.82,
    tec_conductance_w_per_k=0.95,
    sink_capacity_j_per_k=160.0,
    still_air_k_per_w=0.98,
    full_speed_k_per_w=0.14,
    fan_exponent=0.8,
    fan_spin_up_s=0.45,
    carrier_lag_s=0.19,
    die_lag_s=0.23,
    sink_lag_s=0.2,
)

NOISE = {"carrier_c": 7e-4, "die_c": 1e-3, "sink_c": 1e-3, "tec_voltage_v": 0.0}


def moved(duration_s: float, rate_hz: float) -> Samples:
    """Inputs that move everything: currents of both signs and sizes, fan, heaters, load."""
    samples = np.zeros(round(duration_s * rate_hz), SAMPLE)
    samples["tick"] = np.arange(len(samples)) * round(1000 / rate_hz)
    t_s = samples["tick"] / 1000.0
    size = np.array([2.5, 5.0, 1.0, 4.0])[(t_s // 15).astype(int) % 4]
    samples["tec_current_a"] = np.where(t_s % 3.0 < 1.5, size, -size)
    samples["fan_set_rpm"] = np.array([0.0, 4000.0, 1000.0])[(t_s // 12).astype(int) % 3]
    share = 1.0 - np.exp(-1.0 / rate_hz / TRUTH.fan_spin_up_s)
    for i in range(1, len(samples)):
        before = samples[i - 1]
        samples["fan_rpm"][i] = before["fan_rpm"] + share * (
            before["fan_set_rpm"] - before["fan_rpm"]
        )
    samples["heater_w"] = np.where(t_s % 7.0 < 3.0, 1.0, 0.0)
    samples["inlet_c"] = 24.7
    return samples


def record_of(
    truth: ThermalModel = TRUTH,
    *,
    duration_s: float = 45.0,
    rate_hz: float = 1000.0,
    load_w: float = 0.0,
    seed: int = 1,
) -> Samples:
    """A record with noise; the load, if any, comes and goes, and is metered late."""
    samples = moved(duration_s, rate_hz)
    samples["compute_w"] = np.where(samples["tick"] % 9000 < 4000, load_w, 0.0)
    seen = simulate(
        truth,
        samples,
        counted_by_ohm=800.0,
        start_c=np.array([44.0, 44.0, 29.0]),
        air_offset_k=0.3,
        per_bin=1,
    )
    noise = np.random.default_rng(seed)
    for column, name in enumerate(CHANNELS):
        samples[name] = seen[:, column] + NOISE[name] * noise.normal(size=len(samples))
    return samples
