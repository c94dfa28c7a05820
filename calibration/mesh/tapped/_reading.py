"""A chip with taps, read off a few dozen settings of all its heaters at once."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from calibration.faults import ChannelFault, Fault, Part
from calibration.mesh.refine import Snapshot
from calibration.mesh.tapped._interferometer import Law, fit_fringe, turn_share
from calibration.mesh.tapped._views import AstrayError, RestlessError, TapViews
from calibration.mesh.tapped._walk import TapWalk, walk_by_taps
from calibration.result import ChipCalibration

__all__ = ["Reading", "read_chip"]

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]

_PASSES = 2
"""Walks: the second one knows what the inputs' gains are."""


class Reading(NamedTuple):
    """What outputs and taps have told."""

    calibration: ChipCalibration
    """Everything but crosstalk and temperature; loss only as the ports' gains."""
    faults: tuple[ChannelFault, ...]
    share: FloatArray
    """Shape (shifters,), by channel: how much of what is seen each heater explains."""


class _Outputs(NamedTuple):
    """What lies behind the last shifters; by output."""

    offset_rad: FloatArray
    """Shape (ports,): phases of the last shifters with heaters off."""
    receiver: NDArray[np.int64]
    """Shape (ports,): who sees it."""
    gain: FloatArray
    """Shape (ports,)."""


def read_chip(
    sheet: ChipCalibration, views: TapViews, idle: NDArray[np.bool_], shots: Sequence[Snapshot]
) -> Reading:
    """Read a chip off its taps and outputs.

    Args:
        sheet: what the data sheet knows, and the receivers' offsets.
        views: what was seen.
        idle: shape (shifters,), channels that are never driven.
        shots: the same settings, for their temperature.

    Raises:
        AstrayError: taps and outputs do not tell of this mesh, even if the two taps of an
            interferometer have been exchanged.
        RestlessError: a heater that does not turn as it is driven.
    """
    try:
        return _read(sheet, views, idle, shots)
    except AstrayError as error:
        for cell in error.suspects:
            with suppress(AstrayError, RestlessError):
                reading = _read(sheet, views.exchanged(cell), idle, shots)
                return reading._replace(faults=(*reading.faults, *_exchanged(cell)))
        raise


def _exchanged(cell: int) -> list[ChannelFault]:
    """What is wrong with two taps that see each other's arm."""
    pair = 2 * cell, 2 * cell + 1
    reason = "sees the other arm of its interferometer; put right"
    return [ChannelFault(Part.TAP, tap, Fault.SWAPPED, reason) for tap in pair]


def _read(
    sheet: ChipCalibration, views: TapViews, idle: NDArray[np.bool_], shots: Sequence[Snapshot]
) -> Reading:
    mesh = sheet.architecture
    input_gain = np.ones(mesh.ports)
    for _ in range(_PASSES):
        walk = walk_by_taps(mesh, views, idle, input_gain)
        outputs = _outputs(walk, views)
        input_gain = _relative(input_gain * _input_gain(walk, outputs, views))
    heaters, offset, first = walk.heaters, walk.offset_rad.copy(), mesh.shifters - mesh.ports
    offset[first:] = outputs.offset_rad
    channel, live = heaters.in_full(), heaters.share > 0.0
    nominal = sheet.phase_gain_rad_per_v2[0]
    by_channel = np.argsort(channel)
    gain, bend = np.array(heaters.laws).T
    gain, bend = np.where(live, nominal * gain, nominal), np.where(live, bend, 0.0)
    guess = replace(
        sheet,
        phase_gain_rad_per_v2=gain[by_channel],
        curvature_per_v2=(bend * nominal / (2.0 * np.pi))[by_channel],
        phi0_rad=offset[by_channel],
        splitter_error_rad=walk.splitter_error_rad,
        gain=complex(np.exp(np.log(outputs.gain).mean())),
        output_gain=_relative(outputs.gain),
        input_gain=input_gain,
        channel=channel,
        receiver=outputs.receiver,
        reference_die_c=float(np.mean([shot.die_c for shot in shots])),
    )
    faults = (*heaters.faults, *walk.faults)
    return Reading(guess, faults, heaters.share[by_channel])


def _outputs(walk: TapWalk, views: TapViews) -> _Outputs:
    """Receivers and gains of the outputs; what their own shifters turn is noted in the walk's.

    Raises:
        AstrayError: an output's light is not what the taps in front of it say.
        RestlessError: a heater that does not turn as it is driven.
    """
    rows, seen, heaters = walk.rows, views.transfer, walk.heaters
    ports = rows.shape[1]
    first = len(heaters.share) - ports
    alike = np.abs(np.einsum("srj,spj->srp", seen, rows.conj())).mean(axis=0)
    _, receiver = linear_sum_assignment(alike.T, maximize=True)
    power = np.maximum(np.sum(np.abs(rows) ** 2, axis=2), 1e-6)
    along = np.einsum("spj,spj->sp", seen[:, receiver], rows.conj()) / power
    weight = power / power.max()
    offset = np.zeros(ports)
    for port, place in enumerate(range(first, first + ports)):
        field = along[:, port] * weight[:, port]
        heaters.identify({place: 1}, partial(turn_share, field))
        if receiver[port] != port and heaters.channel[place] == first + receiver[port]:
            # Not the receiver and the heater both: what is in front is the other arm's.
            text = f"output {port} is not what the taps in front of it say"
            raise AstrayError(text, walk.faults, [int(walk.last[port])])
        offset[port] = float(np.angle(field.sum()))
        if heaters.drives(place):
            law, nominal = heaters.laws[place], heaters.nominal_rad(place)
            offset[port], heaters.laws[place] = _turned(field, law, nominal)
    gain = np.abs(along * weight).sum(axis=0) / weight.sum(axis=0)
    return _Outputs(offset, receiver, gain)


def _turned(field: ComplexArray, law: Law, nominal_rad: FloatArray) -> tuple[float, Law]:
    """Offset and law of a shifter that turns a field."""
    size = np.abs(field) / np.abs(field).mean()
    unit = size * np.exp(1j * np.angle(field))
    start = np.array([np.angle(np.sum(unit * np.exp(-1j * law.turned_rad(nominal_rad))))])

    def model(first: FloatArray, pair: FloatArray) -> FloatArray:
        turned = size * np.exp(1j * (first[0] + Law(*pair).turned_rad(nominal_rad)))
        return np.concatenate([turned.real, turned.imag])

    seen = np.concatenate([unit.real, unit.imag])
    first, (found,) = fit_fringe(model, seen, np.ones(len(field)), start, [law])
    return float(first[0]), found


def _input_gain(walk: TapWalk, outputs: _Outputs, views: TapViews) -> FloatArray:
    """Gains of the inputs relative to what the walk took for them, shape (ports,)."""
    seen = np.abs(views.transfer[:, outputs.receiver])
    told = np.abs(walk.rows) * outputs.gain[:, None]
    return np.asarray(np.sum(seen * told, axis=(0, 1)) / np.sum(told**2, axis=(0, 1)))


def _relative(gain: FloatArray) -> FloatArray:
    return np.asarray(gain / np.exp(np.log(gain).mean()))
