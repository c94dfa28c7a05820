"""From a bench to its run folder: telemetry rows, rails, heater drives and events."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lumina.runtime.device import PhotonicDevice, Regulated
from lumina.store import TELEMETRY, RunFolder, channel_columns, rail_columns

if TYPE_CHECKING:
    from twin.plant import Plant

__all__ = ["Recorder"]

DRIVE_PERIOD_S = 1.0
"""Heater drives are recorded once a second: they are many and slow."""

COPIED = (
    *("carrier_c", "die_estimate_c", "sink_c", "inlet_c", "setpoint_c", "tec_current_a"),
    *("tec_voltage_v", "fan_rpm", "fan_set_rpm", "compute_power_w", "laser_scale"),
    *("laser_power_w", "heater_power_w", "tier"),
)


class Recorder:
    """Records one bench into one run folder.

    With one device the tables are called ``telemetry``, ``rails`` and ``drive``; with more
    each name is prefixed by the device's. A carrier without a board has a table of telemetry,
    with its TEC controller's name before it.

    Args:
        folder: the run folder; its owner finishes it.
        devices: the devices to record.
        plants: the twin of each by name, for the columns of truth; absent on hardware.
        carriers: carriers without a board.
    """

    def __init__(
        self,
        folder: RunFolder,
        devices: Sequence[PhotonicDevice],
        plants: "dict[str, Plant]",
        carriers: Sequence[Regulated] = (),
    ) -> None:
        self._prefix = {d.name: f"{d.name}_" if len(devices) > 1 else "" for d in devices}
        self._plants = plants
        tables: dict[str, np.dtype[Any]] = {}
        for device in devices:
            prefix = self._prefix[device.name]
            rails = [rail.name for rail in device.config.rails]
            tables[f"{prefix}telemetry"] = TELEMETRY
            tables[f"{prefix}rails"] = rail_columns(rails)
            tables[f"{prefix}drive"] = channel_columns(device.loop.heaters, "drive_v")
        self._drive_due_s = dict.fromkeys(self._prefix, 0.0)
        for carrier in carriers:
            self._prefix[carrier.name] = f"{carrier.name}_"
            tables[f"{carrier.name}_telemetry"] = TELEMETRY
        self._frames = folder.open_frames(tables)

    def record(
        self, device: Regulated, rows: NDArray[Any], *, started_s: float, missed: int
    ) -> None:
        """Append telemetry rows of one device.

        Args:
            device: whose rows they are.
            rows: shape (rows,), dtype `lumina.control.records.TELEMETRY`.
            started_s: bench time of the loop's tick 0, s.
            missed: ticks missed by the loop so far.

        Raises:
            StoreError: the run folder cannot be written.
        """
        if rows.size == 0:
            return
        prefix = self._prefix[device.name]
        t_s = started_s + rows["tick"] * device.loop.period_s
        table = self._telemetry(device, rows, missed)
        table["t_s"] = t_s
        self._frames.table(f"{prefix}telemetry").extend(table)
        if not isinstance(device, PhotonicDevice):
            return
        rails = rail_rows(device, rows)
        rails["t_s"] = t_s
        self._frames.table(f"{prefix}rails").extend(rails)
        if t_s[-1] >= self._drive_due_s[device.name]:
            self._drive_due_s[device.name] = t_s[-1] + DRIVE_PERIOD_S
            drive = {"drive_v": device.loop.heater_drive_v()}
            self._frames.table(f"{prefix}drive").append(float(t_s[-1]), drive)

    def _telemetry(self, device: Regulated, rows: NDArray[Any], missed: int) -> NDArray[Any]:
        table = np.zeros(rows.size, TELEMETRY)
        for column in COPIED:
            table[column] = rows[column]
        table["missed_ticks"] = missed
        plant = self._plants.get(device.name)
        truth = plant.temperatures_c() if plant is not None else {}
        table["true_die_c"] = table["true_carrier_c"] = np.nan
        if truth:  # sampled when the rows are fetched: the newest row's truth
            table["true_die_c"][-1] = truth["die"]
            table["true_carrier_c"][-1] = truth["carrier"]
        return table


def rail_rows(device: PhotonicDevice, rows: NDArray[Any]) -> NDArray[Any]:
    """Rows of the rails table: one voltage and one current column per rail."""
    names = [rail.name for rail in device.config.rails]
    table = np.zeros(rows.size, rail_columns(names))
    for index, name in enumerate(names):
        table[f"rail_{name}_v"] = rows["rail_voltage_v"][:, index]
        table[f"rail_{name}_a"] = rows["rail_current_a"][:, index]
    return table
