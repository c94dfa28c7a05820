"""Where in the mesh every channel sits: what the fringes say about the wires.

Every fringe tells by its patterns on outputs and inputs which arm the light is turned on. A
walk along the mesh needs to know whose arm that is, so it starts from the layout. Where the
model that it gives does not expect the patterns that were seen, some channel close by is not
where it should be: the one without which most patterns fit is left out, and so on. In the end
those that were left out are compared with what is expected at the empty places.

Receivers are put in order before that: an output's own shifter turns that output alone.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from calibration.chip import ChipUnderTest, mesh_of
from calibration.faults import ChannelFault, Fault, Part
from calibration.mesh.elements import factors_at, point_at
from calibration.mesh.ends import ends_of
from calibration.mesh.fringes import Fringes
from calibration.mesh.reconstruct import attenuator_phases, attenuator_places, reconstruct
from calibration.mesh.refine import Snapshot
from calibration.mesh.start import data_sheet
from calibration.mesh.sweeping import Survey
from calibration.result import ChipCalibration
from lumina.theory.mesh import MeshArchitecture

__all__ = ["Placed", "placed", "swapped_channels"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

_FITS = 0.85
"""Overlap of a pattern with that of its place, from which on it sits there."""

_MOST_ASTRAY = 8
"""Channels that are looked for; where more are astray it is another chip."""

_ALONE = 0.85
"""Share of an output shifter's pattern that lies on one receiver."""


class Placed(NamedTuple):
    """The chip as fringes and walk tell it, and what the wires are like."""

    calibration: ChipCalibration
    """Everything but crosstalk and temperature; loss only as the ports' gains."""
    faults: tuple[ChannelFault, ...]
    """The survey's, and swapped wires."""
    homeless: tuple[int, ...]
    """Channels that fit nowhere in the layout."""


def placed(chip: ChipUnderTest, survey: Survey, offset: NDArray[np.complex128]) -> Placed:
    """Read a chip off its fringes.

    Args:
        chip: whose fringes they are.
        survey: its fringes.
        offset: shape (ports,), what each receiver reads in the dark.
    """
    mesh = mesh_of(chip)
    receiver = _receivers(mesh, survey)
    base = survey.base._replace(transfer=survey.base.transfer[receiver])
    pattern = survey.fringes.output_pattern[:, receiver]
    sheet = replace(data_sheet(chip, base.die_c), receiver=receiver, receiver_offset=offset)
    live = np.ones(mesh.shifters, bool)
    live[[fault.channel for fault in survey.faults]] = False
    reading = _Reading(sheet, survey.fringes._replace(output_pattern=pattern), base, live)
    guess, homeless = reading.in_order()
    faults = (*survey.faults, *swapped_channels(guess.channel, live, Part.SHIFTER))
    everywhere = np.ones(mesh.ports, bool)
    return Placed(guess, (*faults, *swapped_channels(receiver, everywhere, Part.OUTPUT)), homeless)


def swapped_channels(order: IntArray, live: BoolArray, part: Part) -> list[ChannelFault]:
    """Channels that were found at another place than their own."""
    place = np.argsort(order)
    return [
        ChannelFault(part, channel, Fault.SWAPPED, f"found at place {place[channel]}; put right")
        for channel in np.flatnonzero((place != np.arange(len(place))) & live).tolist()
    ]


class _Fit(NamedTuple):
    """A reading of the chip, and how far it explains the patterns."""

    guess: ChipCalibration
    output: FloatArray
    """Shape (shifters,), by channel: overlap with the patterns expected on outputs, 1 at best;
    what noise costs a faint fringe is made up for."""
    input: FloatArray
    """The same on inputs."""

    def good(self, live: BoolArray) -> int:
        """How many patterns are as expected."""
        return int(np.sum(self.output[live] > _FITS) + np.sum(self.input[live] > _FITS))


