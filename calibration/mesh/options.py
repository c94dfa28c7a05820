"""How much a calibration measures, and how well it is to know the chip."""

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from calibration.mesh.measuring import BASE_LOOKS, FIRST_LOOKS
from lumina.theory.mesh import MeshArchitecture

__all__ = ["CalibrationOptions"]

_WALK_RAD = 0.03
"""Uncertainty that a walk across the whole chip may add up to, in rad."""

_LEAST_SETTING_REPEATS, _MOST_REPEATS = 32, 256


class CalibrationOptions(BaseModel):
    """How much to measure. Repeats follow from the noise that is found."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    carrier_c: float = Field(
        45.0, ge=0, le=90, description="carrier set point that the chip is used at, C"
    )
    sweep_points: int = Field(4, ge=4, le=64, description="drives per heater, besides the base")
    settings: int = Field(32, ge=8, le=1000, description="random settings of the first batch")
    batches: int = Field(
        4, ge=1, le=100, description="most batches of settings before it is given up"
    )
    phase_uncertainty_rad: float = Field(
        6e-4, gt=0, le=0.1, description="uncertainty of a phase at which to stop, median, rad"
    )
    warm_k: float = Field(2.0, gt=0, le=5, description="carrier step for the phase per kelvin, K")
    warm_settings: int = Field(6, ge=3, le=100, description="random settings at the warm carrier")
    check_settings: int = Field(4, ge=1, le=100, description="settings kept from the fit")

    def sweep_repeats(self, noise: float, radius: float, ports: int) -> int:
        """Measurements averaged per drive of a sweep.

        Args:
            noise: rms of one element of one measurement, of full scale.
            radius: of a fringe, of full scale.
            ports: interferometers that a walk meets: their uncertainties add up.
        """
        once_rad = noise / radius / np.sqrt(2.0 * self.sweep_points)
        return _repeats(once_rad, _WALK_RAD / np.sqrt(ports), 1)

    def setting_repeats(self, noise: float, radius: float) -> int:
        """Measurements averaged per random setting: three parameters share what they tell."""
        once_rad = noise / radius * np.sqrt(3.0 / self.settings)
        return _repeats(once_rad, self.phase_uncertainty_rad, _LEAST_SETTING_REPEATS)

    def measurements(
        self,
        architecture: MeshArchitecture,
        noise: float = 2e-3,
        radius: float = 0.5,
        *,
        tapped: bool = False,
    ) -> int:
        """Transfer matrices that a calibration takes if all goes well, repeats counted.

        Args:
            architecture: the chip's arrangement.
            noise: rms of one element of one measurement, of full scale.
            radius: of a fringe, of full scale.
            tapped: whether there are taps inside the mesh: no heater is swept alone then.
        """
        settings = self.settings + self.warm_settings + self.check_settings
        fixed = FIRST_LOOKS + settings * self.setting_repeats(noise, radius)
        if tapped:
            return fixed + BASE_LOOKS
        bases = BASE_LOOKS * (2 if architecture.attenuators else 1)
        swept = bases + (architecture.shifters + architecture.attenuators) * self.sweep_points
        return fixed + swept * self.sweep_repeats(noise, radius, architecture.ports)


def _repeats(once_rad: float, wanted_rad: float, least: int) -> int:
    return int(np.clip(np.ceil((once_rad / wanted_rad) ** 2), least, _MOST_REPEATS))
