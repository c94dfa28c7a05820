"""What a calibration found: one chip's parameters, and how well they are known."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from calibration.faults import ChannelFault, Fault, Part, fault_columns, faults_in
from calibration.findings import Findings
from lumina.errors import CalibrationError
from lumina.theory.mesh import MeshArchitecture

__all__ = ["CalibrationQuality", "ChipCalibration"]

FloatArray = NDArray[np.float64]

ROUTINE = "mesh"
"""Name of the routine whose findings these are."""

SCHEMA = 3
"""Version of `ChipCalibration.to_findings`; findings of another one are refused."""


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
        transfer     gain * diag(output_gain) T diag(input_gain)
        T            mesh(phase, splitter errors, losses) / (transmission of the mean path)

    Shifters count by the board's channels; `channel` says which place in the mesh each
    belongs to, and `receiver` the same of the outputs.

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
        interferometer_amplitude: shape (interferometers,), field transmission of each, 0 to 1
            or so.
        output_gain: shape (ports,), of each output's facet and receiver, relative to the mean.
        input_gain: shape (ports,), of each input's modulator and facet, relative to the mean.
        receiver_offset: shape (ports,), what each receiver reads in the dark, of full scale.
        channel: shape (shifters,), by place in the mesh: the channel that drives it.
        receiver: shape (ports,), by output of the mesh: the receiver that sees it.
        reference_die_c: die temperature that phi0 holds for, in C.
        quality: how the calibration went; None where nothing was measured.
        faults: what is wrong with channels. A faulty shifter's numbers describe it as it
            stands, undriven; it is not to be programmed. Swapped ones are put right by
            `channel` and `receiver`.
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
    interferometer_amplitude: FloatArray
    output_gain: FloatArray
    input_gain: FloatArray
    receiver_offset: NDArray[np.complex128]
    channel: NDArray[np.int64]
    receiver: NDArray[np.int64]
    reference_die_c: float
    quality: CalibrationQuality | None = None
    faults: tuple[ChannelFault, ...] = ()

    @property
    def good(self) -> NDArray[np.bool_]:
        """Shape (shifters,): whether each shifter may be programmed."""
        good = np.ones(self.architecture.shifters, bool)
        bad = [f for f in self.faults if f.part is Part.SHIFTER and f.fault is not Fault.SWAPPED]
        good[[fault.channel for fault in bad]] = False
        return good

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
        count, ports = architecture.shifters, architecture.ports
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
            interferometer_amplitude=np.ones(architecture.interferometers),
            output_gain=np.ones(ports),
            input_gain=np.ones(ports),
            receiver_offset=np.zeros(ports, complex),
            channel=np.arange(count),
            receiver=np.arange(ports),
            reference_die_c=reference_die_c,
        )

    def figures(self) -> dict[str, Any]:
        """How well it is known, by names that carry units; empty where nothing was measured."""
        if self.quality is None:
            return {}
        names = ("transfer_error", "residual_rad", "measurements")
        return {name: getattr(self.quality, name) for name in names}

    def __str__(self) -> str:
        if self.quality is None:
            return "by its data sheet"
        known = f"transfer known to {self.quality.transfer_error:.2%}"
        return f"{known}, {self.quality.measurements} measurements"

    def to_findings(self) -> Findings:
        """Everything, as the store and run folders keep it."""
        architecture, quality = self.architecture, self.quality
        record = {"ports": architecture.ports, "kind": architecture.kind} | _fields(self)
        if quality is not None:
            record |= _fields(quality)
        lengths = {length: name for name, length in _lengths(architecture).items()}
        tables: dict[str, dict[str, NDArray[Any]]] = {"faults": fault_columns(self.faults)}
        for name, value in record.items():
            if isinstance(value, np.ndarray) and value.ndim == 1:
                tables.setdefault(lengths[len(value)], {})[name] = value
        return Findings(
            routine=ROUTINE,
            schema=SCHEMA,
            values={k: v for k, v in record.items() if not isinstance(v, np.ndarray)},
            tables=tables,
            arrays={k: v for k, v in record.items() if isinstance(v, np.ndarray) and v.ndim > 1},
        )

    @classmethod
    def from_findings(cls, findings: Findings) -> Self:
        """The inverse of `to_findings`.

        Raises:
            CalibrationError: another schema, or arrays that are missing or of the wrong shape.
        """
        findings.require(ROUTINE, SCHEMA)
        record = findings.everything()
        try:
            architecture = MeshArchitecture(record["ports"], record["kind"])
            quality = _picked(CalibrationQuality, record) if "noise" in record else None
            own = _picked(cls, record) | {"architecture": architecture}
            own |= {"quality": quality and CalibrationQuality(**quality)}
            found = cls(**own, faults=faults_in(findings.tables.get("faults", {})))
        except (KeyError, TypeError, ValueError) as error:
            raise CalibrationError(f"not a calibration: {error!r}") from error
        found.check_shapes()
        return found

    def check_shapes(self) -> None:
        """Refuse arrays that do not fit the architecture.

        Raises:
            CalibrationError: an array of the wrong shape or not finite.
        """
        shapes = _shapes(self.architecture)
        for name, value in _fields(self).items():
            if not isinstance(value, np.ndarray):
                continue
            shape = shapes.get(name, (self.architecture.shifters,))
            if value.shape != shape or not np.isfinite(value).all():
                raise CalibrationError(f"{name} has shape {value.shape} (allowed: {shape}, finite)")


_APART = {"architecture", "quality", "faults"}
"""Fields that findings spell out in a way of their own."""


def _fields(record: Any) -> dict[str, Any]:
    """The record's numbers and arrays by name."""
    return {f.name: getattr(record, f.name) for f in fields(record) if f.name not in _APART}


def _lengths(architecture: MeshArchitecture) -> dict[str, int]:
    """How many there are of what."""
    return {
        "ports": architecture.ports,
        "interferometers": architecture.interferometers,
        "splitters": architecture.splitters,
        "shifters": architecture.shifters,
    }


def _shapes(architecture: MeshArchitecture) -> dict[str, tuple[int, ...]]:
    """Shapes of those arrays that are not one number per shifter."""
    ports = dict.fromkeys(
        ("output_gain", "input_gain", "receiver_offset", "receiver"), (architecture.ports,)
    )
    return ports | {
        "crosstalk": (architecture.shifters, architecture.shifters),
        "interferometer_amplitude": (architecture.interferometers,),
        "splitter_error_rad": (architecture.splitters,),
    }


def _picked(record: type, values: Mapping[str, Any]) -> dict[str, Any]:
    """Those values that are the record's fields."""
    return {field.name: values[field.name] for field in fields(record) if field.name not in _APART}
