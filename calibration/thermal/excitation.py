"""Moving a plant so that its record tells all: what is done with TEC, fan and heaters, in turn.

    rest       everything off: noise, and where the plant drifts by itself
    probe      a small current either way: does positive current cool, and by how much
    approach   to the set point at a steady current
    steps      to and fro through a wide band, under currents of several sizes
    relay      the same in a narrow band: the TEC loop's critical point
    fan        three speeds, while the TEC's to and fro warms the sink; then a relay
    heaters    the phase shifters' heat, on and off: die against carrier

The to and fro is a relay in the 1 kHz loop itself: were this program to hang, the carrier
would stay in its band.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from calibration.mesh.measuring import Progress
from calibration.thermal.options import ThermalOptions
from calibration.thermal.plant import PlantUnderTest
from calibration.thermal.relay import RelaySwing, analyse_swing, switchings
from calibration.thermal.samples import Samples, noise_of, times_s
from calibration.thermal.watch import Watch
from lumina.control.records import HeaterMode
from lumina.control.thermal.records import Relay
from lumina.errors import CalibrationError
from lumina.theory.thermistor import KELVIN

__all__ = ["Excited", "excite", "until_swung"]

REST_S = 2.0
PIECE_S = 2.0
LONGEST_RELAY_S = 60.0
PROBE_CURRENT = 0.06
"""Share of the current limit."""

LEAST_GAIN = 0.1
"""Of the believed gain: less is no response."""

MOST_NOISE_K = 0.05

NARROW_K = 0.03
NARROW_NOISES = 20.0
SWINGS = 8

SHAKING = 2.0
"""Times the usual currents: what goes to and fro through the TEC warms the sink by I^2 R."""

FAN_BAND_K = 0.3
FAN_SHARES = (1.0, 0.25, 0.0)
FAN_STEP_S = 10.0
FAN_NARROW_K = 0.05
FAN_SWINGS = 5
WARM_SINK_K = 3.0
WARMING_PIECES = 15
HEATERS_S = 3.0
HEATERS_W = 15.0


@dataclass(frozen=True)
class Excited:
    """What an excitation brought.

    Attributes:
        samples: the whole record.
        tec_swing: the TEC's relay experiment.
        fan_swing: the fan's; None where the sink did not swing.
    """

    samples: Samples
    tec_swing: RelaySwing
    fan_swing: RelaySwing | None


async def excite(
    plant: PlantUnderTest, watch: Watch, options: ThermalOptions, progress: Progress
) -> Excited:
    """Run all stages.

    Raises:
        CalibrationError: the TEC is wired backwards or does nothing, the fan does not turn, a
            sensor is too noisy, or a temperature left its bounds.
        SafetyError: the guard ended it.
        DeviceError: the loop stands still.
    """
    return await _Excitation(plant, watch, options, progress).run()


class _Excitation:
    """One excitation under way."""

    def __init__(
        self, plant: PlantUnderTest, watch: Watch, options: ThermalOptions, progress: Progress
    ) -> None:
        self._plant, self._watch = plant, watch
        self._options, self._progress = options, progress
        self._loop = plant.loop
        limit_a = plant.loop.config.tec.current_limit_a
        self._most_a = options.most_current * limit_a
        self._probe_a = PROBE_CURRENT * limit_a
        self._gain = 0.0  # K/s that a positive ampere cools
        self._hold_a = 0.0  # current that keeps the carrier where it is, roughly
        self._band_k = NARROW_K
        self._sink_noise_k = 0.0

    async def run(self) -> Excited:
        """All stages in turn."""
        await self._rest()
        await self._probe()
        await self._approach()
        await self._steps()
        tec_swing = await self._relay()
        await self._fan_steps()
        fan_swing = await self._fan_relay()
        await self._heaters()
        return Excited(self._watch.samples(), tec_swing, fan_swing)

    # TEC

    async def _rest(self) -> None:
        self._progress("rest", 0.0)
        for sequence in (
            self._loop.set_heater_mode(HeaterMode.OFF),
            self._loop.set_fan_rpm(0.0),
            self._loop.set_tec_current_a(0.0),
        ):
            await self._plant.applied(sequence)
        seen = await self._watch.follow(REST_S)
        now_c = float(seen["carrier_c"].mean())
        self._watch.keep_between(now_c, now_c)
        noise_k = noise_of(seen["carrier_c"])
        if noise_k > MOST_NOISE_K:
            raise CalibrationError(
                f"{self._plant.name}: the carrier's sensor is too noisy: {noise_k:.2g} K rms "
                f"per sample (allowed: {MOST_NOISE_K:g} K)"
            )
        self._band_k = max(NARROW_K, NARROW_NOISES * noise_k)
        self._sink_noise_k = noise_of(seen["sink_c"])
        self._progress("rest", 1.0)

    async def _probe(self) -> None:
        """A small current either way tells the gain, and whether the TEC is wired right."""
        lag_s = self._loop.config.thermal_model.carrier_lag_s
        rates = []
        for number, current_a in enumerate((self._probe_a, -self._probe_a)):
            await self._plant.applied(self._loop.set_tec_current_a(current_a))
            await self._watch.follow(4.0 * lag_s)
            seen = await self._watch.follow(1.0 + lag_s)
            self._check_current(seen, current_a)
            rates.append(_rate_k_per_s(seen))
            self._progress("probe", (number + 1) / 2)
        self._gain = (rates[1] - rates[0]) / (2.0 * self._probe_a)
        self._check_gain()
        self._hold_a = 0.5 * (rates[0] + rates[1]) / self._gain

    def _check_current(self, seen: Samples, wanted_a: float) -> None:
        flowing_a = float(np.median(seen["tec_current_a"]))
        if abs(flowing_a - wanted_a) > 0.5 * abs(wanted_a):
            raise CalibrationError(
                f"{self._plant.name}: {flowing_a:.2f} A flow through the TEC where "
                f"{wanted_a:.2f} A are asked for: open circuit, rail off, or another driver"
            )

    def _check_gain(self) -> None:
        name, believed = self._plant.name, _believed_gain(self._plant, self._options.carrier_c)
        if self._gain < -LEAST_GAIN * believed:
            raise CalibrationError(
                f"{name}: the TEC is wired backwards: a positive current warms the carrier by "
                f"{-self._gain:.3g} K/s per A where it should cool; swap its leads"
            )
        if self._gain < LEAST_GAIN * believed:
            raise CalibrationError(
                f"{name}: the TEC hardly moves the carrier: {self._gain:.3g} K/s per A where "
                f"{believed:.3g} are expected; is the sensor on the carrier, the TEC in contact?"
            )

    async def _swing(self, half_band_k: float, cooling: float, warming: float) -> None:
        """Have the TEC go to and fro, by so much of the current that moves at the wanted rate."""
        step_a = self._options.rate_k_per_s / self._gain
        below_a, above_a = np.clip(
            [self._hold_a - warming * step_a, self._hold_a + cooling * step_a],
            -self._most_a,
            self._most_a,
        )
        relay = Relay(self._options.carrier_c, half_band_k, float(below_a), float(above_a))
        await self._plant.applied(self._loop.set_tec_relay(relay))

    async def _approach(self) -> None:
        """To the set point, wherever the carrier is; the way there is one long step."""
        name, centre_c = self._plant.name, self._options.carrier_c
        start_c = self._watch.newest("carrier_c")
        self._watch.keep_between(start_c, centre_c)
        await self._swing(self._band_k, 1.0, 1.0)
        patience_s = 10.0 + 4.0 * abs(start_c - centre_c) / self._options.rate_k_per_s
        for _ in range(math.ceil(patience_s)):
            await self._follow_swing(1.0)
            if abs(self._watch.newest("carrier_c") - centre_c) < self._options.excursion_k:
                break
        else:
            raise CalibrationError(
                f"{name}: after {patience_s:.0f} s the carrier has come from {start_c:.1f} C to "
                f"{self._watch.newest('carrier_c'):.1f} C on its way to {centre_c:.1f} C: "
                "too much load, or too weak a TEC"
            )
        self._watch.keep_between(centre_c, centre_c)
        self._progress("approach", 1.0)

    async def _follow_swing(self, duration_s: float) -> Samples:
        """Watch the to and fro; from its mean follows the current that holds the carrier."""
        seen = await self._watch.follow(duration_s)
        self._hold_a = float(seen["tec_current_a"].mean()) + _rate_k_per_s(seen) / self._gain
        return seen

    async def _steps(self) -> None:
        """Wide swings under currents of several sizes, of both signs."""
        sizes = ((1.0, 1.0), (2.0, 1.0), (1.0, 2.0))
        for number, (cooling, warming) in enumerate(sizes):
            await self._swing(self._options.excursion_k, cooling, warming)
            await self._follow_swing(8.0 * self._options.excursion_k / self._options.rate_k_per_s)
            self._progress("steps", (number + 1) / len(sizes))

    async def _relay(self) -> RelaySwing:
        """A narrow swing, until it has come and gone a few times."""
        await self._swing(self._band_k, 1.0, 1.0)
        seen = await until_swung(
            self._watch, "tec_current_a", SWINGS, lambda done: self._progress("relay", done)
        )
        return analyse_swing(times_s(seen), seen["tec_current_a"], seen["carrier_c"], self._band_k)

    # Fan

    async def _fan_steps(self) -> None:
        """The fan at several speeds, on a sink that the TEC's to and fro has warmed."""
        await self._swing(FAN_BAND_K, SHAKING, SHAKING)
        for _ in range(WARMING_PIECES):
            await self._follow_swing(PIECE_S)
            if self._watch.newest("sink_c") > self._watch.newest("inlet_c") + WARM_SINK_K:
                break
        most_rpm = self._loop.config.fan.max_rpm
        for number, share in enumerate(FAN_SHARES):
            await self._plant.applied(self._loop.set_fan_rpm(share * most_rpm))
            await self._follow_swing(FAN_STEP_S)
            self._check_fan(share * most_rpm)
            self._progress("fan", (number + 1) / len(FAN_SHARES))

    def _check_fan(self, wanted_rpm: float) -> None:
        turning_rpm = self._watch.newest("fan_rpm")
        if abs(turning_rpm - wanted_rpm) > 0.2 * self._loop.config.fan.max_rpm:
            raise CalibrationError(
                f"{self._plant.name}: the fan turns at {turning_rpm:.0f} RPM where "
                f"{wanted_rpm:.0f} RPM are asked for: stalled, unplugged, or no tachometer"
            )

    async def _fan_relay(self) -> RelaySwing | None:
        """The sink's critical point; None where the fan does not make it swing."""
        half_band_k = max(FAN_NARROW_K, NARROW_NOISES * self._sink_noise_k)
        relay = Relay(self._watch.newest("sink_c"), half_band_k, 0.0, self._loop.config.fan.max_rpm)
        await self._plant.applied(self._loop.set_fan_relay(relay))
        seen = await until_swung(
            self._watch, "fan_set_rpm", FAN_SWINGS, lambda done: self._progress("fan relay", done)
        )
        await self._plant.applied(self._loop.set_fan_rpm(0.0))
        try:
            return analyse_swing(times_s(seen), seen["fan_rpm"], seen["sink_c"], half_band_k)
        except CalibrationError:
            return None

    # Heaters

    async def _heaters(self) -> None:
        """All phase shifters on and off, twice, in a narrow swing of the carrier."""
        await self._swing(self._band_k, 1.0, 1.0)
        off_v = np.zeros(self._loop.heaters)
        for number in range(2):
            for drive_v in (off_v + self._heater_v(), off_v):
                await self._plant.applied(self._loop.set_heater_voltages(drive_v))
                await self._watch.follow(HEATERS_S)
            self._progress("heaters", (number + 1) / 2)

    def _heater_v(self) -> float:
        """Drive of every heater: half a turn of phase, or less where that is too much heat."""
        square_v2 = np.pi / self._plant.nominal_phase_rad_per_v2
        resistance_ohm = self._loop.thermal_model.heater_resistance_ohm
        most_v2 = HEATERS_W * resistance_ohm / max(self._loop.heaters, 1)
        return float(min(np.sqrt(min(square_v2, most_v2)), self._loop.full_scale_v))


async def until_swung(
    watch: Watch, actuator: str, swings: int, progress: Callable[[float], None]
) -> Samples:
    """Watch a relay until it has switched up often enough, or for a minute at most."""
    pieces: list[Samples] = []
    for _ in range(round(LONGEST_RELAY_S / PIECE_S)):
        pieces.append(await watch.follow(PIECE_S))
        seen = np.concatenate(pieces)
        rises = len(switchings(seen[actuator]))
        progress(min(rises / (swings + 2), 1.0))
        if rises >= swings + 2:
            break
    return seen


def _rate_k_per_s(seen: Samples) -> float:
    """Mean rate of the carrier, K/s."""
    return float(
        np.polynomial.Polynomial.fit(times_s(seen), seen["carrier_c"], 1).convert().coef[1]
    )


def _believed_gain(plant: PlantUnderTest, carrier_c: float) -> float:
    """How fast a positive ampere should cool the carrier, K/s per A, with nothing beside it."""
    model = plant.loop.thermal_model
    capacity = model.carrier_capacity_j_per_k + model.die_capacity_j_per_k
    return model.tec_seebeck_v_per_k * (carrier_c + KELVIN) / capacity
