"""The parameters of a calibration as a fit moves them: in blocks, each with its unit.

At one setting every parameter is a change of some elements (`calibration.mesh.elements`):
an own phase that a heater gives grows with its gain, a coefficient of crosstalk turns all
shifters that have a neighbour at that place. `Parameters` is that linear map and its
transpose. Crosstalk is neglected where it would correct a correction.
"""

from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.mesh.elements import Elements, Point
from calibration.neighbours import Neighbours
from calibration.result import ChipCalibration
from lumina.theory.mesh import MeshArchitecture

__all__ = ["SHIFTER_BLOCKS", "Block", "Parameters"]

FloatArray = NDArray[np.float64]


class Block(Enum):
    """Parameters that a fit can move together, and the unit that it counts them in.

    The unit is how far, one sigma, a parameter may be from where sweeps and walk (or the
    data sheet, for what they do not tell) have it.
    """

    PHASE = ("phi0, rad", 0.5)
    GAIN = ("phase per squared volt, relative", 0.02)
    CURVATURE = ("share of the squared drive lost to self-heating at 2 pi", 0.02)
    TEMPCO = ("phase per kelvin, rad/K", 0.1)
    SPLITTER = ("coupler errors, rad; an attenuator's two are told apart by nothing", 0.02)
    LOSS = ("logarithm of each interferometer's amplitude", 0.005)
    OUTPUT = ("logarithm of each output's gain", 0.1)
    INPUT = ("logarithm of each input's gain", 0.1)
    CROSSTALK = ("coefficient of each relative place, and of the whole chip", 0.005)

    @property
    def unit(self) -> float:
        """The unit as a number."""
        return self.value[1]


SHIFTER_BLOCKS = (Block.PHASE, Block.GAIN, Block.CURVATURE, Block.TEMPCO)
"""Those with one parameter per shifter, which act through its phase alone."""


