"""A run as a bench would leave it, made through the public writer in a moment."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lumina.store import TELEMETRY, Event, RunFolder, channel_columns, rail_columns

STARTED = datetime(2026, 7, 11, 14, 25, 30, tzinfo=UTC)

CONFIG: dict[str, Any] = {
    "name": "twin",
    "description": "A 16 x 16 mesh on the reference plant.",
    "control": {"main": {"guard": {"warning_c": 75, "critical_c": 85, "emergency_c": 95}}},
}

STAGES = {
    "bring-up": (0.0, 6.0),
    "calibrate": (6.0, 48.0),
    "classify": (48.0, 60.0),
    "disturb": (60.0, 110.0),
    "shut down": (110.0, 120.0),
}

ACCURACY = {
    "digital": 0.9694,
    "uncalibrated": 0.1083,
    "calibrated": 0.9667,
    "disturbed_no_control": 0.5472,
    "disturbed_tec_only": 0.9056,
    "disturbed_compensated": 0.9639,
}

RESULTS: dict[str, Any] = {
    "seed": 1,
    "accuracy": ACCURACY,
    "per_seed": [
        {
            "seed": 1 + number,
            "accuracy": ACCURACY
            | {"disturbed_no_control": 0.5472 + shift, "disturbed_tec_only": 0.9056 - shift / 3},
        }
        for number, shift in enumerate((-0.06, -0.02, 0.0, 0.03, 0.05))
    ],
    "digits": 360,
    "disturbance": {"inlet_step_k": 8.0, "compute_power_w": 60.0, "period_s": 25.0},
    "devices": {
        "main": {
            "state": "ready",
            "ticks": 120000,
            "lateness": {"missed": 3, "p50_us": 34.0, "p99_us": 75.2, "tier": "SCHED_FIFO"},
            "counters": {"operations": 51234, "failures": 0, "throttled_s": 0.0},
        }
    },
    "calibration": {"transfer_error": 0.0061, "measurements": 812},
}

RAILS = {"laser_3v3": 3.3, "dac_1v8": 1.8, "heater_12v": 12.0, "logic_1v0": 1.0}


def new_run(root: Path, **changes: Any) -> RunFolder:
    """A run folder that has just been started."""
    arguments: dict[str, Any] = {
        "config": CONFIG,
        "config_text": "name: twin\n",
        "seed": 1,
        "chip_seed": 7,
        "command": ["lumina", "run", "lab_configs/twin.yaml", "--virtual"],
        "started": STARTED,
    }
    return RunFolder.create(root, **(arguments | changes))


def cut_run(root: Path, **changes: Any) -> Path:
    """A run folder whose process ended right after the start."""
    run = new_run(root, **changes)
    run.close()
    return run.path


def telemetry(seconds: float = 120.0, rate_hz: float = 100.0) -> NDArray[Any]:
    """A lock at 45 C, then a hotter room and steps of the compute load."""
    rng = np.random.default_rng(1)
    t_s = np.arange(0, seconds, 1 / rate_hz)
    rows = np.zeros(t_s.size, TELEMETRY)
    disturbed = (t_s > 62) & (t_s < 108)
    pull_in = 20 * np.exp(-t_s / 1.5)
    step = 0.25 * np.sin(t_s / 1.7) * disturbed
    rows["t_s"] = t_s
    rows["setpoint_c"] = 45
    rows["carrier_c"] = 45 - pull_in + 0.3 * step + rng.normal(0, 0.002, t_s.size)
    rows["compute_power_w"] = np.where(disturbed, 40 + 20 * np.sign(np.sin(t_s / 4)), 40)
    rows["true_die_c"] = rows["carrier_c"] + 0.15 * rows["compute_power_w"]
    rows["true_die_c"][np.arange(t_s.size) % 10 != 0] = np.nan  # sampled now and then
    rows["die_estimate_c"] = rows["carrier_c"] + 0.15 * rows["compute_power_w"] + 0.01 * step
    rows["true_carrier_c"] = np.nan
    rows["inlet_c"] = 25 + 8 * np.clip((t_s - 62) / 30, 0, 1)
    rows["sink_c"] = rows["inlet_c"] + 13 * (1 - np.exp(-t_s / 12))
    rows["tec_current_a"] = 1.2 - 6 * np.exp(-t_s / 1.2) + step
    rows["tec_voltage_v"] = 2.1 * rows["tec_current_a"]
    rows["fan_set_rpm"] = np.clip(1500 + 40 * (rows["inlet_c"] - 25) ** 1.5, 0, 4000)
    rows["fan_rpm"] = rows["fan_set_rpm"] + rng.normal(0, 8, t_s.size)
    rows["heater_power_w"] = np.where(t_s > 6, 3.1 + 0.2 * np.sin(t_s / 3), 0)
    rows["laser_scale"] = t_s > 5
    rows["laser_power_w"] = 0.01 * rows["laser_scale"]
    rows["missed_ticks"] = np.where(t_s > 70, 3, 0)
    return rows


def rails(t_s: NDArray[np.float64]) -> NDArray[Any]:
    """Up one after the other from 0.2 s on, down in reverse from 117 s on."""
    rows = np.zeros(t_s.size, rail_columns(list(RAILS)))
    rows["t_s"] = t_s
    for number, (name, nominal_v) in enumerate(RAILS.items()):
        rise = np.clip((t_s - 0.2 - 0.3 * number) / 0.25, 0, 1)
        fall = np.clip((118.2 - 0.3 * number - t_s) / 0.25, 0, 1)
        rows[f"rail_{name}_v"] = nominal_v * np.minimum(rise, fall)
        rows[f"rail_{name}_a"] = 0.4 * rows[f"rail_{name}_v"]
    return rows


def calibration(shifters: int = 272) -> dict[str, NDArray[Any]]:
    """Arrays as a calibration stores them."""
    rng = np.random.default_rng(2)
    distance = np.abs(np.subtract.outer(np.arange(shifters), np.arange(shifters)))
    return {
        "residual_rad": rng.normal(0, 0.008, shifters),
        "tempco_rad_per_k": rng.normal(0, 0.075, shifters),
        "splitter_error_rad": rng.normal(0, 0.02, 2 * shifters),
        "visibility": 1 - np.abs(rng.normal(0, 0.003, shifters)),
        "crosstalk": np.exp(-distance / 2.0) * 0.01 + 1e-4 + np.eye(shifters),
        "gain": np.asarray(0.4 + 0.1j),
    }


def finished_run(root: Path, **changes: Any) -> Path:
    """A whole run that went well."""
    run = new_run(root, **changes)
    rows = telemetry()
    tables = {
        "telemetry": TELEMETRY,
        "rails": rail_columns(list(RAILS)),
        "drive": channel_columns(64, "drive_v"),
    }
    frames = run.open_frames(tables)
    frames.table("telemetry").extend(rows)
    frames.table("rails").extend(rails(rows["t_s"]))
    frames.table("drive").append(1.0, {"drive_v": np.linspace(0, 10, 64)})
    for name, (start_s, end_s) in STAGES.items():
        run.write_event(stage(start_s, name, "start"))
        run.write_event(stage(end_s, name, "end"))
    run.write_event(Event(71.2, "warning", "main", "missed", "3 ticks late", {"missed": 3}))
    run.save_arrays("calibration", calibration())
    run.finish("done", ended=STARTED + timedelta(seconds=58.3), results=RESULTS)
    return run.path


def stage(t_s: float, name: str, phase: str) -> Event:
    """The event that a stage of the run begins or ends with."""
    return Event(t_s, "info", "bench", "stage", f"{name}: {phase}", {"stage": name, "phase": phase})
