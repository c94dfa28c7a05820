"""What an identification found: a thermal model with confidence, gains with margins."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
from pydantic import ValidationError

from calibration.findings import Findings
from calibration.thermal.quality import ChannelFit
from calibration.thermal.relay import RelaySwing
from calibration.thermal.tuning import LoopMargins, Tuning
from lumina.control.config import ControlConfig, PidConfig
from lumina.control.linear import Actuator
from lumina.errors import CalibrationError
from lumina.theory.feedback import Margins
from lumina.theory.thermal_model import ThermalModel
from lumina.theory.units import unit_of

__all__ = ["CONFIDENCE", "ROUTINE", "ThermalIdentification"]

ROUTINE = "thermal"
SCHEMA = 1
"""Version of `ThermalIdentification.to_findings`; findings of another one are refused."""

CONFIDENCE = 1.96
"""Standard errors either way that hold 95 % of a normal distribution."""


@dataclass(frozen=True)
class ThermalIdentification:
    """One board's thermal plant and the tuning for it.

    Attributes:
        model: the plant.
        sigma: relative standard error of each parameter that was identified.
        believed: what was believed before.
        tuning: gains and their margins.
        channels: quality of the fit by measured quantity.
        tec_swing: relay experiment on the TEC's loop, A against K.
        fan_swing: relay experiment on the fan's loop, RPM against K; None without a swing.
        carrier_c: set point that it was identified about, C.
        inlet_c: air at the fan's inlet, C.
        air_offset_k: air at the sink less what the inlet's sensor shows, K.
        duration_s: how long the plant was excited, s.
    """

    model: ThermalModel
    sigma: Mapping[str, float]
    believed: ThermalModel
    tuning: Tuning
    channels: Mapping[str, ChannelFit]
    tec_swing: RelaySwing
    fan_swing: RelaySwing | None
    carrier_c: float
    inlet_c: float
    air_offset_k: float
    duration_s: float

    def interval(self, parameter: str) -> tuple[float, float]:
        """95 % confidence interval of a parameter, in its own unit."""
        value = float(getattr(self.model, parameter))
        factor = float(np.exp(CONFIDENCE * self.sigma.get(parameter, np.inf)))
        return value / factor, value * factor

    def control(self, config: ControlConfig) -> ControlConfig:
        """A controller's config with these beliefs and gains in place of its own."""
        tec = config.tec.model_copy(update={"pid": self.tuning.tec})
        fan = config.fan.model_copy(update={"pid": self.tuning.fan})
        return config.model_copy(update={"thermal_model": self.model, "tec": tec, "fan": fan})

    def figures(self) -> dict[str, float | int | str]:
        """The few figures to see first, units in their names: margins, gains, parameters."""
        tuning = self.tuning
        gains = {"tec_kp_w_per_k": tuning.tec.kp, "fan_kp_rpm_per_k": tuning.fan.kp}
        parameters = {name: float(getattr(self.model, name)) for name in self.sigma}
        sigmas = {f"{name}_relative_sigma": sigma for name, sigma in self.sigma.items()}
        fits = {f"residual_{name}": fit.residual_rms for name, fit in self.channels.items()}
        shown = {"duration_s": self.duration_s, "closed_loop_s": tuning.closed_loop_s}
        margins = {k: v for one in tuning.margins for k, v in _shown_margins(one).items()}
        return {**shown, **margins, **gains, **parameters, **sigmas, **fits}

    def to_findings(self) -> Findings:
        """Everything, as the store and run folders keep it."""
        swings = {"tec_relay": self.tec_swing, "fan_relay": self.fan_swing}
        return Findings(
            routine=ROUTINE,
            schema=SCHEMA,
            values={
                "carrier_c": self.carrier_c,
                "inlet_c": self.inlet_c,
                "air_offset_k": self.air_offset_k,
                "duration_s": self.duration_s,
                "closed_loop_s": self.tuning.closed_loop_s,
            },
            tables={
                "parameters": self._parameters(),
                "gains": _gains(self.tuning),
                "margins": _margins(self.tuning.margins),
                "fits": _columns(
                    [{"quantity": name, **asdict(fit)} for name, fit in self.channels.items()]
                ),
                "relays": _columns(
                    [{"relay": name, **asdict(one)} for name, one in swings.items() if one]
                ),
            },
        )

    def _parameters(self) -> dict[str, Any]:
        fields = ThermalModel.model_fields
        low, high = zip(*(self.interval(name) for name in fields), strict=True)
        return {
            "parameter": np.array(list(fields), str),
            "value": np.array([getattr(self.model, name) for name in fields]),
            "low_95": np.array(low),
            "high_95": np.array(high),
            "unit": np.array([unit_of(name) for name in fields], str),
            "relative_sigma": np.array([self.sigma.get(name, np.inf) for name in fields]),
            "believed": np.array([getattr(self.believed, name) for name in fields]),
        }

    @classmethod
    def from_findings(cls, findings: Findings) -> Self:
        """The inverse of `to_findings`.

        Raises:
            CalibrationError: another schema, or values that are missing or impossible.
        """
        findings.require(ROUTINE, SCHEMA)
        try:
            return cls(**_fields(findings))
        except (KeyError, TypeError, ValueError, ValidationError) as error:
            raise CalibrationError(f"not a thermal identification: {error!r}") from error


