"""What a calibration may ask of a chip: drive it, warm it, look at its light."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lumina.errors import CalibrationError
from lumina.theory.architecture import ChipArchitecture
from lumina.theory.mesh import MeshArchitecture

__all__ = ["ChipUnderTest", "mesh_of", "settable_v"]


class ChipUnderTest(Protocol):
    """The bench's own interfaces, gathered for one chip. It cannot see the plant."""

    @property
    def name(self) -> str:
        """The device's name in the lab config."""

    @property
    def architecture(self) -> ChipArchitecture:
        """Ports, and the interferometers or rings between them."""

    @property
    def max_drive_v(self) -> float:
        """Highest heater drive, in V."""

    @property
    def drive_step_v(self) -> float:
        """Step of the drives that the heaters' converters can give, in V."""

    @property
    def taps(self) -> int:
        """Monitors inside the mesh, two behind every interferometer; 0 where it has none."""

    @property
    def nominal_phase_rad_per_v2(self) -> float:
        """Data-sheet phase per squared drive voltage, in rad/V^2."""

    async def set_drive_v(self, drive_v: NDArray[np.float64]) -> None:
        """Drive every heater, shape (shifters,), in V; returns once the phases stand."""

    async def measure_transfer(self, repeats: int = 1) -> NDArray[np.complex128]:
        """The complex transfer matrix as the receivers see it, mean of `repeats`.

        Shape (outputs, inputs), in units of the receivers' full scale; noisy.
        """

    async def measure_readings(
        self, fields: NDArray[np.complex128], repeats: int = 1
    ) -> NDArray[np.complex128]:
        """What the receivers read for these inputs, mean of `repeats`.

        Args:
            fields: shape (inputs, batch), amplitudes of the modulators' full scale.
            repeats: measurements averaged.

        Returns:
            Shape (outputs, batch): amplitudes (coherent) or powers (direct), of full scale.
        """

    async def measure_taps(
        self, fields: NDArray[np.complex128], repeats: int = 1
    ) -> NDArray[np.float64]:
        """What the taps inside the mesh read for these inputs, mean of `repeats`.

        Args:
            fields: as of `measure_readings`.
            repeats: readings averaged.

        Returns:
            Shape (taps, batch): powers, of the taps' full scale, dark currents included.
        """

    async def set_carrier_c(self, carrier_c: float) -> None:
        """Move the carrier's set point, in C; returns once die and carrier stand still."""

    def die_temperature_c(self) -> float:
        """The loop's present estimate of the die temperature, in C."""


def mesh_of(chip: ChipUnderTest) -> MeshArchitecture:
    """The arrangement of a chip's interferometers.

    Raises:
        CalibrationError: it has none.
    """
    architecture = chip.architecture
    if not isinstance(architecture, MeshArchitecture):
        raise CalibrationError(f"{chip.name}: has {architecture.kind}, no interferometers")
    return architecture


def settable_v(chip: ChipUnderTest, drive_v: NDArray[np.float64]) -> NDArray[np.float64]:
    """Those drives closest to these that the chip's converters can give, in V.

    What is measured at them is not blurred by the rest: with 12 bits it is a phase of a
    milliradian per heater.
    """
    step_v = chip.drive_step_v
    return np.asarray(np.round(drive_v / step_v) * step_v)
