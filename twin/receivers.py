"""The fast optical data path: modulators, detectors, their noise and their converters.

Coherent: a 90-degree hybrid and two balanced pairs per output beat the signal with a
local oscillator from the same laser. Each quadrature carries R sqrt(P_s P_lo) times the
cosine or sine of the phase; its shot noise is that of both diodes of the pair, which
together see half of all light. The laser's intensity noise scales signal and oscillator
alike, so all outputs by one factor; its phase noise turns all outputs by one angle of
variance 2 pi x linewidth x delay between the two ways. Direct: one photodiode per output.
Stray light falls on one diode of each pair, so it is not balanced away.
Balanced (weight banks): powers in, and two photodiodes per row whose currents are subtracted;
the difference carries the shot noise of both.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lumina.compiled import compiled_fast
from lumina.errors import MatrixError
from lumina.theory.noise import fill_normal
from twin.chip import Chip
from twin.config import PlantConfig
from twin.converters import convert, convert_positive
from twin.detection import detect_balanced, detect_coherent, detect_direct, laser_noise
from twin.optics import BOLTZMANN_J_PER_K, ELEMENTARY_CHARGE_C, MOST_LIGHT_W, Optics
from twin.records import DETECTORS, clamp

__all__ = [
    "RECEIVER_STREAM",
    "Receivers",
    "amplitude_gain",
    "build_receivers",
    "check_fields",
    "detect",
    "modulate",
    "pass_through",
]

HOT_GAIN = 4.0
"""Gain of a receiver whose amplifier is set wrong."""
COHERENT, DIRECT, BALANCED = 0, 1, 2
DETECTIONS = {"coherent": COHERENT, "direct": DIRECT, "balanced": BALANCED}

RECEIVER_STREAM = 2
"""Noise stream of the receivers."""

ComplexArray = NDArray[np.complex128]


class Receivers(NamedTuple):
    """Modulators and receivers of a board."""

    ports: int
    detection: int
    """COHERENT, DIRECT or BALANCED."""
    bits: int
    inl_lsb: float
    signal_share: float
    oscillator_share: float
    responsivity_a_per_w: float
    dark_current_a: float
    full_scale_a: float
    shot_a: float
    """Shot noise variance per ampere, 2 q B, in A."""
    johnson_a2: float
    """Johnson noise variance 4 k T B / R, in A^2."""
    unnamed_a2: float
    """Variance of the noise beside shot and Johnson noise, in A^2."""
    intensity_noise: float
    """Relative rms of the laser's intensity, sqrt(RIN B)."""
    phase_noise_rad: float
    """Rms of the phase between signal and oscillator, in rad."""
    output: NDArray[np.int64]
    """Shape (ports,): the output whose light each receiver sees."""
    gain: NDArray[np.float64]
    """Shape (ports,): gain of each receiver relative to its design."""
    offset: ComplexArray
    """Shape (ports,): reading of each receiver in the dark, of full scale."""


def build_receivers(config: PlantConfig, chip: Chip, optics: Optics) -> Receivers:
    """The receivers, their full scale set for the configured laser power."""
    receivers, laser, ports = config.receivers, config.laser, config.chip.ports
    bandwidth_hz, resistor_k = receivers.bandwidth_hz, receivers.temperature_c + 273.15
    full_a = receivers.responsivity_a_per_w * _unit_light_w(config, optics)
    full_scale_a = full_a / receivers.full_scale_share
    return Receivers(
        ports=ports,
        detection=DETECTIONS[receivers.detection],
        bits=receivers.bits,
        inl_lsb=receivers.inl_lsb,
        signal_share=optics.signal_share,
        oscillator_share=receivers.oscillator_share,
        responsivity_a_per_w=receivers.responsivity_a_per_w,
        dark_current_a=receivers.dark_current_a,
        full_scale_a=full_scale_a,
        shot_a=2.0 * ELEMENTARY_CHARGE_C * bandwidth_hz,
        johnson_a2=4.0
        * BOLTZMANN_J_PER_K
        * resistor_k
        * bandwidth_hz
        / receivers.transimpedance_ohm,
        unnamed_a2=(receivers.noise_share * full_scale_a) ** 2,
        intensity_noise=float(np.sqrt(laser.rin_per_hz * bandwidth_hz)),
        phase_noise_rad=float(np.sqrt(2 * np.pi * laser.linewidth_hz * receivers.delay_mismatch_s)),
        output=_wired_outputs(ports, config.wiring.swapped_outputs),
        gain=_wired_gain(chip.receiver_gain, config.wiring.hot_outputs),
        offset=chip.receiver_offset,
    )


def _unit_light_w(config: PlantConfig, optics: Optics) -> float:
    """Light, or beat of signal and oscillator, that a path of full transmission brings, in W.

    In a weight bank that is a row with all its channels at full power and weight 1.
    """
    laser, receivers, ports = config.laser, config.receivers, config.chip.ports
    # A wave crosses 2 MZIs per MZI and port of the mesh, on average.
    crossed = 2.0 * config.chip.architecture().interferometers / ports
    loss_db = config.chip.interferometer_db * crossed
    signal_w = laser.power_w * optics.signal_share / ports * optics.path**2
    signal_w *= 10.0 ** (-loss_db / 10.0)
    if receivers.detection != "coherent":
        return float(signal_w)
    return float(np.sqrt(signal_w * laser.power_w * receivers.oscillator_share / ports))


