"""Phase shifters: from converter codes to volts, watts and the phases of the light."""

from typing import Any, NamedTuple

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from lumina.compiled import compiled_fast, compiled_tick
from lumina.frames import HEATERS_ENABLED, SAFE_STATE
from lumina.theory.drive import self_heated
from twin.chip import Chip
from twin.config import PlantConfig
from twin.converters import BOW
from twin.records import HEATERS as HEATERS_PART
from twin.records import INSTRUMENT, clamp

__all__ = ["Heaters", "build_heaters", "drive_heaters", "set_phases"]

FloatArray = NDArray[np.float64]


DIAGONAL = np.dtype([("ahead", "i8"), ("first", "i8"), ("count", "i8")])


class Heaters(NamedTuple):
    """All shifters of the chip; arrays have shape (shifters,) unless said otherwise."""

    full_scale_v: float
    full_code: int
    bow_code: FloatArray
    """Integral nonlinearity of each heater's converter, peak, in codes."""
    dead: NDArray[np.int64]
    """Heaters that are not connected."""
    swapped: NDArray[np.int64]
    """Shape (pairs, 2): heaters that get each other's drive."""
    feedback_per_w: float
    """alpha R_th, in 1/W."""
    die_tempco_per_k: float
    """Relative growth of the resistances per kelvin of the die; 0 where they do not follow."""
    short_a: float
    """Current at which a channel's driver limits into a short, in A."""
    cubic_rad_per_v3: float
    """Phase beyond that by power, in rad/V^3."""
    conductance_s: FloatArray
    """1 / R0, in S."""
    phase_per_w: FloatArray
    """pi / P_pi, in rad/W."""
    phi0_rad: FloatArray
    """Wanders from the chip's where it is told to."""
    imbalance_m: FloatArray
    diagonal: NDArray[Any]
    """Shape (diagonals,), dtype DIAGONAL: the crosstalk matrix's diagonals that are not zero."""
    coupling: FloatArray
    """Shape (diagonals, shifters): the diagonals' elements by column."""
    floor: float
    reference_c: float
    wavelength_m: float
    """At which phi0 holds, in m."""
    thermo_optic_per_k: float
    group_index: float
    instrument_v: FloatArray
    """Drive of a stand-alone heater driver, in V."""
    drive_v: FloatArray
    power_w: FloatArray
    own_rad: FloatArray
    """Phase that each heater makes in its own waveguide."""
    phase_rad: FloatArray


def build_heaters(config: PlantConfig, chip: Chip) -> Heaters:
    """The shifters of a chip, all off."""
    heater, count = config.chip.heater, chip.phi0_rad.size
    return Heaters(
        full_scale_v=heater.max_drive_v,
        full_code=(1 << heater.bits) - 1,
        bow_code=heater.inl_lsb * chip.converter_bow,
        dead=np.array(config.wiring.dead_heaters, np.int64),
        swapped=np.array(config.wiring.swapped_heaters, np.int64).reshape(-1, 2),
        feedback_per_w=heater.feedback_per_w,
        die_tempco_per_k=heater.die_tempco_per_k,
        short_a=heater.short_a,
        cubic_rad_per_v3=heater.cubic_rad_per_v3,
        conductance_s=1.0 / chip.resistance_ohm,
        phase_per_w=np.pi / chip.pi_power_w,
        phi0_rad=chip.phi0_rad.copy(),
        imbalance_m=chip.imbalance_m,
        diagonal=_diagonals(chip.crosstalk),
        coupling=np.ascontiguousarray(chip.crosstalk.data[:, :count]),
        floor=chip.floor,
        reference_c=config.chip.reference_c,
        wavelength_m=config.laser.wavelength_m,
        thermo_optic_per_k=config.chip.dispersion_per_k,
        group_index=config.chip.group_index,
        instrument_v=np.zeros(count),
        drive_v=np.zeros(count),
        power_w=np.zeros(count),
        own_rad=np.zeros(count),
        phase_rad=chip.phi0_rad.copy(),
    )


def _diagonals(matrix: scipy.sparse.dia_array) -> NDArray[Any]:
    """Each diagonal's offset, and the span of columns in which it is not zero."""
    rows = []
    for ahead, values in zip(matrix.offsets, matrix.data, strict=True):
        filled = np.flatnonzero(values)
        rows.append((ahead, filled[0], filled[-1] + 1 - filled[0]))
    return np.array(rows, DIAGONAL)


@compiled_tick
def _clipped_v(wanted_v: FloatArray, full_scale_v: float, drive_v: FloatArray) -> None:
    for i in range(drive_v.size):
        wanted = wanted_v[i]  # what is not a number fails the comparison
        drive_v[i] = min(wanted, full_scale_v) if wanted > 0.0 else 0.0


@compiled_fast
def _converted_v(
    code: NDArray[np.uint16],
    full_code: int,
    bow_code: FloatArray,
    full_scale_v: float,
    drive_v: FloatArray,
) -> None:
    """Converters with the smooth bow of `twin.converters`."""
    volts_per_code, half = full_scale_v / full_code, 0.5 * full_code
    for i in range(drive_v.size):
        straight = min(int(code[i]), full_code)
        x = straight / half - 1.0
        drive_v[i] = volts_per_code * (straight + bow_code[i] * (BOW * x * (1.0 - x * x)))