def _shown_margins(one: LoopMargins) -> dict[str, float]:
    """The finite margins of a loop, named after it and its load."""
    name = f"{one.actuator}_{'loaded' if one.load_w else 'idle'}"
    found = {
        "gain_margin_db": min(one.margins.gain_db, one.margins.gain_reduction_db),
        "phase_margin_deg": one.margins.phase_deg,
        "sensitivity": one.margins.sensitivity,
    }
    return {f"{name}_{key}": value for key, value in found.items() if np.isfinite(value)}


def _columns(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Rows of equal keys as columns."""
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def _gains(tuning: Tuning) -> dict[str, Any]:
    names = list(PidConfig.model_fields)
    return {
        "gain": np.array(names, str),
        "tec": np.array([getattr(tuning.tec, name) for name in names]),
        "fan": np.array([getattr(tuning.fan, name) for name in names]),
    }


def _margins(margins: tuple[LoopMargins, ...]) -> dict[str, Any]:
    return _columns(
        [
            {"loop": str(one.actuator), "load_w": one.load_w, **one.margins._asdict()}
            for one in margins
        ]
    )


def _rows(table: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Columns as rows."""
    columns = [column.tolist() for column in table.values()]
    return [dict(zip(table, row, strict=True)) for row in zip(*columns, strict=True)]


def _fields(findings: Findings) -> dict[str, Any]:
    """The fields of an identification, from its findings."""
    tables, values = findings.tables, dict(findings.values)
    parameters = _rows(tables["parameters"])
    gains, relays = _rows(tables["gains"]), {r.pop("relay"): r for r in _rows(tables["relays"])}
    tuning = Tuning(
        tec=PidConfig(**{row["gain"]: row["tec"] for row in gains}),
        fan=PidConfig(**{row["gain"]: row["fan"] for row in gains}),
        closed_loop_s=float(values.pop("closed_loop_s")),  # type: ignore[arg-type]
        margins=tuple(
            LoopMargins(Actuator(row.pop("loop")), row.pop("load_w"), Margins(**row))
            for row in _rows(tables["margins"])
        ),
    )
    fan_relay = relays.get("fan_relay")
    return {
        "model": ThermalModel(**{row["parameter"]: row["value"] for row in parameters}),
        "believed": ThermalModel(**{row["parameter"]: row["believed"] for row in parameters}),
        "sigma": {
            row["parameter"]: row["relative_sigma"]
            for row in parameters
            if np.isfinite(row["relative_sigma"])
        },
        "tuning": tuning,
        "channels": {row.pop("quantity"): ChannelFit(**row) for row in _rows(tables["fits"])},
        "tec_swing": RelaySwing(**relays["tec_relay"]),
        "fan_swing": RelaySwing(**fan_relay) if fan_relay else None,
        **values,
    }
