"""What the taps have shown, and what it says of one interferometer at a time."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from calibration.faults import ChannelFault, Fault, Part
from calibration.mesh.tapped._interferometer import Points, fringe_share, sphere
from lumina.errors import CalibrationError

__all__ = ["AstrayError", "RestlessError", "TapReader", "TapViews"]

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]

_TAP_FITS = 0.85
"""Share of a tap's readings that the light in front of its interferometer has to explain."""

_CONTRARY = 0.3
"""Rms distance of the points on the sphere that two taps show, from which on one is wrong."""


class AstrayError(CalibrationError):
    """The taps do not tell of this mesh: the light in front of a tap does not explain it.

    Attributes:
        faults: taps that are known to be at fault.
        suspects: interferometers whose two taps may have been exchanged: that shows behind
            them only.
    """

    def __init__(
        self, message: str, faults: Sequence[ChannelFault] = (), suspects: Sequence[int] = ()
    ) -> None:
        super().__init__(message)
        self.faults, self.suspects = tuple(faults), tuple(suspects)


class RestlessError(CalibrationError):
    """A heater turns something, but not as it is driven: nothing behind it can be read.

    Attributes:
        fault: the heater's.
    """

    def __init__(self, fault: ChannelFault) -> None:
        super().__init__(str(fault), [fault.channel])
        self.fault = fault


class TapViews(NamedTuple):
    """What outputs and taps showed at settings in which every heater stands anywhere."""

    vectors: ComplexArray
    """Shape (ports, batch): the inputs for which the taps were read."""
    nominal_rad: FloatArray
    """Shape (settings, shifters), by channel: own phases by the data sheet."""
    power: FloatArray
    """Shape (settings, taps, batch), of full scale, dark readings taken off."""
    clear: NDArray[np.bool_]
    """Shape (settings, taps, batch): readings that are not at the end of the range."""
    live: NDArray[np.bool_]
    """Shape (taps,): taps that see light."""
    noise: float
    """Rms noise of one element of `power`."""
    transfer: ComplexArray
    """Shape (settings, receivers, ports), offsets taken off."""

    def exchanged(self, cell: int) -> "TapViews":
        """With the two taps of an interferometer in each other's place."""
        order = np.arange(len(self.live))
        order[[2 * cell, 2 * cell + 1]] = 2 * cell + 1, 2 * cell
        return self._replace(
            power=self.power[:, order], clear=self.clear[:, order], live=self.live[order]
        )


