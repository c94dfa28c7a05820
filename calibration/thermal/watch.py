"""Following an identification: every sample kept, and an end made when it leaves its bounds."""

import asyncio
from collections.abc import Sequence

import numpy as np

from calibration.thermal.options import ThermalOptions
from calibration.thermal.plant import PlantUnderTest
from calibration.thermal.samples import SAMPLE, Samples, samples_of
from lumina.control.guard.reasons import Reason, bit
from lumina.control.guard.words import words_in
from lumina.control.records import Tier
from lumina.errors import CalibrationError, DeviceTimeoutError, ThermallyUnsafeError

__all__ = ["Watch"]

POLL_S = 0.05
"""The ring holds a second of samples at 1 kHz."""

SILENT_S = 1.0

FULL_RATE_HZ = 1000.0

HEAT = bit(Reason.DIE_HOT) | bit(Reason.CARRIER_HOT) | bit(Reason.SINK_HOT)
"""What the guard finds besides heat is looked at here, closer than the guard can."""


class Watch:
    """Keeps the samples of one identification, and its bounds.

    Attributes:
        lost: samples that were overwritten before they were read.
    """

    def __init__(self, plant: PlantUnderTest, options: ThermalOptions) -> None:
        self._plant, self._options = plant, options
        self._cursor = plant.loop.rows_since(0)[1]
        self._kept: list[Samples] = []
        self._silent_s = 0.0
        self._bounds_c = -np.inf, np.inf
        self.lost = 0

    def samples(self, since: int = 0) -> Samples:
        """What was kept from the `since`-th look on, in one piece."""
        return np.concatenate([np.empty(0, SAMPLE), *self._kept[since:]])

    def keep_between(self, one_c: float, other_c: float) -> None:
        """Say where the carrier is meant to be from now on, C."""
        margin_k = self._options.abort_k
        self._bounds_c = min(one_c, other_c) - margin_k, max(one_c, other_c) + margin_k

    def newest(self, name: str) -> float:
        """A value of the newest sample."""
        return float(self._kept[-1][name][-1])

    async def follow(self, duration_s: float) -> Samples:
        """Keep samples for a while; returns those.

        Raises:
            ThermallyUnsafeError: the guard finds it too warm, or has shut it down.
            CalibrationError: a temperature out of bounds, or a sensor that cannot be read.
            DeviceTimeoutError: the loop stands still.
        """
        since = len(self._kept)
        for _ in range(max(1, round(duration_s / POLL_S))):
            await asyncio.sleep(POLL_S)
            self._look()
        return self.samples(since)

    def _look(self) -> None:
        """Take in what was measured since the last look."""
        name = self._plant.name
        rows, self._cursor, lost = self._plant.loop.rows_since(self._cursor)
        self.lost += lost
        self._silent_s = 0.0 if rows.size else self._silent_s + POLL_S
        if self._silent_s >= SILENT_S:
            raise DeviceTimeoutError(name, "the 1 kHz loop stands still")
        if not rows.size:
            return
        samples = samples_of(rows)
        self._kept.append(samples)
        self._check_sensors(samples, words_in(rows[-1]))
        worst = rows[np.argmax(rows["tier"])]
        if worst["tier"] == Tier.EMERGENCY or int(worst["reasons"]) & HEAT:
            tier = Tier(int(worst["tier"])).name.lower()
            die_c = float(worst["die_estimate_c"])
            raise ThermallyUnsafeError(name, tier, die_c, words_in(worst))
        self._check_bounds(samples)

    def _check_sensors(self, samples: Samples, found: Sequence[str]) -> None:
        """Refuse to go on blind; `found` is what the guard found."""
        name = self._plant.name
        for sensor in ("carrier_c", "die_c", "sink_c"):
            if not np.isfinite(samples[sensor]).all():
                where = sensor.removesuffix("_c")
                because = f" ({', '.join(found)})" if found else ""
                raise CalibrationError(f"{name}: the {where}'s temperature cannot be read{because}")

    def _check_bounds(self, samples: Samples) -> None:
        """Heed where the temperatures may go."""
        name, options = self._plant.name, self._options
        sink_c = float(samples["sink_c"].max())
        if sink_c > options.sink_limit_c:
            raise CalibrationError(
                f"{name}: the sink reached {sink_c:.1f} C (allowed: {options.sink_limit_c:g} C)"
            )
        low_c, high_c = self._bounds_c
        coldest_c, hottest_c = float(samples["carrier_c"].min()), float(samples["carrier_c"].max())
        if coldest_c < low_c or hottest_c > high_c:
            went_c = coldest_c if coldest_c < low_c else hottest_c
            raise CalibrationError(
                f"{name}: the carrier went to {went_c:.1f} C "
                f"(allowed: {low_c:.1f} .. {high_c:.1f} C)"
            )
