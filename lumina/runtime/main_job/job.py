"""The main job: held-out digits read in the light, first in peace, then disturbed.

Six accuracies are measured on one bench, each a fraction of the held-out digits:

    digital                  the network in float64
    uncalibrated             the chip programmed from its data sheet
    calibrated               the chip programmed from its calibration
    disturbed_no_control     the room warms and the compute load steps, with TEC and fan
                             frozen at their bring-up values
    disturbed_tec_only       the same with temperature control alone
    disturbed_compensated    the same with phase-drift compensation as well
"""

import asyncio
from dataclasses import dataclass

from calibration.programming import Calibration
from lumina.control.records import FanMode, TecMode
from lumina.engines.digits import DigitClassifier, DigitSet, accuracy
from lumina.errors import UsageError
from lumina.runtime.bench import Bench
from lumina.runtime.config import DisturbanceConfig
from lumina.runtime.device import PhotonicDevice
from lumina.runtime.environment import Environment

__all__ = ["SCENARIOS", "DigitJob", "JobResult"]


@dataclass(frozen=True)
class Scenario:
    """One way of living through the disturbance."""

    name: str
    regulated: bool
    compensated: bool
    message: str


SCENARIOS = (
    Scenario("disturbed_no_control", False, False, "disturbed, TEC and fan frozen"),
    Scenario("disturbed_tec_only", True, False, "disturbed, temperature control alone"),
    Scenario("disturbed_compensated", True, True, "disturbed, with phase compensation"),
)


@dataclass(frozen=True)
class JobResult:
    """What one run of the job measured.

    Attributes:
        accuracy: fraction of held-out digits read correctly, by the names above.
        digits: held-out digits.
        tiles: matrices programmed per reading of the whole set.
        calibration: the calibration that was used.
        stored_version: its version, if it was a stored one; None if it was measured now.
    """

    accuracy: dict[str, float]
    digits: int
    tiles: int
    calibration: Calibration
    stored_version: int | None


class DigitJob:
    """Runs the job on one bench.

    Args:
        bench: an open bench with one photonic processor.
        digits: the data.
        network: the trained network.
        seed: seed of the calibration's own choices (drive settings).
        recalibrate: measure the chip even if bring-up found a calibration that holds.
    """

    def __init__(
        self,
        bench: Bench,
        digits: DigitSet,
        network: DigitClassifier,
        *,
        seed: int,
        recalibrate: bool = False,
    ) -> None:
        self._bench = bench
        self._device: PhotonicDevice = bench.device
        self._digits = digits
        self._network = network
        self._seed = seed
        self._stored = None if recalibrate else self._device.calibration
        self._accuracy: dict[str, float] = {}

    async def run(self) -> JobResult:
        """Run every part in order.

        Raises:
            CalibrationError: the chip could not be learned.
            SafetyError: the guard or a rail ended it.
            UsageError: the bench is real, so nothing can disturb its room.
        """
        environment = self._bench.environment
        if environment is None:
            raise UsageError("the main job disturbs the room, which only a twin has")
        labels = self._network.predict_digitally(self._digits.test_images)
        self._tell("digital", accuracy(labels, self._digits.test_labels))
        await self._device.install(self._device.data_sheet())
        await self._read("uncalibrated", "digits with data-sheet phases")
        calibration = await self._calibration()
        await self._read("calibrated", "digits with calibrated phases")
        for scenario in SCENARIOS:
            await self._disturbed(scenario, environment)
        return JobResult(
            accuracy=dict(self._accuracy),
            digits=len(self._digits.test_labels),
            tiles=self._network.tiles(self._device.ports),
            calibration=calibration,
            stored_version=None if self._stored is None else max(self._device.uses.values()),
        )

    async def _calibration(self) -> Calibration:
        """What bring-up found in the store, or else what is measured now."""
        if self._stored is None:
            return await self._calibrate()
        await self._device.install(self._stored)
        return self._stored

    async def _calibrate(self) -> Calibration:
        journal = self._bench.journal
        with journal.stage("calibrate", "learning the chip through its own interfaces"):
            calibration = await self._device.calibrate(
                seed=self._seed,
                progress=lambda step, done: journal.pulse("calibrate", step=step, fraction=done),
            )
        text = f"{self._device.name}: {calibration}"
        journal.tell(self._device.name, "calibrated", text, **calibration.figures())
        return calibration

    async def _read(self, name: str, message: str) -> None:
        with self._bench.journal.stage(name, message):
            labels = await self._network.predict(self._device, self._digits.test_images)
        self._tell(name, accuracy(labels, self._digits.test_labels))

    async def _disturbed(self, scenario: Scenario, environment: Environment) -> None:
        device, loop = self._device, self._device.loop
        calm_c, calm_w = environment.ambient_c, environment.compute_power_w
        if not scenario.regulated:
            loop.set_tec_mode(TecMode.HOLD)
            loop.set_fan_mode(FanMode.HOLD)
        await device.settling.applied(loop.set_compensation(scenario.compensated))
        try:
            with self._bench.journal.stage("disturb", scenario.message):
                await disturb(environment, self._bench.config.job.disturbance)
            await self._read(scenario.name, scenario.message)
        finally:
            environment.set_ambient_c(calm_c)
            environment.set_compute_power_w(calm_w)
            loop.set_compensation(True)
            loop.set_fan_mode(FanMode.REGULATE)
            loop.set_tec_mode(TecMode.REGULATE)
        with self._bench.journal.stage("recover", "room and load as before"):
            await device.settling.carrier_locked()

    def _tell(self, name: str, value: float) -> None:
        self._accuracy[name] = value
        text = f"{name}: {value:.1%} of {len(self._digits.test_labels)} digits"
        self._bench.journal.tell("job", "accuracy", text, name=name, accuracy=value)


async def disturb(environment: Environment, disturbance: DisturbanceConfig) -> None:
    """Warm the room over its ramp, step the compute load, and wait."""
    environment.set_compute_power_w(environment.compute_power_w + disturbance.compute_step_w)
    warm_c = environment.ambient_c + disturbance.ambient_step_k
    await environment.ramp_ambient_c(warm_c, disturbance.ambient_ramp_s)
    await asyncio.sleep(disturbance.dwell_s)
