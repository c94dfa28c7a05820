"""Heaters behind a driver that reads its currents: resistance, self-heating, tempco.

    V / I = R (1 + f P),  P = V I,  f = alpha R_th

Assumptions

- The bank's meters are right but for their offsets, which are read at 0 V: R has their scales in
  it. Wiring is in R.
- R holds at the carrier's temperature at which it was measured (`carrier_c`); the die stands as
  far from the carrier as all heaters together warm it, by a few hundredths of a kelvin.
- alpha is told by moving the carrier: by a temperature controller, or the board's own loop. It
  is that of heaters whose resistance follows the chip; without a controller only the product
  f = alpha R_th is told.
- What is wrong is judged against the data sheet's resistance where the lab config gives one
  (`heater_ohm`), and against the other channels' median where it does not.

Cost: 6 voltages at each of two temperatures, two readings each of 6 to 48; and the time that the
carrier takes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from calibration.faults import ChannelFault, Fault
from calibration.instruments.fits import fitted
from calibration.instruments.result import Measured, Quantity
from calibration.instruments.sampling import Sampler
from calibration.instruments.sweeping import BankSweep, Zero, read_zero, sweep_bank
from calibration.mesh.measuring import Progress
from drivers.interfaces import PhaseShifterBank
from lumina.errors import DeviceTimeoutError

__all__ = ["LEVELS", "Climate", "calibrate_heaters"]

FloatArray = NDArray[np.float64]

LEVELS = 6

LOOK, HIGHEST = 0.1, 0.9
"""Voltages of the first look and of the sweep, of the bank's highest."""

SEEN_SIGMAS, OPEN_TIMES, SHORTED_SHARE, OFF_SHARE = 8.0, 20.0, 0.2, 0.25
"""Open: a current within the noise, or a resistance so many times too large. Shorted: below such
a share of it. Off its sheet: further from it than that, relative."""

DIE_SHARE = 1e-4
"""Relative, of a resistance: what the die's standing off the carrier may make of it."""

STANDS_K = 0.005
"""Standard error of how far the heaters were cooled: the die follows the sensor that well."""

COOLER_K = 8.0
"""By how much the carrier is moved for alpha."""


class Climate(Protocol):
    """Whatever holds the carrier's temperature."""

    @property
    def name(self) -> str:
        """Of what holds it."""

    @property
    def home_c(self) -> float:
        """Where it belongs, C."""

    async def go_to(self, carrier_c: float) -> float:
        """Bring it there and wait until it stands; returns what is read then, C.

        Raises:
            DeviceTimeoutError: it does not get there, or does not stand.
        """


@dataclass(frozen=True)
class _Known:
    """One bank at one temperature: resistances and self-heating with sigmas, by channel."""

    ohm: FloatArray
    ohm_sigma: FloatArray
    feedback_per_w: FloatArray
    feedback_sigma: FloatArray


async def calibrate_heaters(
    banks: Mapping[str, PhaseShifterBank],
    sheet_ohm: Mapping[str, float | None],
    climate: Climate | None,
    *,
    with_tempco: bool,
    progress: Progress,
) -> Measured:
    """Measure the heaters of every bank; banks are left at 0 V.

    Args:
        banks: drivers by name.
        sheet_ohm: what the heaters on each should have; None where that is not known.
        climate: holds the carrier; None where nothing does.
        with_tempco: whether to move the carrier for alpha.
        progress: told how far it is.

    Raises:
        DeviceError: an instrument failed.
    """
    sampler = Sampler()
    faults: list[ChannelFault] = []
    here_c = await held(climate, 0.0, faults)
    zeros = {name: await read_zero(bank, sampler) for name, bank in banks.items()}
    looks = {name: await look_at(banks[name], zeros[name], sampler) for name in banks}
    faults += faults_in(looks, zeros, sheet_ohm)
    good = {name: good_of(name, bank, faults) for name, bank in banks.items()}
    sweeps = {
        name: await swept(bank, zeros[name], good[name], sampler, progress)
        for name, bank in banks.items()
    }
    warm = {name: known_from(sweeps[name], zeros[name]) for name in banks}
    found = [q for name in banks for q in resistances(name, warm[name], good[name])]
    there_c = await held(climate, -COOLER_K, faults) if with_tempco and here_c else None
    if here_c is not None and there_c is not None:
        for name, bank in banks.items():
            cold = await swept(bank, zeros[name], good[name], sampler, progress)
            by_k = here_c - there_c
            found += tempcos(name, warm[name], known_from(cold, zeros[name]), by_k, good[name])
    raw = {f"{n}_volts": s.volts for n, s in sweeps.items()}
    raw |= {f"{n}_amperes": s.amperes for n, s in sweeps.items()}
    return Measured(tuple(found), tuple(faults), sampler.readings, notes(here_c), raw)


