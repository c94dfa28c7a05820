"""From tap readings to phases: with the light through the mesh, one interferometer after another.

All heaters move at once from setting to setting, each by itself. What lights the two arms in
front of an interferometer is known from those before it; so its own taps show its own two
phases (`calibration.mesh.tapped._interferometer`), and how they follow the drives.

A row is what one mode carries of every input. Powers do not tell a row's phase; it is that of
the model, so phases in front of a mode's next interferometer count as that one's external
phase, as everywhere else. Output phases of the first of two meshes turn the light in front of
the second one's interferometers, and are told apart from those by their drives.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from calibration.faults import ChannelFault
from calibration.mesh.reconstruct import attenuator_places
from calibration.mesh.tapped._heaters import Heaters
from calibration.mesh.tapped._interferometer import (
    Law,
    Points,
    corrected,
    fit_fringe,
    fringe_share,
    mixing,
    sphere_point,
    turn_share,
)
from calibration.mesh.tapped._views import AstrayError, TapReader, TapViews
from lumina.theory.mesh import MeshArchitecture

__all__ = ["TapWalk", "walk_by_taps"]

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]
IntArray = NDArray[np.int64]

_RESTLESS, _SIGMAS = 0.25, 3.0
"""Rms distance on the sphere from where the drives should have put an interferometer, by itself
and over what crosstalk and noise do."""


class TapWalk(NamedTuple):
    """What a walk has found; shifters by place."""

    heaters: Heaters
    """All but those of the last shifters, which no tap sees."""
    offset_rad: FloatArray
    """Shape (shifters,): phases with heaters off."""
    splitter_error_rad: FloatArray
    """Shape (splitters,)."""
    faults: tuple[ChannelFault, ...]
    """Of the taps."""
    rows: ComplexArray
    """Shape (settings, ports, ports): in front of the last shifters."""
    last: IntArray
    """Shape (ports,): the interferometer that each output comes from."""


def walk_by_taps(
    mesh: MeshArchitecture, views: TapViews, idle: NDArray[np.bool_], input_gain: FloatArray
) -> TapWalk:
    """Read every phase off the taps, up to the mesh's last interferometers.

    Args:
        mesh: the arrangement.
        views: what was seen.
        idle: shape (shifters,), channels that are never driven.
        input_gain: shape (ports,), relative gains of the inputs, as far as they are known.

    Raises:
        AstrayError: taps that nothing explains.
        RestlessError: a heater that does not turn as it is driven.
    """
    return _Walk(mesh, views, idle, input_gain).run()


class _Walk:
    """A walk under way."""

    def __init__(
        self,
        mesh: MeshArchitecture,
        views: TapViews,
        idle: NDArray[np.bool_],
        input_gain: FloatArray,
    ) -> None:
        settings = len(views.power)
        self._mesh, self._taps = mesh, TapReader(views)
        self._heaters = Heaters(views.nominal_rad, idle)
        self._rows = np.tile(np.diag(input_gain).astype(complex), (settings, 1, 1))
        self._offset_rad = np.zeros(mesh.shifters)
        self._error_rad = np.zeros((mesh.interferometers, 2))
        self._last = np.full(mesh.ports, -1)

    def run(self) -> TapWalk:
        mesh, mode = self._mesh, self._mesh.arrays().mode
        self._through_mesh(mode, 0, 0, {})
        if mesh.meshes == 2:
            dimmers, cells = attenuator_places(mesh), mode.size
            for port in range(mesh.ports):
                self._attenuator(port, int(dimmers[port]), cells + port)
            first = int(dimmers[0]) - mesh.ports
            waiting = {port: first + port for port in range(mesh.ports)}
            self._through_mesh(mode, int(dimmers[-1]) + 1, cells + mesh.ports, waiting)
        return TapWalk(
            self._heaters,
            self._offset_rad,
            self._error_rad.ravel(),
            tuple(self._taps.faults),
            self._rows,
            self._last,
        )

    def _through_mesh(
        self, mode: IntArray, shifter: int, cell: int, waiting: dict[int, int]
    ) -> None:
        """All interferometers of one mesh.

        Args:
            mode: their upper modes.
            shifter: place of the first one's external shifter.
            cell: number of the first.
            waiting: places of shifters in front of this mesh, by the mode that they turn.
        """
        for k, upper in enumerate(mode.tolist()):
            before = {m: waiting.pop(m) for m in (upper, upper + 1) if m in waiting}
            self._interferometer(cell + k, upper, shifter + 2 * k, before)

    def _interferometer(self, cell: int, upper: int, outer: int, before: dict[int, int]) -> None:
        """Read one interferometer and send the rows through it.

        Args:
            cell: its number.
            upper: its upper mode.
            outer: place of its external shifter; the inner one follows.
            before: places of further shifters in front of it, by the mode that they turn.
        """
        pair, inner, heaters = slice(upper, upper + 2), outer + 1, self._heaters
        points = self._taps.points(cell, self._rows[:, pair], heaters.nominal_rad(inner))
        if points is None:
            raise self._astray(cell, self._last[pair])
        ways = {outer: 1} | {place: 1 if m == upper else -1 for m, place in before.items()}
        phases = self._fitted(cell, outer, ways, points)
        theta, phi = corrected(*phases, self._error_rad[cell], points)
        for m, place in before.items():
            self._rows[:, m] *= np.exp(1j * heaters.turned_rad(place))[:, None]
        phi = phi - heaters.turned_by(ways, but=outer)
        self._rows[:, pair] = mixing(theta, phi, self._error_rad[cell]) @ self._rows[:, pair]
        self._last[pair] = cell

    def _fitted(
        self, cell: int, outer: int, ways: dict[int, int], seen: Points
    ) -> tuple[FloatArray, FloatArray]:
        """Offsets, couplers and drive laws; phases at every setting, in rad."""
        inner, heaters = outer + 1, self._heaters
        theta = self._theta(inner, seen)
        flat = seen.w * np.sin(theta) * seen.weight
        heaters.identify(ways, lambda turned: turn_share(flat, turned))
        phi = float(np.angle(flat @ np.exp(-1j * heaters.turned_by(ways))))
        own = [place for place in (inner,) if heaters.drives(place)]
        front = [place for place in ways if heaters.drives(place)]
        places = [*own, *front]
        nominal = [heaters.nominal_rad(place) for place in places]
        signs = [1, *(ways[place] for place in front)][1 - len(own) :]

        def phases(first: FloatArray, laws: FloatArray) -> tuple[FloatArray, FloatArray]:
            pairs = zip(laws.reshape(-1, 2), nominal, signs, strict=True)
            turned = [sign * Law(*law).turned_rad(rad) for law, rad, sign in pairs]
            still = np.zeros(len(seen.z))
            inside, outside = turned[: len(own)], turned[len(own) :]
            return first[0] + sum(inside, still), first[1] + sum(outside, still)

        def model(first: FloatArray, laws: FloatArray) -> FloatArray:
            return _flat(*sphere_point(*phases(first, laws), first[2:]))

        start = np.array([self._offset_rad[inner], phi, 0.0, 0.0])
        laws = [heaters.laws[place] for place in places]
        first, found = fit_fringe(model, _flat(seen.z, seen.w), seen.weight, start, laws)
        for place, law in zip(places, found, strict=True):
            heaters.laws[place] = law
        self._require_rest(places, seen, _flat(seen.z, seen.w) - model(first, np.ravel(found)))
        self._offset_rad[[inner, outer]], self._error_rad[cell] = first[:2], first[2:]
        return phases(first, np.array(found).ravel())

    def _require_rest(self, places: Sequence[int], seen: Points, rest: FloatArray) -> None:
        """Go on only where an interferometer's phases follow their drives.

        Args:
            places: heaters that turn it, the inner one first.
            seen: where it stood.
            rest: shape (3 settings,), what the fit leaves of z and of w.

        Raises:
            RestlessError: they do not.
        """
        squares = rest.reshape(3, -1) ** 2 @ (seen.weight / seen.weight.sum())
        left = float(np.sqrt(squares.sum()))
        if places and left > max(_RESTLESS, _SIGMAS * seen.scatter):
            place = places[0] if float(np.sqrt(squares[0])) > 0.5 * _RESTLESS else places[-1]
            raise self._heaters.restless(place, f"leaves {left:.0%} of what it turns unexplained")

    def _attenuator(self, port: int, place: int, cell: int) -> None:
        """Read one attenuator, and dim its row."""
        z = self._taps.balance(cell, self._rows[:, port])
        if z is None:
            raise self._astray(cell, self._last[[port]])
        heaters = self._heaters
        seen = Points(z, np.zeros(len(z), complex), np.ones(len(z)))
        self._theta(place, seen)
        driven, nominal = heaters.drives(place), heaters.nominal_rad(place)

        def model(first: FloatArray, law: FloatArray) -> FloatArray:
            turned = Law(*law).turned_rad(nominal) if driven else 0.0 * nominal
            return np.asarray(-np.cos(first[0] + turned))

        laws = [heaters.laws[place]] if driven else []
        first, found = fit_fringe(model, z, seen.weight, self._offset_rad[[place]], laws)
        self._offset_rad[place], heaters.laws[place] = first[0], [*found, Law()][0]
        theta = first[0] + heaters.turned_rad(place)
        self._rows[:, port] *= (0.5 * (np.exp(1j * theta) - 1.0))[:, None]
        self._last[port] = cell

    def _theta(self, inner: int, seen: Points) -> FloatArray:
        """Inner phases at every setting, by the fringe that the heater draws, in rad.

        Of a heater that turns nothing the sign is not told; it does not matter either.
        """
        heaters, z = self._heaters, seen.z
        heaters.identify({inner: 1}, lambda turned: fringe_share(z, seen.weight, turned))
        turned = heaters.turned_rad(inner)
        if heaters.drives(inner):
            waves = np.stack([np.ones(len(z)), np.cos(turned), np.sin(turned)], axis=1)
            _, cosine, sine = np.linalg.lstsq(waves, z, rcond=None)[0]
            self._offset_rad[inner] = float(np.arctan2(sine, -cosine))
        else:
            self._offset_rad[inner] = float(np.arccos(np.clip(-z.mean(), -1.0, 1.0)))
        return np.asarray(self._offset_rad[inner] + turned)

    def _astray(self, cell: int, before: Sequence[int] | IntArray) -> AstrayError:
        text = f"taps {2 * cell} and {2 * cell + 1} fit nothing in front of them"
        suspects = [int(one) for one in dict.fromkeys(before) if one >= 0]
        return AstrayError(text, self._taps.faults, suspects)


def _flat(z: FloatArray, w: ComplexArray) -> FloatArray:
    return np.concatenate([z, w.real, w.imag])