class _Reading:
    """Reads a chip, whatever its wires are like."""

    def __init__(
        self, sheet: ChipCalibration, fringes: Fringes, base: Snapshot, live: BoolArray
    ) -> None:
        self._sheet, self._fringes, self._base, self._live = sheet, fringes, base, live
        self._mesh = mesh = sheet.architecture
        cells = np.arange(mesh.ports * (mesh.ports - 1) // 2)
        last = mesh.shifters - mesh.ports**2
        self._externals = {*(2 * cells).tolist(), *(last + 2 * cells).tolist()}
        self._blur = np.sqrt(1.0 + (2.0 * mesh.ports) * fringes.uncertainty_rad**2)

    def in_order(self) -> tuple[ChipCalibration, tuple[int, ...]]:
        """The chip with every channel at its place, and those that fit nowhere."""
        seen = self._live.copy()
        fit = self._read(np.arange(self._mesh.shifters), seen)
        for _ in range(_MOST_ASTRAY):
            if fit.good(seen) == 2 * np.sum(seen):
                break
            fit, seen = max(self._changed(fit, seen), key=lambda one: one[0].good(one[1]))
        astray = np.flatnonzero(self._live & ~seen)
        if astray.size:
            channel = self._matched(fit, astray)
            fit = self._read(channel, self._live)
        bad = np.flatnonzero(self._live & (np.minimum(fit.output, fit.input) < _FITS))
        return fit.guess, tuple(bad.tolist())

    def _read(self, channel: IntArray, seen: BoolArray) -> _Fit:
        """What fringes and walk tell, with the channels at these places."""
        sheet, mesh, fringes, live = self._sheet, self._mesh, self._fringes, self._live
        ends = ends_of(self._base.transfer)
        between, bare = fringes.taken(channel).between(ends), ends.taken_off(self._base.transfer)
        own_rad = np.where(live, fringes.own_phases_rad(self._base.drive_v), 0.0)
        dimmers = attenuator_places(mesh)
        dimmer_rad = own_rad[channel[dimmers]]
        off_rad = attenuator_phases(between.taken(dimmers), bare, dimmer_rad)
        # The walk takes back what it cannot use, of its own copy.
        found = reconstruct(mesh, between, seen[channel].copy(), bare, off_rad + dimmer_rad)
        phase = np.empty(mesh.shifters)
        phase[channel] = found.phase_rad
        guess = replace(
            sheet,
            phase_gain_rad_per_v2=np.where(
                live, fringes.phase_gain_rad_per_v2, sheet.phase_gain_rad_per_v2
            ),
            curvature_per_v2=np.where(live, fringes.curvature_per_v2, 0.0),
            phi0_rad=phase - own_rad,
            splitter_error_rad=found.splitter_error_rad,
            gain=complex(found.gain),
            output_gain=ends.output,
            input_gain=ends.input,
            channel=channel,
        )
        return self._compared(guess)

    def _compared(self, guess: ChipCalibration) -> _Fit:
        """A guess with the overlap of every channel's patterns with its place's."""
        out, inward = self._expected(guess)
        seen = self._fringes.taken(guess.channel)
        output, inputs = np.empty(len(out)), np.empty(len(out))
        output[guess.channel] = np.abs(np.sum(out.conj() * seen.output_pattern, axis=1))
        inputs[guess.channel] = np.abs(np.sum(inward.conj() * seen.input_pattern, axis=1))
        return _Fit(guess, output * self._blur, inputs * self._blur)

    def _expected(self, guess: ChipCalibration) -> list[NDArray[np.complex128]]:
        """Unit patterns that the model expects at every place, on outputs and on inputs."""
        factors = factors_at(point_at(guess, self._base.drive_v, self._base.die_c))
        sides = factors.shifter_out, factors.shifter_in
        return [side / np.linalg.norm(side, axis=1)[:, None] for side in sides]

    def _changed(self, fit: _Fit, seen: BoolArray) -> Iterator[tuple[_Fit, BoolArray]]:
        """Readings with one channel less, or with the two of an interferometer exchanged."""
        channel = fit.guess.channel
        for place in self._suspects(fit, seen).tolist():
            rest = seen.copy()
            rest[channel[place]] = False
            yield self._read(channel, rest), rest
            if place in self._externals and seen[channel[place + 1]]:
                exchanged = channel.copy()
                exchanged[[place, place + 1]] = exchanged[[place + 1, place]]
                yield self._read(exchanged, seen), seen

    def _suspects(self, fit: _Fit, seen: BoolArray) -> IntArray:
        """Places by which a walk may have gone astray: those up to its first misfit."""
        channel = fit.guess.channel
        seen = seen[channel]
        fit = fit._replace(output=fit.output[channel], input=fit.input[channel])
        mesh, mode = self._mesh, self._mesh.arrays().mode
        cells, inner = mode.size, 2 * mode.size
        last = mesh.shifters - mesh.ports**2
        walks = [(fit.output, last, np.arange(cells - 1, -1, -1))]
        if mesh.meshes == 2:
            walks.append((fit.input, 0, np.arange(cells)))
        suspects = [np.flatnonzero(seen & (np.minimum(fit.output, fit.input) < _FITS))]
        for overlap, first, order in walks:
            inside = slice(first, first + inner)
            misfit = (seen[inside] & (overlap[inside] < _FITS)).reshape(-1, 2)
            bad = np.flatnonzero(np.any(misfit[order], axis=1))
            if bad.size:
                near = order[max(bad[0] - mesh.ports, 0) : bad[0] + 2]
                suspects.append(first + np.concatenate([2 * near, 2 * near + 1]))
        together = np.unique(np.concatenate(suspects))
        few = suspects[1:] and len(together) > 4 * mesh.ports
        chosen = np.unique(np.concatenate(suspects[1:])) if few else together
        return chosen[seen[chosen]]

    def _matched(self, fit: _Fit, astray: IntArray) -> IntArray:
        """Channel of every place, those that are astray where their patterns are expected.

        A dead heater's place may be another one's: what is left over is theirs.
        """
        out, inward = self._expected(fit.guess)
        gone = np.concatenate([astray, np.flatnonzero(~self._live)])
        empty = np.flatnonzero(np.isin(fit.guess.channel, gone))
        overlap = np.minimum(
            np.abs(self._fringes.output_pattern[astray].conj() @ out[empty].T),
            np.abs(self._fringes.input_pattern[astray].conj() @ inward[empty].T),
        )
        rows, columns = linear_sum_assignment(overlap, maximize=True)
        channel = fit.guess.channel.copy()
        channel[empty[columns]] = astray[rows]
        left = np.setdiff1d(empty, empty[columns])
        rest = np.setdiff1d(gone, astray)
        own = np.intersect1d(left, rest)
        channel[own] = own
        channel[np.setdiff1d(left, own)] = np.setdiff1d(rest, own)
        return channel


# Receivers


def _receivers(mesh: MeshArchitecture, survey: Survey) -> IntArray:
    """The receiver of every output, by what the outputs' own shifters turn.

    Two outputs' shifters may have been swapped as well as two receivers; what the shifters in
    front of them turn decides. Where it cannot, both tell of the same chip.
    """
    ports = mesh.ports
    own = survey.fringes.taken(np.arange(mesh.shifters - ports, mesh.shifters))
    share = np.abs(own.output_pattern) ** 2
    sure = (share.max(axis=1) > _ALONE) & (np.abs(own.phasor) > 0.0)
    seen_at = np.where(sure, share.argmax(axis=1), np.arange(ports))
    in_order = np.arange(ports)
    if len(set(seen_at.tolist())) < ports or np.array_equal(seen_at, in_order):
        return in_order
    swapped, straight = (_in_pairs(mesh, survey.fringes, o) for o in (seen_at, in_order))
    return seen_at if swapped >= straight - 0.05 else in_order


def _in_pairs(mesh: MeshArchitecture, fringes: Fringes, receiver: IntArray) -> float:
    """Mean share of what the last interferometers turn that lies on their own two outputs."""
    mode = mesh.arrays().mode
    last = [int(np.flatnonzero((mode == p) | (mode == p - 1))[-1]) for p in range(mesh.ports)]
    shares = []
    for cell in sorted(set(last)):
        if last[mode[cell]] != cell or last[mode[cell] + 1] != cell:
            continue  # another interferometer lies behind it
        place = mesh.shifters - mesh.ports**2 + 2 * cell + 1
        pair = receiver[[mode[cell], mode[cell] + 1]]
        shares.append(float(np.sum(np.abs(fringes.output_pattern[place, pair]) ** 2)))
    return float(np.mean(shares))
