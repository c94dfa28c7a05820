"""From light at the receivers to readings: the three ways of detection, in compiled code.

`receivers` is `twin.receivers.Receivers`; `noise` has two rows for the laser, then one for each
quadrature of each receiver.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lumina.compiled import compiled_fast
from twin.converters import convert, convert_positive

__all__ = ["detect_balanced", "detect_coherent", "detect_direct", "laser_noise"]

ComplexArray = NDArray[np.complex128]


@compiled_fast
def laser_noise(receivers: Any, noise: Any, common: ComplexArray) -> None:
    """The factor on all outputs of each vector: the laser's intensity and phase."""
    for vector in range(common.size):
        size = 1.0 + receivers.intensity_noise * noise[0, vector]
        turn = receivers.phase_noise_rad * noise[1, vector]
        common[vector] = complex(size * np.cos(turn), size * np.sin(turn))


@compiled_fast
def detect_coherent(
    receivers: Any,
    power_w: float,
    stray_a: float,
    outputs: ComplexArray,
    common: ComplexArray,
    noise: Any,
) -> None:
    """Replace output fields (of an input's full scale) by readings of full scale."""
    ports, vectors = outputs.shape
    oscillator_w = power_w * receivers.oscillator_share / ports
    input_w = power_w * receivers.signal_share / ports
    gain = receivers.responsivity_a_per_w * np.sqrt(input_w * oscillator_w)
    gain /= receivers.full_scale_a
    half_a_per_w = 0.5 * receivers.responsivity_a_per_w
    stray = stray_a / receivers.full_scale_a
    bits, inl_lsb = receivers.bits, receivers.inl_lsb
    for port in range(ports):
        offset = receivers.offset[port]
        for vector in range(vectors):
            field = outputs[port, vector]
            light_w = oscillator_w + input_w * (field.real**2 + field.imag**2)
            current_a = half_a_per_w * light_w + 2.0 * receivers.dark_current_a + stray_a
            variance = receivers.shot_a * current_a + receivers.johnson_a2 + receivers.unnamed_a2
            rms = np.sqrt(variance) / receivers.full_scale_a
            beat = receivers.gain[port] * (gain * common[vector] * field)
            in_phase = beat.real + offset.real + rms * noise[2 + port, vector] + stray
            across = beat.imag + offset.imag + rms * noise[2 + ports + port, vector] + stray
            outputs[port, vector] = complex(
                convert(in_phase, bits, inl_lsb), convert(across, bits, inl_lsb)
            )


@compiled_fast
def detect_direct(
    receivers: Any,
    power_w: float,
    stray_a: float,
    outputs: ComplexArray,
    common: ComplexArray,
    noise: Any,
) -> None:
    """Replace output fields (of an input's full scale) by powers of full scale."""
    ports, vectors = outputs.shape
    gain_a = receivers.responsivity_a_per_w * power_w * receivers.signal_share / ports
    for port in range(ports):
        for vector in range(vectors):
            field = outputs[port, vector]
            light_a = gain_a * abs(common[vector]) * (field.real**2 + field.imag**2) + stray_a
            variance = receivers.shot_a * (light_a + receivers.dark_current_a)
            rms_a = np.sqrt(variance + receivers.johnson_a2 + receivers.unnamed_a2)
            seen_a = receivers.gain[port] * light_a + rms_a * noise[2 + port, vector]
            seen = seen_a / receivers.full_scale_a + receivers.offset[port].real
            outputs[port, vector] = convert_positive(seen, receivers.bits, receivers.inl_lsb)


@compiled_fast
def detect_balanced(
    receivers: Any,
    power_w: float,
    stray_a: float,
    outputs: ComplexArray,
    common: ComplexArray,
    noise: Any,
) -> None:
    """Replace powers (real: difference of a pair, imaginary: its sum) by signed readings."""
    ports, vectors = outputs.shape
    gain_a = receivers.responsivity_a_per_w * power_w * receivers.signal_share / (ports * ports)
    for port in range(ports):
        for vector in range(vectors):
            light_a = gain_a * abs(common[vector]) * outputs[port, vector] + (1.0 + 1.0j) * stray_a
            variance = receivers.shot_a * (light_a.imag + 2.0 * receivers.dark_current_a)
            rms_a = np.sqrt(variance + receivers.johnson_a2 + receivers.unnamed_a2)
            seen_a = receivers.gain[port] * light_a.real + rms_a * noise[2 + port, vector]
            seen = seen_a / receivers.full_scale_a + receivers.offset[port].real
            outputs[port, vector] = convert(seen, receivers.bits, receivers.inl_lsb)
