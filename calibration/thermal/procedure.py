"""Identifying and tuning a plant never seen: excite, fit, judge, tune; then install and hold.

A plant is left as it was found whatever happens: what goes wrong leaves the gains and the
model that were in force, and the TEC regulating if it was, off if it was not.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np

from calibration.mesh.measuring import Progress
from calibration.thermal.excitation import Excited, excite
from calibration.thermal.fit import ThermalFit, fit_model
from calibration.thermal.options import ThermalOptions
from calibration.thermal.plant import PlantUnderTest
from calibration.thermal.response import plant_response
from calibration.thermal.result import ThermalIdentification
from calibration.thermal.samples import noise_of, times_s
from calibration.thermal.tuning import tune
from calibration.thermal.watch import FULL_RATE_HZ, Watch
from lumina.control.config import PidConfig
from lumina.control.records import FanMode, HeaterMode, TecMode
from lumina.errors import CalibrationError
from lumina.theory.thermal_model import ThermalModel

__all__ = ["hold", "identify", "identify_and_install", "install"]

ESSENTIAL = (
    "carrier_capacity_j_per_k",
    "carrier_lag_s",
    "tec_seebeck_v_per_k",
    "tec_resistance_ohm",
    "tec_conductance_w_per_k",
    "sink_capacity_j_per_k",
    "still_air_k_per_w",
    "full_speed_k_per_w",
)
"""Parameters without which there are no gains."""

RELAY_GAIN = 0.2
"""Relative difference of the relay's point from the model's, above which one is wrong."""

RELAY_PHASE_DEG = 20.0

HELD_K = 0.02
HELD_S = 3.0
LONGEST_LOCK_S = 120.0
PIECE_S = 0.5


async def identify(
    plant: PlantUnderTest, *, progress: Progress, options: ThermalOptions | None = None
) -> ThermalIdentification:
    """Find a board's thermal model and the gains for it, without installing them.

    Takes two to three minutes of the plant's time. The carrier is moved to the set point
    of the options and about it by a few kelvins; the fan and all heaters are used.

    Args:
        plant: brought up, its rails on; regulated or not.
        progress: told how far each stage is.
        options: excitation, bounds, and what is good enough.

    Raises:
        CalibrationError: the TEC is wired backwards, something does not answer, the model
            does not describe the plant, or no gains hold their margins; says which.
        SafetyError: the guard ended it.
        DeviceError: the loop stands still.
    """
    options = options or ThermalOptions(carrier_c=plant.loop.config.setpoint_c)
    belief = plant.loop.thermal_model
    async with left_as_found(plant):
        excited = await excite(plant, Watch(plant, options), options, progress)
    samples = excited.samples
    fit = await fit_model(
        samples, belief, counted_by_ohm=belief.heater_resistance_ohm, progress=progress
    )
    judge(plant.name, fit, excited, options)
    progress("tune", 0.0)
    await asyncio.sleep(0)
    inlet_c = float(samples["inlet_c"].mean())
    tuning = await tune(
        fit.model,
        plant.loop.config,
        inlet_c=inlet_c,
        noise_k=noise_of(samples["carrier_c"]),
        options=options,
    )
    progress("tune", 1.0)
    return ThermalIdentification(
        model=fit.model,
        sigma=fit.sigma,
        believed=belief,
        tuning=tuning,
        channels=fit.channels,
        tec_swing=excited.tec_swing,
        fan_swing=excited.fan_swing,
        carrier_c=options.carrier_c,
        inlet_c=inlet_c,
        air_offset_k=fit.air_offset_k,
        duration_s=float(times_s(samples)[-1]),
    )


@asynccontextmanager
async def left_as_found(plant: PlantUnderTest) -> AsyncIterator[None]:
    """Telemetry at the full rate inside; modes, heaters and telemetry as before afterwards.

    After a failure commands are posted, not awaited: it holds under cancellation too.
    """
    loop, state = plant.loop, plant.loop.arrays.state[0]
    regulated = state["tec_mode"] == TecMode.REGULATE
    fan_mode, heater_mode = FanMode(int(state["fan_mode"])), HeaterMode(int(state["heater_mode"]))
    voltages, telemetry_hz = loop.arrays.heaters.voltage_v.copy(), loop.telemetry_hz
    await plant.applied(loop.set_telemetry_hz(FULL_RATE_HZ))
    try:
        yield
    finally:
        loop.set_tec_mode(TecMode.REGULATE if regulated else TecMode.OFF)
        loop.set_fan_mode(FanMode.OFF if fan_mode is FanMode.OFF else FanMode.REGULATE)
        loop.set_heater_voltages(voltages)
        loop.set_heater_mode(heater_mode)
        last = loop.set_telemetry_hz(telemetry_hz)
    await plant.applied(last)


def judge(name: str, fit: ThermalFit, excited: Excited, options: ThermalOptions) -> None:
    """Accept a fit.

    Raises:
        CalibrationError: it does not describe the plant; says by how much.
    """
    for quantity, channel in fit.channels.items():
        if not channel.nrmse <= options.worst_nrmse:
            raise CalibrationError(
                f"{name}: poor fit: {quantity} is off by {channel.residual_rms:.2g} rms, "
                f"{channel.nrmse:.1%} of its spread (allowed: {options.worst_nrmse:.0%}); "
                "does something else heat the plant, or the air move?"
            )
    for parameter in ESSENTIAL:
        if not fit.sigma[parameter] <= options.worst_sigma:
            raise CalibrationError(
                f"{name}: poor fit: {parameter} is known to {fit.sigma[parameter]:.0%} only "
                f"(allowed: {options.worst_sigma:.0%})"
            )
    if fit.model.full_speed_k_per_w >= fit.model.still_air_k_per_w:
        raise CalibrationError(f"{name}: the fan does not cool the sink: does it blow past it?")
    _compare_with_relay(name, fit.model, excited)


def _compare_with_relay(name: str, model: ThermalModel, excited: Excited) -> None:
    """Hold the model against the relay's point, which owes nothing to it."""
    swing, samples = excited.tec_swing, excited.samples
    expected = plant_response(
        model,
        swing.omega_rad_s,
        current_a=swing.mean_drive,
        carrier_c=float(np.median(samples["carrier_c"])),
        sink_c=float(np.median(samples["sink_c"])),
    )
    ratio = swing.response / expected
    turned_deg = float(np.degrees(np.angle(ratio)))
    if abs(abs(ratio) - 1.0) > RELAY_GAIN or abs(turned_deg) > RELAY_PHASE_DEG:
        raise CalibrationError(
            f"{name}: model and relay experiment disagree: at {swing.omega_rad_s:.2g} rad/s the "
            f"plant answers {abs(ratio):.2f} times as much, turned by {turned_deg:.0f} degrees "
            f"(allowed: {RELAY_GAIN:.0%}, {RELAY_PHASE_DEG:g} degrees)"
        )


