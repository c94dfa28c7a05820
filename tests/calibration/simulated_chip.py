"""A chip with hidden parameters, behind the interface that a calibration may use."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lumina.theory.drive import self_heated
from lumina.theory.mesh import MeshArchitecture, MeshKind
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
    amplitude: float


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
        amplitude=float(10 ** (-rng.uniform(0.0, 0.1) / 20.0)),
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
    ) -> None:
        self.name = f"chip {seed}"
        self.architecture = MeshArchitecture(ports, kind)
        self.max_drive_v = 10.0
        self.nominal_phase_rad_per_v2 = NOMINAL_RAD_PER_V2
        self.hidden = hidden_chip(self.architecture, seed, splitter_sigma_rad)
        self.noise, self.measurements = noise, 0
        self._dead, self._rng = list(dead), np.random.default_rng([seed, 1])
        self._wiring = np.arange(self.architecture.shifters)
        if swapped:
            self._wiring[list(swapped)] = swapped[::-1]
        self._drive_v = np.zeros(self.architecture.shifters)
        self.carrier_c = 45.0
        self._couplers = couplers(
            self.architecture, self.hidden.splitter_error_rad, self.hidden.amplitude
        )

    async def set_drive_v(self, drive_v: FloatArray) -> None:
        assert np.all((drive_v >= 0.0) & (drive_v <= self.max_drive_v))
        step_v = self.max_drive_v / (2**DRIVE_BITS - 1)
        self._drive_v = (np.round(drive_v / step_v) * step_v)[self._wiring]
        self._drive_v[self._dead] = 0.0

    async def measure_transfer(self, repeats: int = 1) -> ComplexArray:
        self.measurements += repeats
        shape = (self.architecture.ports, self.architecture.ports, 2)
        noise = self._rng.standard_normal(shape) @ np.array([1.0, 1.0j])
        seen: ComplexArray = self.true_transfer() + noise * (self.noise / np.sqrt(2.0 * repeats))
        return seen

    async def set_carrier_c(self, carrier_c: float) -> None:
        self.carrier_c = carrier_c

    def die_temperature_c(self) -> float:
        return self._die_c() + 1e-3 * float(self._rng.standard_normal())

    def true_transfer(self) -> ComplexArray:
        hidden = self.hidden
        warmth = hidden.tempco * (self._die_c() - 47.0)
        phase = hidden.phi0_rad + hidden.crosstalk @ self._own_phases_rad() + warmth
        matrix = transfer(self.architecture.arrays(), self._couplers, phase)
        return np.multiply(hidden.gain, matrix)

    def _own_phases_rad(self) -> FloatArray:
        return self.hidden.phase_gain * self_heated(self._drive_v**2, self.hidden.curvature)

    def _die_c(self) -> float:
        heat_w = float(self._own_phases_rad().sum()) / np.pi * PI_POWER_W
        return self.carrier_c + DIE_K_PER_W * heat_w
