"""The thermal model fitted to a record of the bench: nonlinear least squares with confidence.

All parameters are positive and are fitted as logarithms, so that their uncertainties are
relative. Each carries a weak prior about the belief that the fit started from: what the
record says nothing about stays as uncertain as it was.

Uncertainties do not take the residuals for white: what the model does not describe leaves
residuals that hang together over seconds, and a parameter is then known far less well than
independent samples would have it. Scores are summed over blocks of time first; the scatter
of the blocks gives the covariance (a "sandwich", White, Econometrica 48, 817, 1980).
"""

import asyncio
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.mesh.measuring import Progress
from calibration.thermal.quality import ChannelFit, channel_fit
from calibration.thermal.samples import Samples, noise_of
from calibration.thermal.simulation import CHANNELS, averaged, simulate
from calibration.thermal.tachometer import fit_spin_up
from lumina.control.records import TICK_S
from lumina.errors import CalibrationError
from lumina.theory.thermal_model import ThermalModel

__all__ = ["ThermalFit", "fit_model"]

FloatArray = NDArray[np.float64]

FITTED = (
    "die_capacity_j_per_k",
    "die_resistance_k_per_w",
    "heater_resistance_ohm",
    "carrier_capacity_j_per_k",
    "tec_seebeck_v_per_k",
    "tec_resistance_ohm",
    "tec_conductance_w_per_k",
    "sink_capacity_j_per_k",
    "still_air_k_per_w",
    "full_speed_k_per_w",
    "fan_exponent",
    "carrier_lag_s",
    "die_lag_s",
    "sink_lag_s",
)
"""Parameters that temperatures and the TEC's voltage tell of."""

METER = "meter_gain"
"""Fitted too where the compute load has changed."""

LOAD_CHANGE_W = 1.0

VOLTAGE = "tec_voltage_v"

PRIOR_SIGMA = 0.5
"""Of a logarithm: a belief may well be off by half."""

START_SIGMA_K = 1.0
AIR_SIGMA_K = 0.5
"""Sensors of inlet and sink may differ by so much."""

BIN_S = 0.02
SETTLING_S = 1.0
"""Of the record's start: the sensors are taken to stand where their nodes do."""

BLOCK_S = 1.0
"""Longer than residuals hang together, short enough that there are many blocks."""

VOLTAGE_SIGMA_V = 1e-3
"""Resolution that a voltage reading is credited with at best."""

TEMPERATURE_SIGMA_K = 1e-5

TRUST = 1e-3
"""Relative: no meter and no clock on a bench is trusted further, however quiet it is."""

STEP = 1e-4
"""Of the Jacobian's differences, in logarithms and kelvins."""

FARTHEST = 8.0
"""By how much a parameter may differ from what was believed, either way."""

MOST_STEPS = 25
MOST_DAMPING = 1e6
LEAST_GAIN = 0.1
"""Of the sum of squares, in units of its mean term: less is the same fit."""


@dataclass(frozen=True)
class ThermalFit:
    """What was fitted.

    Attributes:
        model: the fitted model; what the record does not tell of is as believed before.
        sigma: relative standard error of each parameter that was fitted.
        air_offset_k: air at the sink less what the inlet's sensor shows, K.
        channels: quality by measured quantity.
    """

    model: ThermalModel
    sigma: dict[str, float]
    air_offset_k: float
    channels: dict[str, ChannelFit]


async def fit_model(
    samples: Samples, belief: ThermalModel, *, counted_by_ohm: float, progress: Progress
) -> ThermalFit:
    """Fit the model to a record, step by step: the rest of the bench runs in between.

    Args:
        samples: a record with excitation of TEC, fan and heaters.
        belief: where to start, and the centre of the priors.
        counted_by_ohm: heater resistance by which the loop counted the heaters' power, ohm.
        progress: told how far the fit is.

    Raises:
        CalibrationError: the fit does not converge.
    """
    fit = _Fit(samples, belief, counted_by_ohm)
    for number in range(MOST_STEPS):
        progress("fit", number / MOST_STEPS)
        await asyncio.sleep(0)
        if fit.improve():
            progress("fit", 1.0)
            return fit.result()
    raise CalibrationError(
        f"poor fit: no thermal model comes near what was measured within {MOST_STEPS} steps"
    )