async def held(climate: Climate | None, by_k: float, faults: list[ChannelFault]) -> float | None:
    """Hold the carrier so far from home, C; None where it does not stand, which is a fault."""
    if climate is None:
        return None
    try:
        return await climate.go_to(climate.home_c + by_k)
    except DeviceTimeoutError as error:
        faults.append(ChannelFault(climate.name, 0, Fault.UNSTABLE, str(error)))
        return None


async def look_at(bank: PhaseShifterBank, zero: Zero, sampler: Sampler) -> FloatArray:
    """Current of every channel at a low voltage, one after another as a short may upset others."""
    look_v = LOOK * bank.drive_limits_v().high
    sweep = await sweep_bank(
        bank, zero, np.array([look_v]), np.ones(bank.channels, bool), sampler, lambda s, d: None
    )
    return np.stack([sweep.volts[0], sweep.amperes[0]])


def faults_in(
    looks: Mapping[str, FloatArray],
    zeros: Mapping[str, Zero],
    sheet_ohm: Mapping[str, float | None],
) -> list[ChannelFault]:
    """Channels that carry no current, too much, or not what the data sheet says."""
    carries = {n: look[1] > SEEN_SIGMAS * zeros[n].amperes_rms for n, look in looks.items()}
    ohms = {n: look[0] / np.where(carries[n], look[1], np.nan) for n, look in looks.items()}
    seen = np.concatenate([*ohms.values()])
    typical = float(np.nanmedian(seen)) if np.isfinite(seen).any() else np.nan
    found = []
    for name, values in ohms.items():
        told = sheet_ohm.get(name)
        for channel, ohm in enumerate(values.tolist()):
            fault = fault_of(ohm, typical if told is None else told, told is not None)
            if fault is not None:
                found.append(ChannelFault(name, channel, *fault))
    return found


def fault_of(ohm: float, expected_ohm: float, by_sheet: bool) -> tuple[Fault, str] | None:
    """What is wrong with a heater of this resistance; NaN carries nothing."""
    whose = "by the data sheet" if by_sheet else "typically"
    if not np.isfinite(ohm):
        return Fault.OPEN, "no current at any voltage: heater or wire is open"
    if ohm > OPEN_TIMES * expected_ohm:
        return Fault.OPEN, f"{ohm:.3g} ohm, {whose} {expected_ohm:.3g} ohm: open, or a bad contact"
    if ohm < SHORTED_SHARE * expected_ohm:
        return Fault.SHORTED, f"{ohm:.3g} ohm, {whose} {expected_ohm:.3g} ohm"
    if by_sheet and abs(ohm / expected_ohm - 1.0) > OFF_SHARE:
        return Fault.OFF_SHEET, f"{ohm:.4g} ohm, {whose} {expected_ohm:.4g} ohm"
    return None


def good_of(name: str, bank: PhaseShifterBank, faults: list[ChannelFault]) -> NDArray[np.bool_]:
    """Channels that are swept: those without a fault, and those just off their sheet."""
    good = np.ones(bank.channels, bool)
    broken = [f.channel for f in faults if f.part == name and f.fault is not Fault.OFF_SHEET]
    good[broken] = False
    return good