@dataclass(frozen=True, eq=False)
class Parameters:
    """All parameters of one chip as a vector in units of their blocks.

    Attributes:
        architecture: the chip's arrangement.
        neighbours: places from which a shifter is warmed.
        centre_rad: shape (shifters,), own phases about which crosstalk is counted: at them a
            change of crosstalk changes no phase, as phi0 takes it back.
    """

    architecture: MeshArchitecture
    neighbours: Neighbours
    centre_rad: FloatArray

    @property
    def sizes(self) -> dict[Block, int]:
        """Parameters of every block, in the order in which the vector has them."""
        mesh = self.architecture
        sizes = dict.fromkeys(SHIFTER_BLOCKS, mesh.shifters)
        return sizes | {
            Block.SPLITTER: mesh.splitters - mesh.attenuators,
            Block.LOSS: mesh.interferometers,
            Block.OUTPUT: mesh.ports,
            Block.INPUT: mesh.ports,
            Block.CROSSTALK: self.neighbours.count,
        }

    def split(self, vector: FloatArray) -> dict[Block, FloatArray]:
        """The vector by blocks."""
        ends = np.cumsum([*self.sizes.values()])
        return dict(zip(self.sizes, np.split(vector, ends[:-1]), strict=True))

    def chosen(self, blocks: tuple[Block, ...]) -> NDArray[np.bool_]:
        """Shape (parameters,): whether each belongs to one of the blocks."""
        return np.concatenate([np.full(n, block in blocks) for block, n in self.sizes.items()])

    def levers(self, calibration: ChipCalibration, point: Point) -> FloatArray:
        """Phase of each shifter per unit of its own parameters, shape (4, shifters), rad.

        Own phases fall by h^2 / (1 + 2 b h) per b, as V^2 = h + b h^2; a curvature of
        gain / 2 pi counts as 1.
        """
        own = point.own_phase_rad
        heated = own / calibration.phase_gain_rad_per_v2
        stiffness = 1.0 + 2.0 * calibration.curvature_per_v2 * heated
        bend = -(own**2) / (2.0 * np.pi * stiffness)
        levers = np.stack([np.ones(len(own)), own, bend, np.full(len(own), point.die_delta_k)])
        units = np.array([block.unit for block in SHIFTER_BLOCKS])
        return np.asarray(levers * units[:, None], np.float64)

    def warmth(self, point: Point) -> FloatArray:
        """Phase per unit of each coefficient of crosstalk, shape (coefficients, shifters)."""
        return self.neighbours.warmth(point.own_phase_rad - self.centre_rad) * Block.CROSSTALK.unit

    def to_elements(self, vector: FloatArray, levers: FloatArray, warmth: FloatArray) -> Elements:
        """The elements' changes at a setting, by its `levers` and `warmth`."""
        by = self.split(vector)
        own = np.stack([by[block] for block in SHIFTER_BLOCKS])
        return Elements(
            np.sum(levers * own, axis=0) + by[Block.CROSSTALK] @ warmth,
            by[Block.SPLITTER][self._splitter_of()] * Block.SPLITTER.unit,
            by[Block.LOSS] * Block.LOSS.unit,
            by[Block.OUTPUT] * Block.OUTPUT.unit,
            by[Block.INPUT] * Block.INPUT.unit,
        )

    def from_elements(self, pulls: Elements, levers: FloatArray, warmth: FloatArray) -> FloatArray:
        """The transpose of `to_elements`."""
        by_splitter = np.bincount(self._splitter_of(), pulls.splitter)
        return np.concatenate(
            [
                (levers * pulls.phase).ravel(),
                by_splitter * Block.SPLITTER.unit,
                pulls.log_amplitude * Block.LOSS.unit,
                pulls.log_output * Block.OUTPUT.unit,
                pulls.log_input * Block.INPUT.unit,
                warmth @ pulls.phase,
            ]
        )

    def diagonal(self, squares: Elements, levers: FloatArray, warmth: FloatArray) -> FloatArray:
        """Squared norm of each parameter's slope, by those of the elements'.

        As if elements did not resemble one another, but for the couplers of an attenuator,
        which are taken as alike.
        """
        of = self._splitter_of()
        by_splitter = np.bincount(of, squares.splitter) * np.bincount(of)
        return np.concatenate(
            [
                (levers**2 * squares.phase).ravel(),
                by_splitter * Block.SPLITTER.unit**2,
                squares.log_amplitude * Block.LOSS.unit**2,
                squares.log_output * Block.OUTPUT.unit**2,
                squares.log_input * Block.INPUT.unit**2,
                warmth**2 @ squares.phase,
            ]
        )

    def moved(self, calibration: ChipCalibration, vector: FloatArray) -> ChipCalibration:
        """The calibration with its parameters moved."""
        by = {block: part * block.unit for block, part in self.split(vector).items()}
        crosstalk = self.neighbours.matrix(by[Block.CROSSTALK])
        bent = by[Block.CURVATURE] * calibration.phase_gain_rad_per_v2 / (2.0 * np.pi)
        output, inward = np.exp(by[Block.OUTPUT]), np.exp(by[Block.INPUT])
        changes: dict[str, Any] = {
            "phi0_rad": calibration.phi0_rad + by[Block.PHASE] - crosstalk @ self.centre_rad,
            "phase_gain_rad_per_v2": calibration.phase_gain_rad_per_v2 * (1.0 + by[Block.GAIN]),
            "curvature_per_v2": np.maximum(calibration.curvature_per_v2 + bent, 0.0),
            "tempco_rad_per_k": calibration.tempco_rad_per_k + by[Block.TEMPCO],
            "splitter_error_rad": calibration.splitter_error_rad
            + by[Block.SPLITTER][self._splitter_of()],
            "interferometer_amplitude": calibration.interferometer_amplitude
            * np.exp(by[Block.LOSS]),
            "output_gain": calibration.output_gain * output / _mean(output),
            "input_gain": calibration.input_gain * inward / _mean(inward),
            "gain": calibration.gain * _mean(output) * _mean(inward),
            "crosstalk": calibration.crosstalk + crosstalk,
        }
        return replace(calibration, **changes)

    def _splitter_of(self) -> NDArray[np.int64]:
        """Parameter of every coupler: those of an attenuator share one.

        An attenuator shows the sum of its two errors; their difference shows in second order
        only, where a linear step would go astray.
        """
        mesh = self.architecture
        first = mesh.ports * (mesh.ports - 1)
        shared = np.repeat(np.arange(mesh.attenuators), 2) + first
        after = np.arange(mesh.splitters - first - 2 * mesh.attenuators) + first + mesh.attenuators
        return np.concatenate([np.arange(first), shared, after])


def _mean(gain: FloatArray) -> float:
    """Geometric mean."""
    return float(np.exp(np.log(gain).mean()))