def _wired_outputs(ports: int, swapped: Sequence[tuple[int, int]]) -> NDArray[np.int64]:
    order = np.arange(ports)
    for one, other in swapped:
        order[[one, other]] = order[[other, one]]
    return order


def _wired_gain(gain: NDArray[np.float64], hot: Sequence[int]) -> NDArray[np.float64]:
    wired = gain.copy()
    wired[[*hot]] *= HOT_GAIN
    return wired


@compiled_fast
def _modulate(receivers: Receivers, fields: ComplexArray, out: ComplexArray) -> None:
    """Both quadratures through the converters, beyond full scale clipped in modulus."""
    for port in range(fields.shape[0]):
        for vector in range(fields.shape[1]):
            re, im = fields[port, vector].real, fields[port, vector].imag
            excess = max(np.sqrt(re * re + im * im), 1.0)
            out[port, vector] = complex(
                convert(re / excess, receivers.bits, receivers.inl_lsb),
                convert(im / excess, receivers.bits, receivers.inl_lsb),
            )


@compiled_fast
def _modulate_power(receivers: Receivers, fields: ComplexArray, out: ComplexArray) -> None:
    """Powers of 0 to full scale through the converters."""
    for port in range(fields.shape[0]):
        for vector in range(fields.shape[1]):
            power = fields[port, vector].real
            out[port, vector] = convert_positive(power, receivers.bits, receivers.inl_lsb)


def check_fields(receivers: Receivers, fields: ComplexArray) -> None:
    """Refuse what cannot be sent.

    Raises:
        MatrixError: the shape is not (ports, batch), or a value is not finite.
    """
    if fields.ndim != 2 or fields.shape[0] != receivers.ports:
        raise MatrixError(f"fields have shape {fields.shape}, not ({receivers.ports}, batch)")
    if not np.all(np.isfinite(fields)):
        raise MatrixError("fields hold values that are not finite")


def modulate(receivers: Receivers, fields: ComplexArray) -> ComplexArray:
    """Fields, or powers, as the modulators make them, of full scale, shape (ports, batch)."""
    out = np.empty(fields.shape, np.complex128)
    kernel = _modulate_power if receivers.detection == BALANCED else _modulate
    kernel(receivers, np.ascontiguousarray(fields, np.complex128), out)
    return out


@compiled_fast
def _pass(matrix: ComplexArray, fields: ComplexArray, out: ComplexArray) -> None:
    for row in range(matrix.shape[0]):
        for vector in range(fields.shape[1]):
            out[row, vector] = 0.0
        for column in range(matrix.shape[1]):
            weight = matrix[row, column]
            for vector in range(fields.shape[1]):
                out[row, vector] += weight * fields[column, vector]


def pass_through(matrix: ComplexArray, fields: ComplexArray) -> ComplexArray:
    """matrix @ fields, by our own loops.

    A BLAS would start threads, which get in the way of the 1 kHz loop's, and would sum
    in an order that depends on them.
    """
    out = np.empty((len(matrix), fields.shape[1]), np.complex128)
    _pass(matrix, fields, out)
    return out


def amplitude_gain(receivers: Receivers, power_w: float) -> float:
    """Reading of coherent receivers for one input's full scale through a clear chip."""
    oscillator_w = power_w * receivers.oscillator_share / receivers.ports
    input_w = power_w * receivers.signal_share / receivers.ports
    current_a = receivers.responsivity_a_per_w * np.sqrt(input_w * oscillator_w)
    return float(current_a / receivers.full_scale_a)


KERNELS: dict[int, Any] = {
    COHERENT: detect_coherent,
    DIRECT: detect_direct,
    BALANCED: detect_balanced,
}


def detect(receivers: Receivers, state: Any, inputs: Any, outputs: ComplexArray) -> ComplexArray:
    """Readings of the receivers, from fields relative to one input's full scale.

    Args:
        receivers: the receivers.
        state: the plant's state: light, power, and the names of the noise.
        inputs: the plant's inputs.
        outputs: shape (ports, batch), used up.
    """
    if state["powered"][DETECTORS] == 0:
        outputs[:] = 0.0
        return outputs
    outputs = outputs[receivers.output]
    rows = 2 + (2 if receivers.detection == COHERENT else 1) * receivers.ports
    vectors = outputs.shape[1]
    noise = np.empty(rows * (vectors + vectors % 2))
    stream = RECEIVER_STREAM + (int(state["operations"]) << 8)
    fill_normal(int(state["seed"]), stream, int(state["tick"]), noise)
    table, common = noise.reshape(rows, -1), np.empty(vectors, np.complex128)
    laser_noise(receivers, table, common)
    stray_w = clamp(float(inputs["stray_light_w"]), 0.0, MOST_LIGHT_W)
    stray_a = receivers.responsivity_a_per_w * stray_w
    kernel = KERNELS[receivers.detection]
    kernel(receivers, float(state["chip_power_w"]), stray_a, outputs, common, table)
    return outputs
