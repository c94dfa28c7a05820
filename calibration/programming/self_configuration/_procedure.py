"""A triangular mesh sets itself up: diagonal by diagonal, each interferometer by a dark output.

The light of inputs that are orthogonal to a row of the matrix must not leave at that row's
output. On a triangular mesh that fixes one interferometer after the other (Miller, Photonics
Research 1, 1, 2013), here with detectors at the outputs only:

    ends      what modulators, facets and receivers do, of one measured matrix
    open      the interferometers of a diagonal passed on to its output, the last one first
    close     each in turn set so that its vector is dark at the output
    outputs   the phases behind the mesh, by what each output then sees
    again     all of it once more by small steps: what was set later has warmed what was set
              earlier

No model of the chip is used but the data sheet's phase per squared volt, to begin with. A
splitting ratio that the couplers do not have leaves an error behind, which is measured and
left to the later diagonals to work around: errors fall as the square of the couplers'
(Hamerly, Bandyopadhyay, Englund, Phys. Rev. Applied 18, 024018, 2022).
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from calibration.chip import ChipUnderTest, mesh_of, settable_v
from calibration.heaters import drive_for_own_phases_v
from calibration.mesh.ends import ends_of
from calibration.mesh.measuring import DARK_READINGS, Progress
from calibration.programming.self_configuration._options import SelfConfigurationOptions
from calibration.programming.self_configuration._response import Response
from calibration.programming.self_configuration._vectors import dark_at, lower_arm
from calibration.result import ChipCalibration
from lumina.errors import CalibrationError, MatrixError
from lumina.theory.decompositions import triangular_phases

__all__ = ["SelfConfiguration", "self_configured"]

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]

_LOWEST_RAD = 0.3
"""Least own phase: a heater that is nearly cold hardly answers."""

_TURN_RAD = 2.0 * np.pi
_HIGHEST_RAD = 1.5 * _TURN_RAD

_THIRDS_RAD = _LOWEST_RAD + _TURN_RAD / 3.0 * np.arange(3)
"""Settings of one phase that tell its fringe."""

_STEPS = 8
"""Most small steps to a dark output."""

_DARK = 1.5
"""Sigmas of the noise within which an output is dark."""

_OUTPUT_STEPS = 3
"""Steps to the right phases behind the mesh."""

_PROBE_RAD = 0.3
"""Change of a phase that shows how strongly an output answers."""

_LEAST_GAIN = 0.1
"""Share of the error that a pass has to take away for another one to follow."""

_FAINT = 3.0
"""Sigmas of the noise below which an answer is none."""


@dataclass(frozen=True, eq=False)
class SelfConfiguration:
    """What a mesh has set itself to.

    Attributes:
        drive_v: shape (shifters,), drives that are held, in V.
        own_rad: shape (shifters,), own phases of these drives by the data sheet, in rad.
        calibration: the data sheet, with the gains of the ports as they were seen: what
            readings mean.
        error: relative Frobenius error of the matrix as measured, noise taken off.
        errors: the same after each pass; the best one is held.
        measurements: readings of a vector, repeats counted.
        settings: settings of the heaters that were looked at.
    """

    drive_v: FloatArray
    own_rad: FloatArray
    calibration: ChipCalibration
    error: float
    errors: tuple[float, ...]
    measurements: int
    settings: int


async def self_configured(
    chip: ChipUnderTest,
    sheet: ChipCalibration,
    unitary: ComplexArray,
    *,
    progress: Progress = lambda stage, done: None,
    options: SelfConfigurationOptions | None = None,
) -> SelfConfiguration:
    """Set up a unitary matrix on a triangular mesh.

    Args:
        chip: brought up and at its carrier set point; left holding the matrix. Its wires are
            taken to be in order.
        sheet: its data sheet.
        unitary: shape (ports, ports).
        progress: told how far each pass is.
        options: how much to measure.

    Raises:
        CalibrationError: another kind of mesh, or no light.
        MatrixError: not unitary, or of another shape.
    """
    mesh = mesh_of(chip)
    if mesh.kind != "triangular":
        raise CalibrationError(
            f"{chip.name}: a mesh of kind {mesh.kind} does not set itself up (allowed: "
            "triangular); calibrate it"
        )
    if np.shape(unitary) != (mesh.ports, mesh.ports):
        allowed = (mesh.ports, mesh.ports)
        raise MatrixError(f"shape {np.shape(unitary)} (allowed: {allowed}, the chip's ports)")
    triangular_phases(unitary)  # refuses what no mesh can compute
    options = options or SelfConfigurationOptions()
    return await _Configuring(chip, sheet, unitary, progress, options).run()


class _Configuring:
    """A self-configuration in the making."""

    def __init__(
        self,
        chip: ChipUnderTest,
        sheet: ChipCalibration,
        unitary: ComplexArray,
        progress: Progress,
        options: SelfConfigurationOptions,
    ) -> None:
        self._chip, self._wanted, self._progress = chip, unitary, progress
        self._options, self._sheet = options, sheet
        self._ports = ports = len(unitary)
        self._cells = _diagonals(mesh_of(chip).arrays().mode, ports)
        self._own_rad = np.full(ports * ports, _LOWEST_RAD + 0.5 * np.pi)
        self._responses: dict[int, Response] = {}
        self._noise = 0.0
        self._measurements = self._settings = 0

    async def run(self) -> SelfConfiguration:
        """All passes, and the best of them."""
        await self._ends()
        best = self._own_rad
        errors: list[float] = []
        for number in range(self._options.passes):
            for diagonal in range(self._ports - 1):
                await self._diagonal(diagonal)
                self._progress(f"pass {number + 1}", (diagonal + 1) / self._ports)
            error = await self._outputs()
            self._progress(f"pass {number + 1}", 1.0)
            if error == min([error, *errors]):
                best = self._own_rad.copy()
            errors.append(error)
            if len(errors) > 1 and error > (1.0 - _LEAST_GAIN) * errors[-2]:
                break
        self._own_rad = best
        drive_v = await self._hold()
        return SelfConfiguration(
            drive_v=drive_v,
            own_rad=best,
            calibration=self._sheet,
            error=min(errors),
            errors=tuple(errors),
            measurements=self._measurements,
            settings=self._settings,
        )

    async def _ends(self) -> None:
        """Offsets of the receivers, noise, and the gains of the ports.

        Raises:
            CalibrationError: no light.
        """
        nothing = np.zeros((self._ports, 1), complex)
        offset = (await self._chip.measure_readings(nothing, DARK_READINGS))[:, 0]
        await self._hold()
        halves = [await self._transfer(offset) for _ in range(2)]
        mean = 0.5 * (halves[0] + halves[1])
        apart = float(np.mean(np.abs(halves[1] - halves[0]) ** 2))
        self._noise = float(np.sqrt(0.5 * apart * self._options.matrix_repeats))
        light = float(np.sqrt(np.mean(np.abs(mean) ** 2)))
        if light < _FAINT * self._noise / np.sqrt(self._options.matrix_repeats):
            raise CalibrationError(f"{self._chip.name}: no light; check the laser and the fibres")
        ends = ends_of(mean)
        between = ends.taken_off(mean)
        self._sheet = replace(
            self._sheet,
            gain=complex(np.linalg.norm(between) / np.sqrt(self._ports)),
            output_gain=ends.output,
            input_gain=ends.input,
            receiver_offset=offset,
        )

    async def _transfer(self, offset: ComplexArray) -> ComplexArray:
        """The matrix as the receivers see it."""
        repeats = self._options.matrix_repeats
        self._measurements += repeats * self._ports
        return await self._chip.measure_transfer(repeats) - offset[:, None]

    async def _matrix(self) -> ComplexArray:
        """The matrix between the ports, as it stands."""
        known = self._sheet
        seen = await self._transfer(known.receiver_offset)
        return np.asarray(seen / (known.gain * known.output_gain[:, None] * known.input_gain))

    # One diagonal

    async def _diagonal(self, diagonal: int) -> None:
        """Set the interferometers that lead to one output."""
        output, cells = self._ports - 1 - diagonal, self._cells[diagonal]
        await self._hold()
        seen = (await self._matrix())[:output:-1] if diagonal else self._nothing()
        new = [number for number, cell in enumerate(cells) if cell not in self._responses]
        for number in reversed(new):
            await self._open(output, cells[number], lower_arm(seen, number, self._ports))
        done: list[ComplexArray] = []
        for number, cell in enumerate(cells):
            vector = dark_at(seen, self._wanted[output], done, number)
            if cell in self._responses:
                await self._seen_again(output, cell, vector)
            else:
                await self._close(output, cell, vector)
            done.append(vector)

    def _nothing(self) -> ComplexArray:
        return np.empty((0, self._ports), complex)

    async def _open(self, output: int, cell: int, lower: ComplexArray) -> None:
        """Have an interferometer pass its upper input on, all of it: none of the lower one."""
        theta, seen = 2 * cell + 1, []
        for phase_rad in _THIRDS_RAD:
            self._own_rad[theta] = phase_rad
            seen.append(await self._field(output, lower))
        turns = np.stack([np.ones(3), np.exp(1j * _THIRDS_RAD)], axis=1)
        fixed, turned = np.linalg.lstsq(turns, np.array(seen), rcond=None)[0]
        self._own_rad[theta] = _in_range(np.angle(-fixed * np.conj(turned)))

    async def _close(self, output: int, cell: int, vector: ComplexArray) -> None:
        """Make a vector dark at the output, from nothing known."""
        own = [2 * cell, 2 * cell + 1]
        grid = np.array([[phi, theta] for theta in _THIRDS_RAD for phi in _THIRDS_RAD])
        seen = []
        for phases_rad in grid:
            self._own_rad[own] = phases_rad
            seen.append(await self._field(output, vector))
        response = Response.fitted(grid, np.array(seen))
        choices = [_in_range(phases_rad) for phases_rad in response.dark()]
        self._own_rad[own] = min(choices, key=lambda phases_rad: float(np.sum(phases_rad)))
        self._responses[cell] = response
        await self._darken(output, cell, vector, response)

    async def _seen_again(self, output: int, cell: int, vector: ComplexArray) -> None:
        """Make a vector dark that nearly is, by how the output answered before.

        What lies behind the interferometer has changed since: a probe tells by what factor.
        """
        own = [2 * cell, 2 * cell + 1]
        here, response = self._own_rad[own], self._responses[cell]
        probe = here + [0.0, _PROBE_RAD]
        before = await self._field(output, vector)
        self._own_rad[own] = probe
        change = await self._field(output, vector) - before
        self._own_rad[own] = here
        if abs(change) > _FAINT * self._field_noise:
            by = change / (response.at(probe) - response.at(here))
            await self._darken(output, cell, vector, response.scaled(by))

    async def _darken(
        self, output: int, cell: int, vector: ComplexArray, response: Response
    ) -> None:
        """Small steps to a dark output; the darkest is kept."""
        own, darkest = [2 * cell, 2 * cell + 1], np.inf
        best = here = self._own_rad[own]
        for _ in range(_STEPS):
            self._own_rad[own] = here
            seen = await self._field(output, vector)
            if abs(seen) < darkest:
                darkest, best = abs(seen), here
            if darkest < _DARK * self._field_noise:
                break
            here = _nearby(here + response.step_rad(here, seen))
        self._own_rad[own] = best

    async def _outputs(self) -> float:
        """Set the phases behind the mesh; the relative error that is left, noise taken off."""
        last = slice(self._ports * (self._ports - 1), None)
        for _ in range(_OUTPUT_STEPS):
            await self._hold()
            overlap = np.sum(self._wanted.conj() * await self._matrix(), axis=1)
            self._own_rad[last] = _nearby(self._own_rad[last] - np.angle(overlap))
        await self._hold()
        one, other = await self._matrix(), await self._matrix()
        # Each has noise of its own, which the product of the two does not have.
        missed = float(np.vdot(self._wanted - one, self._wanted - other).real)
        return float(np.sqrt(max(missed, 0.0) / self._ports))

    # Looking

    async def _field(self, output: int, vector: ComplexArray) -> complex:
        """What one output sees of a vector at the mesh's inputs, of unit norm."""
        known = self._sheet
        fields = vector / known.input_gain
        full = float(np.abs(fields).max())
        await self._hold()
        repeats = self._options.repeats
        self._measurements += repeats
        seen = await self._chip.measure_readings((fields / full)[:, None], repeats)
        return complex(seen[output, 0] - known.receiver_offset[output]) * full

    @property
    def _field_noise(self) -> float:
        return self._noise / float(np.sqrt(self._options.repeats))

    async def _hold(self) -> FloatArray:
        """Drive the heaters; the drives, shape (shifters,), in V."""
        drive_v = drive_for_own_phases_v(self._sheet, self._own_rad)
        drive_v = settable_v(self._chip, np.minimum(drive_v, self._chip.max_drive_v))
        await self._chip.set_drive_v(drive_v)
        self._settings += 1
        return drive_v


def _diagonals(mode: NDArray[np.int64], ports: int) -> list[list[int]]:
    """Interferometers of each diagonal of a triangular mesh, as the light meets them."""
    met: list[list[int]] = [[] for _ in range(ports - 1)]
    for cell, upper in enumerate(mode.tolist()):
        met[upper].append(cell)
    return [[met[m][d] for m in range(ports - 1 - d)] for d in range(ports - 1)]


def _in_range(phases_rad: FloatArray) -> FloatArray:
    """Own phases on the first turn above the least one."""
    return np.asarray((phases_rad - _LOWEST_RAD) % _TURN_RAD + _LOWEST_RAD)


def _nearby(phases_rad: FloatArray) -> FloatArray:
    """Own phases as they are, or on the first turn where that is out of range."""
    inside = (phases_rad >= 0.0) & (phases_rad <= _HIGHEST_RAD)
    return np.where(inside, phases_rad, _in_range(phases_rad))
