"""Every heater swept in turn: what each of them turns, and which of them turn nothing.

Everything stands at half a turn meanwhile, the middle of the range. The attenuators of an
"svd" chip are swept beforehand and then opened, so that all the others have light.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from calibration.chip import ChipUnderTest, mesh_of
from calibration.faults import ChannelFault, Fault, Part
from calibration.mesh.fringes import Fringes, fit_fringes
from calibration.mesh.measuring import HIGHEST_PHASE_RAD, Surveyor
from calibration.mesh.options import CalibrationOptions
from calibration.mesh.reconstruct import attenuator_phases, attenuator_places
from calibration.mesh.refine import Snapshot
from lumina.background import in_background
from lumina.errors import CalibrationError

__all__ = ["Survey", "survey"]

IntArray = NDArray[np.int64]

_GROUP = 64
"""Sweeps that are kept in memory at a time."""

_FAINT = 0.15
"""Radius of a fringe, of the median, below which the heater is taken for dead."""

_UNCLEAR, _SIGMAS = 0.1, 5.0
"""Share of a sweep's change that a clean fringe may leave unexplained, beside what noise does."""

_FAMILY = (0.5, 1.5)
"""Phase per squared volt, of the data sheet's, within which a drive law is believed."""

_REPEATED = 4
"""Times as many measurements for a sweep that showed no clean fringe."""

_MOST_FAULTY = 0.1
"""Share of the heaters that may be faulty; past it something else is wrong."""


class Survey(NamedTuple):
    """What sweeping every heater has shown."""

    fringes: Fringes
    """Of every channel, in order; those of faulty ones mean nothing."""
    base: Snapshot
    """The setting that the sweeps departed from."""
    faults: tuple[ChannelFault, ...]


async def survey(
    chip: ChipUnderTest,
    surveyor: Surveyor,
    options: CalibrationOptions,
    channel: IntArray | None = None,
) -> Survey:
    """Sweep every heater of a chip.

    Args:
        chip: the chip.
        surveyor: measures it.
        options: how much.
        channel: shape (shifters,), by place: the channel that drives it; by default in order.

    Raises:
        CalibrationError: no light, or too many heaters without a fringe (`channels` names
            them).
    """
    in_order = np.arange(mesh_of(chip).shifters)
    wired = in_order if channel is None else channel
    return await _Sweeping(chip, surveyor, options, wired).run()


