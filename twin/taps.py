"""Monitor taps inside a mesh: what they see of the light, read only when somebody asks.

Tap 2k lies on the upper arm behind interferometer k, tap 2k + 1 on the lower one; of an
attenuator the upper arm goes on and the lower one is dumped. They take the same share of
both arms, which counts among the interferometer's losses: the spread of that share shows in
what the taps read, and is neglected in what they leave.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lumina.compiled import compiled_fast
from lumina.theory.mesh import MeshArchitecture
from lumina.theory.mesh_derivatives import transfer_factors
from lumina.theory.noise import fill_normal
from twin.chip import Chip
from twin.config import PlantConfig
from twin.config_optics import ChipConfig
from twin.converters import convert_positive
from twin.optics import BOLTZMANN_J_PER_K, ELEMENTARY_CHARGE_C, Optics
from twin.receivers import HOT_GAIN
from twin.records import DETECTORS

__all__ = ["TAP_STREAM", "Taps", "build_taps", "tap_fields", "tap_readings"]

TAP_STREAM = 4
"""Noise stream of the taps."""

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]


class Taps(NamedTuple):
    """The taps of a chip and their converters."""

    arm: NDArray[np.int64]
    """Shape (taps,): the arm whose light each channel sees."""
    gain: FloatArray
    """Shape (taps,): of each channel relative to its design; 0 where nothing is connected."""
    way: FloatArray
    """Shape (taps,): field transmission of facet and waveguides up to each arm."""
    a_per_w: float
    """Current of a tap per watt that goes on in its arm, in A/W."""
    dark_current_a: float
    full_scale_a: float
    shot_a: float
    """Shot noise variance per ampere, 2 q B, in A."""
    johnson_a2: float
    unnamed_a2: float
    """Variance of the noise beside shot and Johnson noise, in A^2."""
    intensity_noise: float
    """Relative rms of the laser's intensity, sqrt(RIN B)."""
    offset: float
    """Reading of a converter without any current, of full scale."""
    bits: int
    inl_lsb: float


def build_taps(config: PlantConfig, chip: Chip, optics: Optics) -> Taps:
    """The taps of a chip; none where it has none."""
    taps, wiring, laser = config.chip.taps, config.wiring, config.laser
    way = _ways(config.chip, chip)
    a_per_w = taps.responsivity_a_per_w * taps.share / (1.0 - taps.share)
    input_w = laser.power_w * optics.signal_share / config.chip.ports
    facet = 10.0 ** (-config.chip.loss.facet_db / 10.0)
    full_a = taps.responsivity_a_per_w * taps.share * input_w * facet * taps.full_scale_inputs
    resistor_k = config.receivers.temperature_c + 273.15
    johnson_a2 = 4.0 * BOLTZMANN_J_PER_K * resistor_k * taps.bandwidth_hz
    return Taps(
        arm=_wired(len(way), wiring.swapped_taps),
        gain=_gains(chip.tap_gain, wiring.hot_taps, wiring.dead_taps),
        way=way,
        a_per_w=a_per_w,
        dark_current_a=taps.dark_current_a,
        full_scale_a=full_a,
        shot_a=2.0 * ELEMENTARY_CHARGE_C * taps.bandwidth_hz,
        johnson_a2=johnson_a2 / taps.transimpedance_ohm,
        unnamed_a2=(taps.noise_share * full_a) ** 2,
        intensity_noise=float(np.sqrt(laser.rin_per_hz * taps.bandwidth_hz)),
        offset=taps.offset_share,
        bits=taps.bits,
        inl_lsb=taps.inl_lsb,
    )


def _ways(config: ChipConfig, chip: Chip) -> FloatArray:
    """Field transmission from the input fibres to every tap, interferometers left aside."""
    mesh = chip.architecture
    if not isinstance(mesh, MeshArchitecture) or not config.taps.share:
        return np.empty(0)
    column = mesh.shifter_sites()[_inner_shifters(mesh), 0] + 1.0
    length_cm = 100.0 * column * config.loss.shifter_pitch_m
    loss_db = config.loss.facet_db + config.loss.waveguide_db_per_cm * length_cm
    return np.asarray(np.repeat(10.0 ** (-loss_db / 20.0), 2))


def _inner_shifters(mesh: MeshArchitecture) -> NDArray[np.int64]:
    """The shifter between the couplers of every interferometer."""
    inner = 2 * np.arange(mesh.ports * (mesh.ports - 1) // 2) + 1
    if mesh.meshes == 1:
        return inner
    first = mesh.ports**2
    return np.concatenate([inner, first + np.arange(mesh.ports), first + mesh.ports + inner])


def _wired(count: int, swapped: Sequence[tuple[int, int]]) -> NDArray[np.int64]:
    order = np.arange(count)
    for one, other in swapped:
        order[[one, other]] = order[[other, one]]
    return order


def _gains(gain: FloatArray, hot: Sequence[int], dead: Sequence[int]) -> FloatArray:
    wired = gain.copy()
    wired[[*hot]] *= HOT_GAIN
    wired[[*dead]] = 0.0
    return wired


def tap_fields(taps: Taps, optics: Optics, phase_rad: FloatArray) -> ComplexArray:
    """Field that goes on in each arm per field at each input fibre, shape (taps, ports)."""
    inside = transfer_factors(optics.mesh, optics.couplers, phase_rad).splitter_in[1::2]
    rows = inside.reshape(len(taps.arm), -1) * optics.facet[0]
    return np.asarray(rows * taps.way[:, None])


@compiled_fast
def _detect(
    taps: Taps, input_w: float, light: FloatArray, common: FloatArray, noise: Any, out: FloatArray
) -> None:
    """Readings of full scale from light in units of one input's full scale."""
    for tap in range(light.shape[0]):
        arm, gain = taps.arm[tap], taps.gain[tap]
        for vector in range(light.shape[1]):
            light_a = taps.a_per_w * input_w * light[arm, vector]
            light_a *= 1.0 + taps.intensity_noise * common[vector]
            current_a = gain * light_a + taps.dark_current_a
            variance = taps.shot_a * current_a + taps.johnson_a2 + taps.unnamed_a2
            seen_a = current_a + np.sqrt(variance) * noise[tap, vector]
            share = seen_a / taps.full_scale_a + taps.offset
            out[tap, vector] = convert_positive(share, taps.bits, taps.inl_lsb)


def tap_readings(taps: Taps, optics: Optics, state: Any, arms: ComplexArray) -> FloatArray:
    """What the taps read.

    Args:
        taps: the taps.
        optics: the light path.
        state: the plant's state: light, power, and the names of the noise.
        arms: shape (taps, batch), fields in the arms, of one input's full scale.

    Returns:
        Shape (taps, batch), of full scale, offsets and dark currents included.
    """
    seen = np.zeros(arms.shape)
    if state["powered"][DETECTORS] == 0:
        return seen
    count, vectors = arms.shape
    noise = np.empty((count + 1) * (vectors + vectors % 2))
    stream = TAP_STREAM + (int(state["operations"]) << 8)
    fill_normal(int(state["seed"]), stream, int(state["tick"]), noise)
    table = noise.reshape(count + 1, -1)
    input_w = float(state["chip_power_w"]) * optics.signal_share / optics.mesh.ports
    _detect(taps, input_w, np.abs(arms) ** 2, table[-1], table, seen)
    return seen
