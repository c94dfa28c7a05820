"""Light through the chip in the 1 kHz tick: monitor taps and the laser's own monitor."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lumina.compiled import compiled_tick
from lumina.frames import SAFE_STATE
from lumina.theory.mesh import MeshArchitecture, MeshArrays
from lumina.theory.mesh_kernels import Couplers, couplers, propagate_vector
from twin.chip import Chip, path_transmission
from twin.config import PlantConfig
from twin.records import DETECTORS, LASER, TICK_S, clamp
from twin.rings import Bank, build_bank, illuminate_bank

__all__ = ["MOST_LIGHT_W", "Optics", "build_optics", "illuminate", "read_monitors"]

ELEMENTARY_CHARGE_C = 1.602176634e-19
BOLTZMANN_J_PER_K = 1.380649e-23
MOST_LIGHT_W = 10.0

NO_MESH = MeshArchitecture(2, "unitary")


class Optics(NamedTuple):
    """The chip's light path and its monitor detectors."""

    mesh: MeshArrays
    couplers: Couplers
    bank: Bank
    """Rings in place of a mesh; of 0 rows where there is a mesh."""
    path: float
    """Amplitude transmission of facets and waveguides."""
    facet: NDArray[np.float64]
    """Shape (2, ports): that of each input's and output's facet relative to the mean one."""
    signal_share: float
    """Share of the board's light that goes through the modulators."""
    intensity_noise: float
    """Relative rms intensity noise of a sample averaged over a tick."""
    monitor_a_per_w: float
    """Current of a monitor per watt at its output port, in A/W."""
    dark_current_a: float
    full_scale_a: float
    shot_a: float
    """Shot noise variance per ampere, 2 q B, in A."""
    johnson_a2: float
    """Johnson noise variance, in A^2."""
    top_code: int
    field: NDArray[np.complex128]
    """Shape (ports,): amplitudes, in sqrt(W)."""
    output_power_w: NDArray[np.float64]
    """Shape (ports,): light at the output ports, in W."""


def signal_share(config: PlantConfig) -> float:
    """Share of the light left for the modulators beside the local oscillators."""
    coherent = config.receivers.detection == "coherent"
    return 1.0 - config.receivers.oscillator_share if coherent else 1.0


def build_optics(config: PlantConfig, chip: Chip) -> Optics:
    """The light path of a plant, dark."""
    receivers, ports = config.receivers, chip.architecture.ports
    bandwidth_hz = 0.5 / TICK_S  # a mean over T passes 1 / 2T
    mesh, chip_couplers = build_mesh(chip)
    responsivity = receivers.responsivity_a_per_w * receivers.monitor_share
    resistor_k = receivers.temperature_c + 273.15
    return Optics(
        mesh=mesh,
        couplers=chip_couplers,
        bank=build_bank(chip),
        path=path_transmission(config.chip.loss, chip.architecture),
        facet=chip.facet_amplitude,
        signal_share=signal_share(config),
        intensity_noise=float(np.sqrt(config.laser.rin_per_hz * bandwidth_hz)),
        monitor_a_per_w=responsivity,
        dark_current_a=receivers.dark_current_a,
        full_scale_a=responsivity * config.laser.power_w * signal_share(config),
        shot_a=2.0 * ELEMENTARY_CHARGE_C * bandwidth_hz,
        johnson_a2=4.0 * BOLTZMANN_J_PER_K * resistor_k * bandwidth_hz / receivers.monitor_ohm,
        top_code=(1 << receivers.monitor_bits) - 1,
        field=np.zeros(ports, np.complex128),
        output_power_w=np.zeros(ports),
    )


def build_mesh(chip: Chip) -> tuple[MeshArrays, Couplers]:
    """The chip's mesh; where it has rings instead, the smallest one, which stays dark."""
    mesh = chip.architecture
    if not isinstance(mesh, MeshArchitecture):
        return NO_MESH.arrays(), couplers(NO_MESH)
    return mesh.arrays(), couplers(mesh, chip.splitter_error_rad, chip.interferometer_amplitude)


@compiled_tick
def illuminate(optics: Optics, state: Any, inputs: Any, head: Any, phase_rad: Any) -> None:
    """Send the laser's light through the chip, evenly into all ports.

    Between batches the modulators stand at full scale, so all inputs are bright.
    """
    dark = inputs.laser_on != 1.0 or state.powered[LASER] == 0 or (head.flags & SAFE_STATE) != 0
    state.chip_power_w = 0.0
    if not dark:
        scale = clamp(head.laser_scale, 0.0, 1.0)
        emitted_w = clamp(inputs.laser_power_w, 0.0, MOST_LIGHT_W) * state.laser_drift
        state.chip_power_w = scale * emitted_w * (1.0 - clamp(inputs.laser_dip, 0.0, 1.0))
    if state.chip_power_w == 0.0:
        optics.output_power_w[:] = 0.0
        return
    if optics.bank.dropped.size > 0:
        rows = optics.output_power_w.size
        channel_w = state.chip_power_w * optics.path**2 / (rows * rows)
        illuminate_bank(optics.bank, phase_rad, channel_w, optics.output_power_w)
        return
    field = optics.field
    amplitude = optics.path * np.sqrt(state.chip_power_w * optics.signal_share / field.size)
    for port in range(field.size):
        field[port] = amplitude * optics.facet[0, port]
    propagate_vector(optics.mesh, optics.couplers, phase_rad, field)
    for port in range(field.size):
        light_w = field[port].real ** 2 + field[port].imag ** 2
        optics.output_power_w[port] = light_w * optics.facet[1, port] ** 2


@compiled_tick
def read_monitors(optics: Optics, state: Any, inputs: Any, noise: Any, sensor: Any) -> None:
    """Fill the detector codes and the laser monitor of the frame.

    Args:
        optics: the light path after `illuminate`.
        state: the plant's state.
        inputs: the plant's inputs.
        noise: shape (ports + 1,) or longer, standard normal; the last used is the laser's.
        sensor: the frame to fill.
    """
    code = sensor.detector_code
    if state.powered[DETECTORS] == 0:
        code[:] = 0
        sensor.head[0].laser_power_w = 0.0
        return
    intensity = 1.0 + optics.intensity_noise * noise[code.size]
    sensor.head[0].laser_power_w = state.chip_power_w * intensity
    codes_per_a = optics.top_code / optics.full_scale_a
    stray_a = optics.monitor_a_per_w * clamp(inputs.stray_light_w, 0.0, MOST_LIGHT_W)
    for port in range(code.size):
        light_a = optics.monitor_a_per_w * optics.output_power_w[port] * intensity
        current_a = light_a + optics.dark_current_a + stray_a
        variance = optics.shot_a * current_a + optics.johnson_a2
        seen = (current_a + np.sqrt(variance) * noise[port]) * codes_per_a + 0.5
        code[port] = np.uint16(min(max(seen, 0.0), optics.top_code))
