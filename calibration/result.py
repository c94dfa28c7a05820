"""What a calibration found: one chip's parameters, and how well they are known."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from lumina.errors import CalibrationError
from lumina.theory.mesh import MeshArchitecture

__all__ = ["CalibrationQuality", "ChipCalibration"]

FloatArray = NDArray[np.float64]

SCHEMA = 1
"""Version of `ChipCalibration.to_arrays`; a file of another one is refused."""


@dataclass(frozen=True, eq=False)
class CalibrationQuality:
    """How the calibration went.

    Attributes:
        fringe_amplitude: shape (shifters,), radius of each heater's fringe: the norm of what
            it turns in the transfer matrix, in units of the receivers' full scale.
        visibility: shape (shifters,), share of a sweep's change, noise removed, that is one
            shifter turning on a circle: 1 is a clean fringe.
        phase_uncertainty_rad: shape (shifters,), one sigma of a shifter's phase from its
            own fringe, in rad.
        noise: rms noise of one measured matrix element, of full scale.
        transfer_error: relative Frobenius error of the predicted transfer matrix, on
            settings that the fit has not seen, noise removed.
        residual_rad: the same as an equivalent rms phase error on every shifter, in rad.
        measurements: transfer matrices measured, repeats counted.
    """

    fringe_amplitude: FloatArray
    visibility: FloatArray
    phase_uncertainty_rad: FloatArray
    noise: float
    transfer_error: float
    residual_rad: float
    measurements: int


@dataclass(frozen=True, eq=False)
class ChipCalibration:
    """One chip, as known: all that is needed to predict its transfer and to program it.

        own phase    psi = phase_gain h,   V^2 = h + curvature h^2
        phase        phi0 + crosstalk psi + tempco (T_die - reference_die)
        transfer     gain * mesh(phase, splitter errors) / (transmission of the mean path)

    Attributes:
        architecture: ports and arrangement of the chip.
        max_drive_v: highest heater drive, in V.
        phase_gain_rad_per_v2: shape (shifters,), small-signal phase per V^2, in rad/V^2.
        curvature_per_v2: shape (shifters,), self-heating of the heater, in 1/V^2.
        phi0_rad: shape (shifters,), phase with all heaters off at the reference, in rad.
        splitter_error_rad: shape (splitters,), deviation of the couplers from pi/4, in rad.
        crosstalk: shape (shifters, shifters), phase of the row's shifter per own phase of the
            column's; 1 on the diagonal.
        tempco_rad_per_k: shape (shifters,), phase per kelvin of the die, in rad/K.
        gain: what the receivers see where a programmed matrix has 1, of full scale: the mean
            path's transmission.
        interferometer_amplitude: field transmission of one interferometer, 0 to 1 or so.
        reference_die_c: die temperature that phi0 holds for, in C.
        quality: how the calibration went; None where nothing was measured.
    """

    architecture: MeshArchitecture
    max_drive_v: float
    phase_gain_rad_per_v2: FloatArray
    curvature_per_v2: FloatArray
    phi0_rad: FloatArray
    splitter_error_rad: FloatArray
    crosstalk: FloatArray
    tempco_rad_per_k: FloatArray
    gain: complex
    interferometer_amplitude: float
    reference_die_c: float
    quality: CalibrationQuality | None = None

    @classmethod
    def nominal(
        cls,
        architecture: MeshArchitecture,
        phase_gain_rad_per_v2: float,
        *,
        max_drive_v: float,
        reference_die_c: float = 45.0,
    ) -> Self:
        """What a data sheet knows: equal heaters, no offsets, no errors."""
        count = architecture.shifters
        return cls(
            architecture=architecture,
            max_drive_v=max_drive_v,
            phase_gain_rad_per_v2=np.full(count, phase_gain_rad_per_v2),
            curvature_per_v2=np.zeros(count),
            phi0_rad=np.zeros(count),
            splitter_error_rad=np.zeros(architecture.splitters),
            crosstalk=np.eye(count),
            tempco_rad_per_k=np.zeros(count),
            gain=1.0 + 0.0j,
            interferometer_amplitude=1.0,
            reference_die_c=reference_die_c,
        )

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Everything as named arrays, for a run folder; scalars have no dimension."""
        own = {field.name: getattr(self, field.name) for field in fields(self)}
        del own["architecture"], own["quality"]
        own |= {"schema": SCHEMA, "ports": self.architecture.ports, "kind": self.architecture.kind}
        if self.quality is not None:
            own |= vars(self.quality)
        return {name: np.asarray(value) for name, value in own.items()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """The inverse of `to_arrays`.

        Raises:
            CalibrationError: another schema, or arrays that are missing or of the wrong shape.
        """
        try:
            if int(arrays["schema"]) != SCHEMA:
                raise CalibrationError(f"schema {arrays['schema']} (allowed: {SCHEMA})")
            architecture = MeshArchitecture(int(arrays["ports"]), str(arrays["kind"]))  # type: ignore[arg-type]
            quality = _picked(CalibrationQuality, arrays) if "noise" in arrays else {}
            own = _picked(cls, arrays) | {"architecture": architecture}
            found = cls(**own, quality=CalibrationQuality(**quality) if quality else None)
        except (KeyError, TypeError, ValueError) as error:
            raise CalibrationError(f"not a calibration: {error}") from error
        found.check_shapes()
        return found

    def check_shapes(self) -> None:
        """Refuse arrays that do not fit the architecture.

        Raises:
            CalibrationError: an array of the wrong shape or not finite.
        """
        count = self.architecture.shifters
        shapes = {"crosstalk": (count, count), "splitter_error_rad": (self.architecture.splitters,)}
        for field in fields(self):
            value = getattr(self, field.name)
            if not isinstance(value, np.ndarray):
                continue
            shape = shapes.get(field.name, (count,))
            if value.shape != shape or not np.isfinite(value).all():
                raise CalibrationError(
                    f"{field.name} has shape {value.shape} (allowed: {shape}, finite)"
                )


def _picked(record: type, arrays: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
    """Those arrays that are the record's fields; those without a dimension as numbers."""
    names = {field.name for field in fields(record)} - {"architecture", "quality"}
    return {name: arrays[name].item() if arrays[name].ndim == 0 else arrays[name] for name in names}
