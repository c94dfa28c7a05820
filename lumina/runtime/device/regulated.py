"""A carrier that a control loop holds: how it stands, and what becomes of it."""

from lumina.control.config import ControlConfig
from lumina.control.loop import ControlLoop
from lumina.control.records import TecMode, Tier
from lumina.errors import DeviceStateError, ThermallyUnsafeError
from lumina.runtime.device.settling import LockCriterion, Settling
from lumina.runtime.device.state import DeviceState

__all__ = ["Regulated"]


class Regulated:
    """A chip's carrier under a control loop.

    Attributes:
        name: in the lab config: the board's, or the TEC controller's where there is none.
        config: what the loop is told.
        loop: the control loop.
        settling: waits for what was commanded to stand.
        lifecycle: how far bring-up has come, the guard's word left out.
        trouble: why it has to be brought up again, in words; empty while it has not.
        attended: whether the host looks after it; a fault may have it look away.
        relit: whether a calibration has the laser otherwise than the lab config says; its light
            is not judged meanwhile.
    """

    def __init__(
        self, name: str, config: ControlConfig, loop: ControlLoop, lock: LockCriterion
    ) -> None:
        self.name, self.config, self.loop = name, config, loop
        self.settling = Settling(loop, lock, self._require_up)
        self.lifecycle = DeviceState.UNINITIALISED
        self.trouble = ""
        self.attended = True
        self.relit = False

    # How it stands

    @property
    def state(self) -> DeviceState:
        """State of the device, the guard's word included."""
        if self.lifecycle is DeviceState.READY and self.tier >= Tier.CRITICAL:
            return DeviceState.THERMAL_LIMIT
        return self.lifecycle

    @property
    def tier(self) -> Tier:
        """Tier of the thermal guard."""
        return Tier(int(self.loop.arrays.state["tier"][0]))

    @property
    def is_regulated(self) -> bool:
        """Whether the loop regulates the carrier's temperature."""
        return int(self.loop.arrays.state["tec_mode"][0]) == TecMode.REGULATE

    def chip_c(self) -> float:
        """Temperature that the guard judges the chip by: its die, or its carrier, C."""
        return float(self.loop.arrays.state["guard"]["judged_c"][0])

    # What becomes of it

    def fail(self, why: str) -> None:
        """It cannot work, for as long as what is wrong lasts."""
        self._fall(DeviceState.ERROR, why)

    def come_down(self, why: str) -> None:
        """Nothing is wrong any more, but it has to be brought up again."""
        self._fall(DeviceState.UNINITIALISED, why)

    def come_up(self) -> None:
        """It is brought up."""
        self.lifecycle, self.trouble = DeviceState.READY, ""

    def unsafe(self) -> ThermallyUnsafeError:
        """The guard's refusal, with its reasons."""
        tier, found = self.tier.name.lower(), self.loop.guard_findings()
        return ThermallyUnsafeError(self.name, tier, self.chip_c(), found)

    # Inside

    def _fall(self, state: DeviceState, why: str) -> None:
        if self.lifecycle is not DeviceState.SHUTDOWN:
            self.lifecycle, self.trouble = state, why

    def _require_up(self) -> None:
        if self.lifecycle not in (DeviceState.READY, DeviceState.INITIALISING):
            text = "bring the device up first"
            if self.trouble:
                text = f"{self.trouble}; bring the device up again"
            raise DeviceStateError(self.name, text, self.lifecycle.value)