# Using it


async def install(plant: PlantUnderTest, found: ThermalIdentification) -> None:
    """Have a loop work with what was found, without a bump."""
    tuning = found.tuning
    await plant.applied(plant.loop.set_thermal_model(found.model, tuning.tec, tuning.fan))


async def identify_and_install(
    plant: PlantUnderTest, *, progress: Progress, options: ThermalOptions | None = None
) -> ThermalIdentification:
    """As `identify`; then install what was found, and see that it holds the set point.

    Raises:
        CalibrationError: see `identify`; also when the new gains do not hold. The old ones are
            back in force then.
    """
    parameters = plant.loop.arrays.parameters[0]
    before = [_gains(parameters["tec_gains"]), _gains(parameters["fan_gains"])]
    found = await identify(plant, progress=progress, options=options)
    await install(plant, found)
    try:
        await hold(plant, progress)
    except CalibrationError:
        await plant.applied(plant.loop.set_thermal_model(found.believed, *before))
        raise
    return found


async def hold(plant: PlantUnderTest, progress: Progress) -> None:
    """Regulate, and wait until the carrier has stood at its set point for a while.

    Raises:
        CalibrationError: it does not come to stand.
    """
    loop = plant.loop
    await plant.applied(loop.set_fan_mode(FanMode.REGULATE))
    await plant.applied(loop.set_tec_mode(TecMode.REGULATE))
    target_c = float(loop.arrays.parameters["setpoint_c"][0])
    watch = Watch(plant, ThermalOptions())
    stood_s = 0.0
    for _ in range(round(LONGEST_LOCK_S / PIECE_S)):
        seen = await watch.follow(PIECE_S)
        stands = np.abs(seen["carrier_c"] - target_c).max() <= HELD_K
        stood_s = stood_s + PIECE_S if stands else 0.0
        progress("hold", min(stood_s / HELD_S, 1.0))
        if stood_s >= HELD_S:
            return
    raise CalibrationError(
        f"{plant.name}: the new gains do not hold the carrier at {target_c:.1f} C: it is at "
        f"{watch.newest('carrier_c'):.2f} C after {LONGEST_LOCK_S:.0f} s"
    )


def _gains(record: np.void) -> PidConfig:
    """Gains in force as their config."""
    return PidConfig(**{name: float(record[name]) for name in PidConfig.model_fields})