async def swept(
    bank: PhaseShifterBank,
    zero: Zero,
    good: NDArray[np.bool_],
    sampler: Sampler,
    progress: Progress,
) -> BankSweep:
    """A sweep in equal steps of power."""
    highest_v = HIGHEST * bank.drive_limits_v().high
    levels_v = highest_v * np.sqrt(np.linspace(0.06, 1.0, LEVELS))
    return await sweep_bank(bank, zero, levels_v, good, sampler, progress)


def known_from(sweep: BankSweep, zero: Zero) -> _Known:
    """Resistance and self-heating of every channel; NaN where it was not swept."""
    known = np.full((4, sweep.volts.shape[1]), np.nan)
    for channel in np.flatnonzero(sweep.set_v.max(axis=0) > 0.0).tolist():
        volts, amperes = sweep.volts[:, channel], sweep.amperes[:, channel]
        ohm, power_w = volts / amperes, volts * amperes
        relative = np.hypot(
            sweep.volts_sigma[:, channel] / volts, sweep.amperes_sigma[:, channel] / amperes
        )
        fit = fitted(np.stack([np.ones_like(ohm), power_w], axis=1), ohm, ohm * relative)
        cold, growth = fit.values
        # The offsets' errors are common to all voltages, and weigh most at the lowest.
        common = np.hypot(
            zero.volts_sigma[channel] / volts.min(), zero.amperes_sigma[channel] / amperes.min()
        )
        feedback = growth / cold
        known[:, channel] = (
            cold,
            np.hypot(fit.sigmas[0], cold * common),
            feedback,
            np.hypot(fit.sigmas[1] / cold, common / power_w.max()),
        )
    return _Known(*known)


def resistances(name: str, known: _Known, good: NDArray[np.bool_]) -> list[Quantity]:
    """Two quantities of every good channel."""
    found = []
    for c in np.flatnonzero(good).tolist():
        feedback, its_sigma = float(known.feedback_per_w[c]), float(known.feedback_sigma[c])
        ohm, ohm_sigma = float(known.ohm[c]), float(known.ohm_sigma[c])
        ohm_sigma = float(np.hypot(ohm_sigma, DIE_SHARE * ohm))
        found.append(Quantity(name, c, "resistance_ohm", ohm, ohm_sigma))
        found.append(Quantity(name, c, "self_heating_per_w", feedback, its_sigma))
    return found


def tempcos(
    name: str, warm: _Known, cold: _Known, by_k: float, good: NDArray[np.bool_]
) -> list[Quantity]:
    """alpha of every good channel, at the warmer temperature; R_th where alpha is seen."""
    found = []
    for c in np.flatnonzero(good).tolist():
        alpha = float((warm.ohm[c] - cold.ohm[c]) / (warm.ohm[c] * by_k))
        sigma = float(np.hypot(warm.ohm_sigma[c], cold.ohm_sigma[c]) / (warm.ohm[c] * abs(by_k)))
        sigma = float(np.hypot(sigma, alpha * np.sqrt(2.0) * STANDS_K / by_k))
        found.append(Quantity(name, c, "tempco_per_k", alpha, sigma))
        if alpha > 5.0 * sigma:
            feedback, its_sigma = float(warm.feedback_per_w[c]), float(warm.feedback_sigma[c])
            relative = float(np.hypot(its_sigma / feedback, sigma / alpha))
            thermal = feedback / alpha
            found.append(Quantity(name, c, "thermal_k_per_w", thermal, thermal * relative))
    return found


def notes(carrier_c: float | None) -> dict[str, str]:
    """At which temperature, and what could not be told."""
    if carrier_c is None:
        return {"carrier_c": "not held: nothing regulates it, and alpha is not told apart"}
    return {"carrier_c": f"{carrier_c:.3f}"}