class _Sweeping:
    """Sweeps in the making."""

    def __init__(
        self,
        chip: ChipUnderTest,
        surveyor: Surveyor,
        options: CalibrationOptions,
        channel: IntArray,
    ) -> None:
        self._chip, self._surveyor, self._options = chip, surveyor, options
        self._mesh = mesh_of(chip)
        self._dimmers = channel[attenuator_places(self._mesh)]
        self._middle_v = self._nominal_drive_v(0.5 * HIGHEST_PHASE_RAD)
        self._repeats = 1

    async def run(self) -> Survey:
        mesh, surveyor = self._mesh, self._surveyor
        drive_v = np.full(mesh.shifters, self._middle_v)
        await surveyor.first_looks(drive_v)
        faults: tuple[ChannelFault, ...] = ()
        while True:
            found = await self._swept(drive_v.copy(), faults)
            moving = [f.channel for f in found.faults if f.fault is not Fault.DEAD]
            if all(surveyor.idle[channel] for channel in moving):
                surveyor.idle[[fault.channel for fault in found.faults]] = True
                still_v = np.where(surveyor.idle, 0.0, found.base.drive_v)
                return found._replace(base=found.base._replace(drive_v=still_v))
            # What turns without telling by how much is switched off, and all else seen again.
            surveyor.idle[moving] = True
            faults = tuple(f for f in found.faults if f.channel in moving)

    async def _swept(
        self, drive_v: NDArray[np.float64], faults: tuple[ChannelFault, ...]
    ) -> Survey:
        """All sweeps about one setting, but for channels that are known to be faulty."""
        surveyor, mesh = self._surveyor, self._mesh
        swept = np.flatnonzero(~surveyor.idle)
        base = await self._base(drive_v)
        if mesh.attenuators:
            dimmers = np.intersect1d(self._dimmers, swept)
            base = await self._base(
                self._opened(await self._fringes("attenuators", dimmers, base), base)
            )
        fringes = await self._fringes("sweeps", swept, base)
        doubtful = self._faults_in(fringes)
        if doubtful and len(doubtful) <= _MOST_FAULTY * mesh.shifters:
            again = np.array([fault.channel for fault in doubtful])
            second = await self._fringes("again", again, base, _REPEATED)
            doubtful = self._judged(fringes, second, float(np.median(np.abs(fringes.phasor))))
            fringes = fringes.replaced(second)
        if len(doubtful) > _MOST_FAULTY * mesh.shifters:
            channels = [fault.channel for fault in doubtful]
            names = ", ".join(map(str, channels))
            raise CalibrationError(
                f"{self._chip.name}: no clean fringe: shifters {names}; "
                "drives not connected, or a chip far from its data sheet",
                channels,
            )
        return Survey(fringes.filled(mesh.shifters), base, (*faults, *doubtful))

    async def _base(self, drive_v: NDArray[np.float64]) -> Snapshot:
        """The setting to depart from; the first time it tells how often to measure."""
        surveyor, ports = self._surveyor, self._mesh.ports
        look = await surveyor.look(drive_v)
        radius = max(float(np.linalg.norm(look.transfer) / np.sqrt(ports)), surveyor.noise)
        self._repeats = self._options.sweep_repeats(surveyor.noise, radius, ports)
        return await surveyor.base(drive_v, self._repeats)

    def _opened(self, dimmers: Fringes, base: Snapshot) -> NDArray[np.float64]:
        """The base's drives with the attenuators open."""
        drive_v, channels = base.drive_v.copy(), dimmers.channel
        own_rad = dimmers.own_phases_rad(drive_v[channels])
        off_rad = attenuator_phases(dimmers, base.transfer, own_rad)
        open_v = dimmers.drives_v((np.pi - off_rad) % (2.0 * np.pi))
        drive_v[channels] = np.minimum(open_v, self._chip.max_drive_v)
        return drive_v

    async def _fringes(
        self, stage: str, channels: IntArray, base: Snapshot, times: int = 1
    ) -> Fringes:
        """Sweep and fit."""
        highest_v = min(self._nominal_drive_v(HIGHEST_PHASE_RAD), self._chip.max_drive_v)
        square_v2 = np.linspace(0.0, highest_v**2, self._options.sweep_points)
        nominal_rad_per_v2, parts = self._chip.nominal_phase_rad_per_v2, []
        for group in np.array_split(channels, -(-len(channels) // _GROUP)):
            sweeps = await self._surveyor.sweep(
                stage, group, base, square_v2, self._repeats * times
            )
            parts.append(await in_background(partial(fit_fringes, sweeps, nominal_rad_per_v2)))
        return Fringes.joined(parts)

    # What is wrong with a fringe

    def _faults_in(self, fringes: Fringes, radius: float | None = None) -> list[ChannelFault]:
        """Channels without a clean fringe."""
        radius = radius or float(np.median(np.abs(fringes.phasor)))
        gain = fringes.phase_gain_rad_per_v2 / self._chip.nominal_phase_rad_per_v2
        size = np.abs(fringes.phasor) / radius
        return list(_faults(fringes, size, gain))

    def _judged(self, first: Fringes, second: Fringes, radius: float) -> list[ChannelFault]:
        """What is wrong with channels that were swept again; what differs is unstable."""
        found = self._faults_in(second, radius)
        judged = []
        for fault in found:
            at, was = (int(np.searchsorted(f.channel, fault.channel)) for f in (second, first))
            alike = abs(np.vdot(first.output_pattern[was], second.output_pattern[at]))
            steady = abs(second.visibility[at] - first.visibility[was]) < 2.0 * _UNCLEAR
            unstable = fault.fault is Fault.NO_FRINGE and not (alike > 0.9 and steady)
            judged.append(replace(fault, fault=Fault.UNSTABLE) if unstable else fault)
        return judged

    def _nominal_drive_v(self, phase_rad: float) -> float:
        return float(np.sqrt(phase_rad / self._chip.nominal_phase_rad_per_v2))


def _faults(
    fringes: Fringes, size: NDArray[np.float64], gain: NDArray[np.float64]
) -> Iterator[ChannelFault]:
    unclear = _UNCLEAR + _SIGMAS * fringes.visibility_sigma
    for at, channel in enumerate(fringes.channel.tolist()):
        visibility = float(fringes.visibility[at])
        if size[at] < _FAINT:
            reason = f"turns {size[at]:.1%} of what the others do; heater open or not connected"
            yield ChannelFault(Part.SHIFTER, channel, Fault.DEAD, reason)
        elif abs(visibility - 1.0) > unclear[at]:
            reason = f"a circle explains {visibility:.0%} of what it changes"
            yield ChannelFault(Part.SHIFTER, channel, Fault.NO_FRINGE, reason)
        elif not _FAMILY[0] < gain[at] < _FAMILY[1]:
            reason = f"turns {gain[at]:.0%} of the data sheet's phase per squared volt"
            yield ChannelFault(Part.SHIFTER, channel, Fault.NO_FRINGE, reason)