class TapReader:
    """Reads interferometers off their taps, and leaves out those that fit nothing.

    Attributes:
        faults: of the taps.
    """

    def __init__(self, views: TapViews) -> None:
        self._views, self._live = views, views.live.copy()
        self.faults: list[ChannelFault] = []

    def points(self, cell: int, rows: ComplexArray, turned_rad: FloatArray) -> Points | None:
        """Where an interferometer stands at every setting, by those of its taps that fit.

        Args:
            cell: its number.
            rows: shape (settings, 2, ports), in front of it.
            turned_rad: shape (settings,), what its inner heater turns by the data sheet.

        Returns:
            None where neither fits.
        """
        light = rows @ self._views.vectors
        columns = _columns(light[:, 0], light[:, 1])
        even = _evenness(rows)
        seen: dict[int, Points] = {}
        for tap, sign in ((2 * cell, 1.0), (2 * cell + 1, -1.0)):
            found = self._fitted(tap, columns)
            if found is not None:
                points = sphere(*found)
                seen[tap] = Points(sign * points.z, sign * points.w, even * points.weight)
        if len(seen) == 2 and _apart(*seen.values()) > _CONTRARY:
            self._leave_out_one(seen, turned_rad)
        if not seen:
            return None
        return Points(*(np.mean(part, axis=0) for part in zip(*seen.values(), strict=True)))

    def balance(self, cell: int, row: ComplexArray) -> FloatArray | None:
        """What an attenuator passes on less what it dumps, shape (settings,), of all.

        Args:
            cell: its number.
            row: shape (settings, ports), in front of it.

        Returns:
            None where neither tap fits.
        """
        light = np.abs(row @ self._views.vectors)[:, :, None] ** 2
        seen = {}
        for tap, sign in ((2 * cell, 1.0), (2 * cell + 1, -1.0)):
            found = self._fitted(tap, light)
            if found is not None:
                seen[sign] = found[0][:, 0]
        if not seen:
            return None
        if len(seen) == 1:
            ((sign, passed),) = seen.items()
            return np.asarray(sign * (2.0 * passed / max(float(passed.max()), 1e-12) - 1.0))
        arms = np.stack([*seen.values()], axis=1)
        gains = np.linalg.lstsq(arms, np.ones(len(arms)), rcond=1e-3)[0]
        return np.asarray(arms[:, 0] * gains[0] - arms[:, 1] * gains[1])

    def _fitted(self, tap: int, columns: FloatArray) -> tuple[FloatArray, FloatArray] | None:
        """Least squares of a tap's readings at each setting.

        Returns:
            What was found, shape (settings, columns), and its variance, shape (settings,), of
            the one that is known worst; None for a tap that is not to be used.
        """
        if not self._live[tap]:
            return None
        power, clear = self._views.power[:, tap], self._views.clear[:, tap]
        used = columns * clear[:, :, None]
        normal = np.swapaxes(used, 1, 2) @ columns
        normal += 1e-6 * float(np.abs(normal).max()) * np.eye(columns.shape[2])
        inverse = np.linalg.inv(normal)
        pull = np.einsum("svd,sv->sd", used, power)
        found = np.einsum("scd,sd->sc", inverse, pull)
        rest = (power - np.einsum("svc,sc->sv", columns, found))[clear]
        apart, by_noise = power[clear] - power[clear].mean(), rest.size * self._views.noise**2
        whole = max(float(apart @ apart) - by_noise, 1e-12)
        share = 1.0 - max(float(rest @ rest) - by_noise, 0.0) / whole
        if share < _TAP_FITS:
            self._misfit(tap, f"its arm's light explains {share:.0%} of what it reads")
            return None
        variance = float(np.mean(rest**2)) * np.einsum("scc->sc", inverse).max(axis=1)
        return found, variance

    def _leave_out_one(self, seen: dict[int, Points], turned_rad: FloatArray) -> None:
        """Of two taps that contradict each other keep the one that the heater turns."""

        def turning(tap: int) -> float:
            z, weight = seen[tap].z, seen[tap].weight
            turned, still = (fringe_share(z, weight, a) for a in (turned_rad, 0.0 * turned_rad))
            return float(turned - still)

        worse = min(seen, key=turning)
        del seen[worse]
        self._misfit(worse, "contradicts the other tap of its interferometer")

    def _misfit(self, tap: int, reason: str) -> None:
        self._live[tap] = False
        self.faults.append(ChannelFault(Part.TAP, tap, Fault.SWAPPED, f"{reason}; left out"))


def _evenness(rows: ComplexArray) -> FloatArray:
    """How alike the light on two arms is, shape (settings,), 1 at best.

    Beside an arm that is all but dark, small errors of the bright one's row hide what it does.
    """
    upper, lower = np.sum(np.abs(rows) ** 2, axis=2).T
    return np.asarray((4.0 * upper * lower / np.maximum((upper + lower) ** 2, 1e-12)) ** 2)


def _columns(upper: ComplexArray, lower: ComplexArray) -> FloatArray:
    """What (|a|^2, |b|^2, Re a b*, Im a b*) add to a power, shape (settings, batch, 4)."""
    beat = upper * lower.conj()
    parts = [np.abs(upper) ** 2, np.abs(lower) ** 2, 2.0 * beat.real, -2.0 * beat.imag]
    return np.stack(parts, axis=-1)


def _apart(one: Points, other: Points) -> float:
    """Rms distance of two taps' points."""
    weight = one.weight * other.weight
    squares = (one.z - other.z) ** 2 + np.abs(one.w - other.w) ** 2
    return float(np.sqrt(weight @ squares / weight.sum()))
