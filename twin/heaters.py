"""Phase shifters: from converter codes to volts, watts and the phases of the light."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lumina.compiled import compiled, compiled_fast
from lumina.frames import HEATERS_ENABLED, SAFE_STATE
from lumina.theory.drive import heater_power_w
from twin.chip import Chip
from twin.config import PlantConfig
from twin.records import HEATERS as HEATERS_PART
from twin.records import INSTRUMENT

__all__ = ["Heaters", "build_heaters", "drive_heaters", "set_phases"]

FloatArray = NDArray[np.float64]


class Heaters(NamedTuple):
    """All shifters of the chip; arrays have shape (shifters,) unless said otherwise."""

    full_scale_v: float
    full_code: int
    feedback_per_w: float
    """alpha R_th, in 1/W."""
    resistance_ohm: FloatArray
    phase_per_w: FloatArray
    """pi / P_pi, in rad/W."""
    phi0_rad: FloatArray
    imbalance_m: FloatArray
    start: NDArray[np.int32]
    """Shape (shifters + 1,): rows of the crosstalk matrix (compressed sparse rows)."""
    column: NDArray[np.int32]
    coupling: FloatArray
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
        feedback_per_w=heater.feedback_per_w,
        resistance_ohm=chip.resistance_ohm,
        phase_per_w=np.pi / chip.pi_power_w,
        phi0_rad=chip.phi0_rad,
        imbalance_m=chip.imbalance_m,
        start=chip.crosstalk.indptr.astype(np.int32),
        column=chip.crosstalk.indices.astype(np.int32),
        coupling=chip.crosstalk.data,
        floor=chip.floor,
        reference_c=config.chip.reference_c,
        wavelength_m=config.laser.wavelength_m,
        thermo_optic_per_k=config.chip.thermo_optic_per_k,
        group_index=config.chip.group_index,
        instrument_v=np.zeros(count),
        drive_v=np.zeros(count),
        power_w=np.zeros(count),
        own_rad=np.zeros(count),
        phase_rad=chip.phi0_rad.copy(),
    )


@compiled
def take_drive(
    heaters: Heaters, inputs: Any, head: Any, powered: int, code: NDArray[np.uint16]
) -> None:
    """Fill `drive_v` from whoever drives the heaters."""
    if inputs.heater_source == INSTRUMENT:
        for i in range(heaters.drive_v.size):
            wanted_v = heaters.instrument_v[i]  # what is not a number fails the comparison
            heaters.drive_v[i] = min(wanted_v, heaters.full_scale_v) if wanted_v > 0.0 else 0.0
        return
    if powered == 0 or (head.flags & (HEATERS_ENABLED | SAFE_STATE)) != HEATERS_ENABLED:
        heaters.drive_v[:] = 0.0
        return
    volts_per_code = heaters.full_scale_v / heaters.full_code
    for i in range(heaters.drive_v.size):
        heaters.drive_v[i] = volts_per_code * min(int(code[i]), heaters.full_code)


@compiled_fast
def warm_heaters(heaters: Heaters) -> float:
    """Fill power and own phase from the drive; returns the power of all heaters, in W.

    Heaters settle within microseconds, so within a tick they stand.
    """
    total_w = 0.0
    for i in range(heaters.drive_v.size):
        power_w = heater_power_w(
            heaters.drive_v[i], heaters.resistance_ohm[i], heaters.feedback_per_w
        )
        heaters.power_w[i] = power_w
        heaters.own_rad[i] = heaters.phase_per_w[i] * power_w
        total_w += power_w
    return total_w


@compiled
def drive_heaters(heaters: Heaters, state: Any, inputs: Any, actuator: Any) -> None:
    """Drive all heaters as commanded; notes their power in the state."""
    head, powered = actuator.head[0], state.powered[HEATERS_PART]
    take_drive(heaters, inputs, head, powered, actuator.heater_code)
    state.heater_power_w = warm_heaters(heaters)


@compiled_fast
def set_phases(heaters: Heaters, die_c: float, wavelength_m: float) -> None:
    """Fill the phases: phi0 + C psi + imbalance x (drift of the die and of the laser).

    An arm longer by l adds 2 pi l n / lambda: dn/dT of it per kelvin of the die, and
    -2 pi l n_g / lambda^2 per metre of detuning.
    """
    nominal_m = heaters.wavelength_m
    drift = heaters.thermo_optic_per_k * (die_c - heaters.reference_c) / wavelength_m
    detuning = heaters.group_index * (nominal_m - wavelength_m) / (nominal_m * wavelength_m)
    slope_rad_per_m = 2.0 * np.pi * (drift + detuning)
    shared_rad = 0.0
    for i in range(heaters.own_rad.size):
        shared_rad += heaters.own_rad[i]
    shared_rad *= heaters.floor
    for i in range(heaters.own_rad.size):
        phase = heaters.phi0_rad[i] + slope_rad_per_m * heaters.imbalance_m[i] + shared_rad
        for entry in range(heaters.start[i], heaters.start[i + 1]):
            phase += heaters.coupling[entry] * heaters.own_rad[heaters.column[entry]]
        heaters.phase_rad[i] = phase
