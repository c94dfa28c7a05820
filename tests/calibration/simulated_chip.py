"""A chip with hidden parameters, behind the interface that a calibration may use."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lumina.theory.drive import self_heated
from lumina.theory.mesh import MeshArchitecture, MeshKind
from lumina.theory.mesh_derivatives import transfer_factors
from lumina.theory.mesh_kernels import couplers, transfer

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]

PI_POWER_W = 0.025
DIE_K_PER_W = 0.15
DRIVE_BITS = 14
NOMINAL_RAD_PER_V2 = np.pi / 20.0


class Hidden(NamedTuple):
    """What the calibration is to find."""

    phase_gain: FloatArray
    curvature: FloatArray
    phi0_rad: FloatArray
    splitter_error_rad: FloatArray
    crosstalk: FloatArray
    tempco: FloatArray
    gain: complex
    amplitude: FloatArray
    output_gain: FloatArray
    input_gain: FloatArray
    offset: ComplexArray


def hidden_chip(architecture: MeshArchitecture, seed: int, splitter_sigma_rad: float) -> Hidden:
    rng = np.random.default_rng(seed)
    count = architecture.shifters
    gain = NOMINAL_RAD_PER_V2 * (1.0 + 0.03 * rng.standard_normal(count))
    sites = architecture.shifter_sites()
    distance = np.linalg.norm(sites[:, None] - sites[None, :], axis=2)
    crosstalk = np.exp(np.log(0.005) * distance) * (distance < 4.0) + rng.uniform(1e-5, 1e-4)
    np.fill_diagonal(crosstalk, 1.0)
    return Hidden(
        phase_gain=gain,
        curvature=rng.uniform(0.02, 0.06, count) * gain / (2.0 * np.pi),
        phi0_rad=rng.uniform(0.0, 2.0 * np.pi, count),
        splitter_error_rad=splitter_sigma_rad * rng.standard_normal(architecture.splitters),
        crosstalk=crosstalk,
        tempco=0.075 * rng.standard_normal(count),
        gain=0.6 * np.exp(1j * rng.uniform(0.0, 2.0 * np.pi)),
        amplitude=10 ** (-rng.uniform(0.0, 0.1) * np.ones(architecture.interferometers) / 20.0),
        output_gain=np.ones(architecture.ports),
        input_gain=np.ones(architecture.ports),
        offset=np.zeros(architecture.ports, complex),
    )


def with_uneven_ports(hidden: Hidden, seed: int) -> Hidden:
    """The same chip with losses, facets and receivers that differ."""
    rng = np.random.default_rng([seed, 2])
    ports = len(hidden.output_gain)
    spread = 10 ** (-0.03 * np.abs(rng.standard_normal(len(hidden.amplitude))) / 20.0)
    return hidden._replace(
        amplitude=hidden.amplitude * spread,
        output_gain=np.exp(0.05 * rng.standard_normal(ports)),
        input_gain=np.exp(0.03 * rng.standard_normal(ports)),
        offset=2e-3 * (rng.standard_normal((ports, 2)) @ np.array([1.0, 1.0j])),
    )


class SimulatedChip:
    """Implements `calibration.chip.ChipUnderTest`."""

    def __init__(
        self,
        ports: int,
        kind: MeshKind = "svd",
        *,
        seed: int,
        noise: float = 2e-3,
        splitter_sigma_rad: float = 0.02,
        dead: tuple[int, ...] = (),
        swapped: tuple[int, int] | None = None,
        crossed: tuple[int, int] | None = None,
        strong: tuple[int, ...] = (),
        loose: tuple[int, ...] = (),
        taps: bool = False,
        dead_taps: tuple[int, ...] = (),
        hot_taps: tuple[int, ...] = (),
        swapped_taps: tuple[int, int] | None = None,
    ) -> None:
        """A chip; wrong wires by channel.

        Args:
            ports: inputs and outputs.
            kind: of its mesh.
            seed: of its parameters.
            noise: rms of a matrix element.
            splitter_sigma_rad: of its couplers.
            dead: heaters that stay cold.
            swapped: two heaters that get each other's drive.
            crossed: two outputs on each other's receiver.
            strong: receivers with four times the gain.
            loose: heaters with a bad contact.
            taps: whether it has any inside its mesh.
            dead_taps: taps that see nothing.
            hot_taps: taps that saturate in the light of one input.
            swapped_taps: two taps on each other's converter.
        """
        self.name = f"chip {seed}"
        self.architecture = MeshArchitecture(ports, kind)
        self.max_drive_v = 10.0
        self.drive_step_v = self.max_drive_v / (2**DRIVE_BITS - 1)
        self.nominal_phase_rad_per_v2 = NOMINAL_RAD_PER_V2
        self.hidden = hidden_chip(self.architecture, seed, splitter_sigma_rad)
        self.noise, self.measurements = noise, 0
        self._dead, self._rng = list(dead), np.random.default_rng([seed, 1])
        self._wiring = np.arange(self.architecture.shifters)
        if swapped:
            self._wiring[list(swapped)] = swapped[::-1]
        self._receiver = np.arange(ports)
        if crossed:
            self._receiver[list(crossed)] = crossed[::-1]
        self._strong, self._loose = list(strong), list(loose)
        self.taps = 2 * self.architecture.interferometers if taps else 0
        self._tap_gain = 0.25 * (1.0 + 0.05 * self._rng.standard_normal(self.taps))
        self._tap_gain[[*dead_taps]] = 0.0
        self._tap_gain[[*hot_taps]] = 2.0
        self._tap = np.arange(self.taps)
        if swapped_taps:
            self._tap[list(swapped_taps)] = swapped_taps[::-1]
        self._drive_v = np.zeros(self.architecture.shifters)
        self.carrier_c, self.unrest_k = 45.0, 0.0
        self._couplers = couplers(
            self.architecture, self.hidden.splitter_error_rad, self.hidden.amplitude
        )

    async def set_drive_v(self, drive_v: FloatArray) -> None:
        assert np.all((drive_v >= 0.0) & (drive_v <= self.max_drive_v))
        step_v = self.drive_step_v
        self._drive_v = (np.round(drive_v / step_v) * step_v)[self._wiring]
        self._drive_v[self._dead] = 0.0
        self._drive_v[self._loose] *= np.sqrt(self._rng.random(len(self._loose)))

    async def measure_transfer(self, repeats: int = 1) -> ComplexArray:
        self.measurements += repeats
        return self._read(np.eye(self.architecture.ports, dtype=complex), repeats)

    async def measure_readings(self, fields: ComplexArray, repeats: int = 1) -> ComplexArray:
        # Anything but the dark counts as a measured matrix, as in the calibration's own count.
        self.measurements += repeats if fields.any() else 0
        return self._read(fields, repeats)

    async def measure_taps(self, fields: ComplexArray, repeats: int = 1) -> FloatArray:
        factors = transfer_factors(self.architecture.arrays(), self._couplers, self._phases_rad())
        rows = factors.splitter_in[1::2].reshape(self.taps, -1) * self.hidden.input_gain
        light = self._tap_gain[:, None] * np.abs(rows[self._tap] @ fields) ** 2
        noise = 2e-3 / np.sqrt(repeats) * self._rng.standard_normal(light.shape)
        return np.asarray(np.clip(light + 2e-3 + noise, 0.0, 1.0))

    def _read(self, fields: ComplexArray, repeats: int) -> ComplexArray:
        seen = (self.true_transfer() @ fields)[self._receiver]
        seen[self._strong] *= 4.0
        seen += self.hidden.offset[:, None]
        seen = np.clip(seen.real, -1.0, 1.0) + 1j * np.clip(seen.imag, -1.0, 1.0)
        noise = self._rng.standard_normal((*seen.shape, 2)) @ np.array([1.0, 1.0j])
        return np.asarray(seen + noise * (self.noise / np.sqrt(2.0 * repeats)))

    async def set_carrier_c(self, carrier_c: float) -> None:
        self.carrier_c = carrier_c

    def die_temperature_c(self) -> float:
        noise_k = 1e-3 + self.unrest_k
        return self._die_c() + noise_k * float(self._rng.standard_normal())

    def true_transfer(self) -> ComplexArray:
        hidden = self.hidden
        matrix = transfer(self.architecture.arrays(), self._couplers, self._phases_rad())
        ends = hidden.output_gain[:, None] * hidden.input_gain
        return np.asarray(hidden.gain * ends * matrix)

    def use(self, hidden: Hidden) -> None:
        """Be another chip."""
        self.hidden = hidden
        self._couplers = couplers(self.architecture, hidden.splitter_error_rad, hidden.amplitude)

    def _phases_rad(self) -> FloatArray:
        hidden = self.hidden
        warmth = hidden.tempco * (self._die_c() - 47.0)
        return hidden.phi0_rad + hidden.crosstalk @ self._own_phases_rad() + warmth

    def _own_phases_rad(self) -> FloatArray:
        return self.hidden.phase_gain * self_heated(self._drive_v**2, self.hidden.curvature)

    def _die_c(self) -> float:
        heat_w = float(self._own_phases_rad().sum()) / np.pi * PI_POWER_W
        return self.carrier_c + DIE_K_PER_W * heat_w