@compiled_tick
def _miswire(dead: Any, swapped: Any, drive_v: FloatArray) -> None:
    """What bad wiring makes of the drives."""
    for pair in range(swapped.shape[0]):
        one, other = swapped[pair, 0], swapped[pair, 1]
        drive_v[one], drive_v[other] = drive_v[other], drive_v[one]
    for i in range(dead.size):
        drive_v[dead[i]] = 0.0


@compiled_fast
def _warm(
    drive_v: FloatArray,
    conductance_s: FloatArray,
    feedback_per_w: float,
    warmth: float,
    phase_per_w: FloatArray,
    cubic_rad_per_v3: float,
    power_w: FloatArray,
    own_rad: FloatArray,
) -> float:
    """Fill power and own phase; returns the power of all heaters, in W.

    R = R0 (warmth + feedback P), `warmth` by the die's temperature. Heaters settle within
    microseconds, so within a tick they stand.
    """
    total_w = 0.0
    for i in range(drive_v.size):
        square = drive_v[i] * drive_v[i]
        power_w[i] = self_heated(square * conductance_s[i] / warmth, feedback_per_w / warmth)
        own_rad[i] = phase_per_w[i] * power_w[i] + cubic_rad_per_v3 * (square * drive_v[i])
        total_w += power_w[i]
    return total_w


@compiled_tick
def drive_heaters(heaters: Heaters, state: Any, inputs: Any, actuator: Any, die_c: float) -> None:
    """Drive all heaters as commanded by board or instrument; notes their power in the state."""
    drive_v, flags = heaters.drive_v, actuator.head[0].flags
    if inputs.heater_source == INSTRUMENT:
        _clipped_v(heaters.instrument_v, heaters.full_scale_v, drive_v)
    elif (
        state.powered[HEATERS_PART] == 1
        and (flags & (HEATERS_ENABLED | SAFE_STATE)) == HEATERS_ENABLED
    ):
        _converted_v(
            actuator.heater_code,
            heaters.full_code,
            heaters.bow_code,
            heaters.full_scale_v,
            drive_v,
        )
    else:
        drive_v[:] = 0.0
    _miswire(heaters.dead, heaters.swapped, drive_v)
    heater_power_w = _warm(
        drive_v,
        heaters.conductance_s,
        heaters.feedback_per_w,
        1.0 + heaters.die_tempco_per_k * (die_c - heaters.reference_c),
        heaters.phase_per_w,
        heaters.cubic_rad_per_v3,
        heaters.power_w,
        heaters.own_rad,
    )
    heater_power_w -= cold_power_w(heaters, inputs.heater_open)
    heater_power_w -= cold_power_w(heaters, inputs.heater_short)
    state.heater_power_w = heater_power_w


@compiled_tick
def cold_power_w(heaters: Heaters, broken: float) -> float:
    """Leave the heater of channel `broken` - 1 cold; returns the power that it had, in W.

    Open, it carries nothing; shorted at its pads, the driver's limit keeps the voltage down
    and the wiring takes the rest.
    """
    channel = int(clamp(broken, 0.0, 1e6)) - 1
    if channel < 0 or channel >= heaters.power_w.size:
        return 0.0
    power_w: float = heaters.power_w[channel]
    heaters.power_w[channel] = heaters.own_rad[channel] = 0.0
    return power_w


@compiled_fast
def _drifted(
    phi0_rad: FloatArray,
    imbalance_m: FloatArray,
    slope_rad_per_m: float,
    own_rad: FloatArray,
    floor: float,
    phase_rad: FloatArray,
) -> None:
    """phase = phi0 + drift + the uniform part of the crosstalk."""
    shared_rad = 0.0
    for i in range(own_rad.size):
        shared_rad += own_rad[i]
    shared_rad *= floor
    for i in range(phase_rad.size):
        phase_rad[i] = phi0_rad[i] + slope_rad_per_m * imbalance_m[i] + shared_rad


@compiled_fast
def _add_coupled(
    diagonal: Any, coupling: FloatArray, own_rad: FloatArray, phase_rad: FloatArray
) -> None:
    """phase += C psi, one diagonal of C after the other, which vectorises."""
    for k in range(diagonal.size):
        # Unsigned indices spare the wrap-around test, which would stop the vectoriser.
        row, first = np.uint64(k), np.uint64(diagonal[k].first)
        target = np.uint64(diagonal[k].first - diagonal[k].ahead)
        for i in range(diagonal[k].count):
            j = np.uint64(i)
            phase_rad[target + j] += coupling[row, first + j] * own_rad[first + j]


@compiled_tick
def set_phases(heaters: Heaters, die_c: float, wavelength_m: float) -> None:
    """Fill the phases: phi0 + C psi + imbalance x (drift of the die and of the laser).

    An arm longer by l adds 2 pi l n / lambda: dn/dT of it per kelvin of the die, and
    -2 pi l n_g / lambda^2 per metre of detuning.
    """
    nominal_m = heaters.wavelength_m
    drift = heaters.thermo_optic_per_k * (die_c - heaters.reference_c) / wavelength_m
    detuning = heaters.group_index * (nominal_m - wavelength_m) / (nominal_m * wavelength_m)
    slope_rad_per_m = 2.0 * np.pi * (drift + detuning)
    own_rad, phase_rad = heaters.own_rad, heaters.phase_rad
    _drifted(
        heaters.phi0_rad, heaters.imbalance_m, slope_rad_per_m, own_rad, heaters.floor, phase_rad
    )
    _add_coupled(heaters.diagonal, heaters.coupling, own_rad, phase_rad)
