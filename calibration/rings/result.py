"""What a calibration found of a bank of micro-rings: enough to predict and to program it."""

from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from calibration.findings import Findings
from lumina.errors import CalibrationError
from lumina.theory.rings import Rings, WeightBank

__all__ = ["TYPICAL_CURVATURE", "TYPICAL_DIP", "TYPICAL_PEAK", "BankCalibration"]

FloatArray = NDArray[np.float64]

ROUTINE = "rings"
SCHEMA = 2

TYPICAL_CURVATURE = 0.08
"""Share of the drive's square that self-heating costs at 2 pi, by a heater's material."""

TYPICAL_PEAK, TYPICAL_DIP = 0.9, 0.03

ANYWHERE_RAD = 2.0 * np.pi / np.sqrt(12.0)
"""One sigma of a resonance that may lie anywhere in a free spectral range."""


@dataclass(frozen=True, eq=False)
class BankCalibration:
    """One bank, as known. Shapes are (shifters,) unless said otherwise.

        own phase    psi = phase_gain h,   V^2 = h + curvature h^2
        phase        phi0 + crosstalk psi + tempco (T_die - reference_die), a ring's theta
        reading      gain of the row x weight of `lumina.theory.rings`

    Attributes:
        architecture: channels, their spacing, and the rings' width by design.
        max_drive_v: highest heater drive, in V.
        phase_gain_rad_per_v2: small-signal phase per V^2, in rad/V^2.
        curvature_per_v2: self-heating of the heater, in 1/V^2.
        phi0_rad: round-trip phase off each ring's own channel, heaters off, in rad.
        crosstalk: shape (shifters, shifters), phase of the row's ring per own phase of the
            column's; 1 on the diagonal.
        tempco_rad_per_k: phase per kelvin of the die, in rad/K.
        width_rad: FWHM of each resonance, in rad.
        peak: share of the power that is dropped on resonance.
        dip: share that passes on resonance.
        channel: the channel that each ring serves, each once in every row.
        phase_uncertainty_rad: one sigma of phi0, in rad.
        row_gain: shape (ports,), reading of one channel at full power and weight 1, of the
            receivers' full scale.
        reference_die_c: die temperature that phi0 holds for, in C.
        weight_error: rms error of predicted weights on settings that the fit has not seen,
            noise removed; NaN where nothing was measured.
        measurements: transfer matrices measured, repeats counted.
    """

    architecture: WeightBank
    max_drive_v: float
    phase_gain_rad_per_v2: FloatArray
    curvature_per_v2: FloatArray
    phi0_rad: FloatArray
    crosstalk: FloatArray
    tempco_rad_per_k: FloatArray
    width_rad: FloatArray
    peak: FloatArray
    dip: FloatArray
    channel: NDArray[np.int64]
    phase_uncertainty_rad: FloatArray
    row_gain: FloatArray
    reference_die_c: float
    weight_error: float = float("nan")
    measurements: int = 0

    @property
    def good(self) -> NDArray[np.bool_]:
        """Shape (shifters,): whether each ring may be programmed; a bank with faults is refused."""
        return np.ones(self.architecture.shifters, bool)

    @property
    def rings(self) -> Rings:
        """The rings, for the equations."""
        return Rings(self.architecture.spacing_rad, self.width_rad, self.peak, self.dip)

    @classmethod
    def nominal(
        cls,
        architecture: WeightBank,
        phase_gain_rad_per_v2: float,
        *,
        max_drive_v: float,
        reference_die_c: float = 45.0,
    ) -> Self:
        """What a data sheet knows: equal rings on channels of their numbers, no more."""
        count = architecture.shifters
        curvature = TYPICAL_CURVATURE * phase_gain_rad_per_v2 / (2.0 * np.pi)
        return cls(
            architecture=architecture,
            max_drive_v=max_drive_v,
            phase_gain_rad_per_v2=np.full(count, phase_gain_rad_per_v2),
            curvature_per_v2=np.full(count, curvature),
            phi0_rad=np.zeros(count),
            crosstalk=np.eye(count),
            tempco_rad_per_k=np.zeros(count),
            width_rad=np.full(count, architecture.width_rad),
            peak=np.full(count, TYPICAL_PEAK),
            dip=np.full(count, TYPICAL_DIP),
            channel=np.tile(np.arange(architecture.ports), architecture.ports),
            phase_uncertainty_rad=np.full(count, ANYWHERE_RAD),
            row_gain=np.ones(architecture.ports),
            reference_die_c=reference_die_c,
        )

    def figures(self) -> dict[str, Any]:
        """How well it is known, by names that carry units; empty where nothing was measured."""
        if not self.measurements:
            return {}
        return {"weight_error": self.weight_error, "measurements": self.measurements}

    def __str__(self) -> str:
        if not self.measurements:
            return "by its data sheet"
        return f"weights known to {self.weight_error:.4f}, {self.measurements} measurements"

    def to_findings(self) -> Findings:
        """Everything, as the store and run folders keep it."""
        bank = self.architecture
        own = {field.name: getattr(self, field.name) for field in fields(self)}
        del own["architecture"]
        columns = {k: v for k, v in own.items() if isinstance(v, np.ndarray) and v.ndim == 1}
        return Findings(
            routine=ROUTINE,
            schema=SCHEMA,
            values={
                "ports": bank.ports,
                "spacing_rad": bank.spacing_rad,
                "design_width_rad": bank.width_rad,
                **{k: v for k, v in own.items() if not isinstance(v, np.ndarray)},
            },
            tables={
                "rows": {"row_gain": columns.pop("row_gain")},
                "rings": columns,
            },
            arrays={"crosstalk": self.crosstalk},
        )

    @classmethod
    def from_findings(cls, findings: Findings) -> Self:
        """The inverse of `to_findings`.

        Raises:
            CalibrationError: another schema, or arrays that are missing or of the wrong shape.
        """
        findings.require(ROUTINE, SCHEMA)
        record: dict[str, Any] = findings.everything()
        try:
            names = [field.name for field in fields(cls) if field.name != "architecture"]
            bank = WeightBank(record["ports"], record["spacing_rad"], record["design_width_rad"])
            found = cls(architecture=bank, **{name: record[name] for name in names})
        except (KeyError, TypeError, ValueError) as error:
            raise CalibrationError(f"not a calibration of a bank: {error!r}") from error
        found.check_shapes()
        return found

    def check_shapes(self) -> None:
        """Refuse arrays that do not fit the bank.

        Raises:
            CalibrationError: an array of the wrong shape or not finite, or a row with a channel
                that no ring serves.
        """
        count = self.architecture.shifters
        shapes = {"crosstalk": (count, count), "row_gain": (self.architecture.ports,)}
        for field in fields(self):
            value = getattr(self, field.name)
            if not isinstance(value, np.ndarray):
                continue
            shape = shapes.get(field.name, (count,))
            if value.shape != shape or not np.isfinite(value).all():
                raise CalibrationError(
                    f"{field.name} has shape {value.shape} (allowed: {shape}, finite)"
                )
        ports = self.architecture.ports
        plan = np.sort(self.channel.reshape(ports, ports), axis=1)
        if not np.array_equal(plan, np.tile(np.arange(ports), (ports, 1))):
            raise CalibrationError(f"channel: not each of 0 .. {ports - 1} once in every row")