class _Fit:
    """One fit in the making: Levenberg and Marquardt's steps.

    Its vector is logarithms of parameters, three temperatures at the start, the air's offset.
    """

    def __init__(self, samples: Samples, belief: ThermalModel, counted_by_ohm: float) -> None:
        self._samples, self._belief, self._counted_by = samples, belief, counted_by_ohm
        rate_hz = (len(samples) - 1) / ((samples["tick"][-1] - samples["tick"][0]) * TICK_S)
        self._per_bin = max(1, round(BIN_S * rate_hz))
        self._bin_s = self._per_bin / rate_hz
        self._first = round(SETTLING_S / self._bin_s)
        self._measured = averaged(samples, self._per_bin)
        floors = [VOLTAGE_SIGMA_V if c == VOLTAGE else TEMPERATURE_SIGMA_K for c in CHANNELS]
        noise = [noise_of(samples[name]) for name in CHANNELS]
        self._noise = np.maximum(noise, floors) / np.sqrt(self._per_bin)
        load_changes = np.ptp(samples["compute_w"]) > LOAD_CHANGE_W
        self._names = FITTED + ((METER,) if load_changes else ())
        self._centre, self._prior_sigma = self._priors()
        self._limits = self._log_limits()
        self._vector, self._damping = self._centre, 1e-3
        self._residuals = self._residuals_at(self._vector)

    def improve(self) -> bool:
        """One step downhill; whether it was too short to matter."""
        J = self._jacobian()
        curvature, slope = J.T @ J, J.T @ self._residuals
        while self._damping < MOST_DAMPING:
            damped = curvature + self._damping * np.diag(np.diag(curvature))
            step = -np.linalg.solve(damped, slope)
            tried = np.clip(self._vector + step, *self._limits)
            residuals = self._residuals_at(tried)
            gained = self._residuals @ self._residuals - residuals @ residuals
            if gained >= 0.0:
                self._vector, self._residuals = tried, residuals
                self._damping = max(self._damping / 10.0, 1e-9)
                return bool(gained < LEAST_GAIN * (1.0 + residuals @ residuals / len(residuals)))
            self._damping *= 10.0
        return True

    def result(self) -> ThermalFit:
        """What was found, with its uncertainties."""
        covariance = self._covariance(self._jacobian())
        sigma = np.sqrt(np.diag(covariance))[: len(self._names)]
        known = dict(zip(self._names, np.hypot(sigma, TRUST).tolist(), strict=True))
        model = self._model(self._vector)
        turning = fit_spin_up(self._samples, model.fan_spin_up_s)
        if turning is not None:
            model = model.model_copy(update={"fan_spin_up_s": turning.spin_up_s})
            known["fan_spin_up_s"] = float(np.hypot(turning.sigma, TRUST))
        return ThermalFit(
            model=model,
            sigma=known,
            air_offset_k=float(self._vector[-1]),
            channels=self._channels(),
        )

    def _priors(self) -> tuple[FloatArray, FloatArray]:
        """Centre and sigma of every component of the vector."""
        logs = [np.log(getattr(self._belief, name)) for name in self._names]
        first = self._measured[self._first // 2, [1, 0, 2]]
        sigma = [PRIOR_SIGMA] * len(logs) + [START_SIGMA_K] * 3 + [AIR_SIGMA_K]
        return np.array([*logs, *first, 0.0]), np.array(sigma)

    def _log_limits(self) -> tuple[FloatArray, FloatArray]:
        """Least and largest value of every component."""
        schema = ThermalModel.model_json_schema()["properties"]
        believed = self._centre[: len(self._names)]
        free = np.full(len(self._centre) - len(self._names), np.inf)
        least = np.array([max(schema[n].get("minimum", 0.0), 1e-9) for n in self._names])
        most = np.array([schema[n]["maximum"] for n in self._names])
        low = np.maximum(np.log(least), believed - np.log(FARTHEST))
        high = np.minimum(np.log(most), believed + np.log(FARTHEST))
        return np.concatenate([low, -free]), np.concatenate([high, free])

    def _model(self, vector: FloatArray) -> ThermalModel:
        values = np.exp(vector[: len(self._names)])
        return self._belief.model_copy(update=dict(zip(self._names, values.tolist(), strict=True)))

    def _predicted(self, vector: FloatArray) -> FloatArray:
        return simulate(
            self._model(vector),
            self._samples,
            counted_by_ohm=self._counted_by,
            start_c=vector[-4:-1],
            air_offset_k=float(vector[-1]),
            per_bin=self._per_bin,
        )

    def _errors_at(self, vector: FloatArray) -> FloatArray:
        """Predicted less measured, shape (bins, channels), in K and V."""
        return (self._predicted(vector) - self._measured)[self._first :]

    def _residuals_at(self, vector: FloatArray) -> FloatArray:
        errors = self._errors_at(vector) / self._noise
        return np.concatenate([errors.ravel(), (vector - self._centre) / self._prior_sigma])

    def _jacobian(self) -> FloatArray:
        columns = [
            (self._residuals_at(self._vector + STEP * unit) - self._residuals) / STEP
            for unit in np.eye(len(self._vector))
        ]
        return np.stack(columns, axis=1)

    def _covariance(self, jacobian: FloatArray) -> FloatArray:
        """The wider of the sandwich and of what white noise alone would give."""
        bread = np.linalg.inv(jacobian.T @ jacobian)
        rows = len(self._residuals) - len(self._centre)
        per_block = max(1, round(BLOCK_S / self._bin_s)) * len(CHANNELS)
        scores = jacobian[:rows] * self._residuals[:rows, None]
        whole = rows // per_block * per_block
        blocks = scores[:whole].reshape(-1, per_block, scores.shape[1]).sum(axis=1)
        prior = np.diag(1.0 / self._prior_sigma**2)
        sandwich = bread @ (blocks.T @ blocks + prior) @ bread
        widen = np.sqrt(np.maximum(np.diag(sandwich) / np.diag(bread), 1.0))
        return np.asarray(bread * np.outer(widen, widen), np.float64)

    def _channels(self) -> dict[str, ChannelFit]:
        errors, measured = self._errors_at(self._vector), self._measured[self._first :]
        return {
            name: channel_fit(errors[:, i], measured[:, i], float(self._noise[i]))
            for i, name in enumerate(CHANNELS)
        }
