"""A bank of rings with hidden parameters, behind the interface that a calibration may use."""

import numpy as np
from numpy.typing import NDArray

from lumina.theory.drive import self_heated
from lumina.theory.rings import Rings, WeightBank, bank_weights

FloatArray = NDArray[np.float64]

BANK = WeightBank(4, 0.698, 0.1)
NOMINAL_RAD_PER_V2 = np.pi / 20.0
ROW_GAIN = 0.15
DRIFT_RAD_PER_K = 0.0436


class HiddenBank:
    """Implements `calibration.chip.ChipUnderTest`."""

    def __init__(
        self, seed: int, *, dead: tuple[int, ...] = (), dark: bool = False, noise: float = 2e-4
    ) -> None:
        rng = np.random.default_rng(seed)
        count = BANK.shifters
        self.name, self.architecture, self.max_drive_v = f"bank {seed}", BANK, 10.0
        self.drive_step_v, self.taps = 1e-6, 0
        self.nominal_phase_rad_per_v2 = NOMINAL_RAD_PER_V2
        self.gain = NOMINAL_RAD_PER_V2 * (1.0 + 0.03 * np.clip(rng.normal(size=count), -3, 3))
        self.curvature = rng.uniform(0.05, 0.2, count) * self.gain / (2.0 * np.pi)
        self.phi0_rad = rng.uniform(0.0, 2.0 * np.pi, count)
        self.tempco = DRIFT_RAD_PER_K * (1.0 + 0.02 * rng.normal(size=count))
        self.rings = Rings(
            BANK.spacing_rad,
            BANK.width_rad * (1.0 + 0.03 * rng.normal(size=count)),
            np.full(count, 0.9),
            np.full(count, 0.03),
        )
        sites = BANK.shifter_sites()
        distance = np.linalg.norm(sites[:, None] - sites, axis=2)
        self.crosstalk = np.where(distance < 4.0, 0.005**distance, 0.0) + 1e-4
        np.fill_diagonal(self.crosstalk, 1.0)
        self.carrier_c, self.measurements = 45.0, 0
        self._dead, self._light, self._noise = list(dead), 0.0 if dark else ROW_GAIN, noise
        self._rng, self._drive_v = np.random.default_rng([seed, 1]), np.zeros(count)

    async def set_drive_v(self, drive_v: FloatArray) -> None:
        assert np.all((drive_v >= 0.0) & (drive_v <= self.max_drive_v))
        self._drive_v = drive_v.copy()
        self._drive_v[self._dead] = 0.0

    async def measure_transfer(self, repeats: int = 1) -> NDArray[np.complex128]:
        return await self.measure_readings(np.eye(BANK.ports, dtype=complex), repeats)

    async def measure_readings(
        self, fields: NDArray[np.complex128], repeats: int = 1
    ) -> NDArray[np.complex128]:
        self.measurements += repeats
        seen = self._light * self.weights() @ fields.real
        seen += self._rng.normal(size=seen.shape) * self._noise / np.sqrt(repeats)
        return seen.astype(complex)

    async def measure_taps(
        self, fields: NDArray[np.complex128], repeats: int = 1
    ) -> NDArray[np.float64]:
        raise AssertionError("a bank has no taps")

    async def set_carrier_c(self, carrier_c: float) -> None:
        self.carrier_c = carrier_c

    def die_temperature_c(self) -> float:
        return self.carrier_c + 0.02 * float(self._own_rad().sum()) / np.pi

    def weights(self) -> FloatArray:
        """The truth, shape (rows, channels)."""
        warming = self.die_temperature_c() - 45.0
        theta = self.phi0_rad + self.crosstalk @ self._own_rad() + self.tempco * warming
        dropped, passed = np.empty((BANK.ports,) * 2), np.empty((BANK.ports,) * 2)
        bank_weights(self.rings, theta, dropped, passed)
        return dropped - passed

    def _own_rad(self) -> FloatArray:
        return self.gain * self_heated(self._drive_v**2, self.curvature)
