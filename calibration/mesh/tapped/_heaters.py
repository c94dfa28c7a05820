"""Which heater turns what, and about how: drive laws, dead heaters, swapped wires."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from calibration.faults import ChannelFault, Fault, Part
from calibration.mesh.tapped._interferometer import Law, looked_for
from calibration.mesh.tapped._views import RestlessError

__all__ = ["Heaters"]

FloatArray = NDArray[np.float64]

Share = Callable[[FloatArray], FloatArray]
"""How much of what is seen some phases explain, shape (..., settings) to (...,)."""

_CLEAN = 0.7
"""Share of what is seen that a heater has to explain, the others' known, before it is fitted."""

_ALL_BUT = 0.8
"""Share of what is explained with a heater that is explained without it, if it is dead."""


class Heaters:
    """What is known of the heaters while a chip is read; all by place.

    Attributes:
        channel: shape (shifters,): the channel that drives each place.
        laws: how each heater turns.
        share: shape (shifters,): how much each explains of what it should; 0 where it turns
            nothing, or is never driven.
        faults: heaters that turn nothing.
    """

    def __init__(self, nominal_rad: FloatArray, idle: NDArray[np.bool_]) -> None:
        """Nothing is known yet.

        Args:
            nominal_rad: shape (settings, shifters), by channel: own phases by the data sheet.
            idle: shape (shifters,), channels that are never driven.
        """
        self._nominal_rad, self._idle = nominal_rad, idle
        count = nominal_rad.shape[1]
        self.channel = np.arange(count)
        self.laws = [Law()] * count
        self.share = np.zeros(count)
        self.faults: list[ChannelFault] = []

    def drives(self, place: int) -> bool:
        """Whether a place's heater turns it."""
        return bool(self.share[place] > 0.0)

    def nominal_rad(self, place: int) -> FloatArray:
        """Own phases by the data sheet, shape (settings,), in rad."""
        return np.asarray(self._nominal_rad[:, self.channel[place]])

    def turned_rad(self, place: int) -> FloatArray:
        """Own phases at every setting, shape (settings,), in rad."""
        nominal = self.nominal_rad(place)
        return self.laws[place].turned_rad(nominal) if self.drives(place) else 0.0 * nominal

    def turned_by(self, ways: Mapping[int, int], but: int = -1) -> FloatArray:
        """What some places' heaters turn together, each by its sign, one left out, in rad."""
        turned = np.zeros(len(self._nominal_rad))
        for place, sign in ways.items():
            if place != but:
                turned += sign * self.turned_rad(place)
        return turned

    def identify(self, ways: Mapping[int, int], share: Share) -> None:
        """Find which heaters turn something, and about how.

        Args:
            ways: the shifters that may turn it, and which way each does.
            share: how much of it some phases explain.

        Raises:
            RestlessError: something turns, but by no heater's drives.
        """
        for place in ways:
            self.share[place] = float(not self._idle[self.channel[place]])
        for place in [*ways] * min(len(ways), 2):
            self._look_for(place, ways, share)
        clean = _CLEAN ** max(sum(map(self.drives, ways)), 1)
        for place in filter(self.drives, ways):
            without = float(share(self.turned_by(ways, but=place)))
            if without >= max(clean, _ALL_BUT * float(share(self.turned_by(ways)))):
                self._dead(place)
        if float(share(self.turned_by(ways))) < clean:
            self._find_wire(ways, share, clean)
        together = float(share(self.turned_by(ways)))
        for place in filter(self.drives, ways):
            if together < clean:
                raise self.restless(place, f"explains {together:.0%} of what it turns")
            self.share[place] = together

    def restless(self, place: int, how: str) -> RestlessError:
        """What to raise where a heater does not turn as it is driven."""
        return RestlessError(self._fault(place, Fault.NO_FRINGE, f"its drive {how}"))

    def in_full(self) -> NDArray[np.int64]:
        """The channel of every place, those that turn nothing with what is left over."""
        channel = self.channel.copy()
        live = self.share > 0.0
        still = np.flatnonzero(~live)
        left = np.setdiff1d(np.arange(len(channel)), channel[live])
        own = np.intersect1d(still, left)
        channel[own] = own
        channel[np.setdiff1d(still, own)] = np.setdiff1d(left, own)
        return channel

    def _look_for(self, place: int, ways: Mapping[int, int], share: Share) -> None:
        """Set the gain of a heater's law to what explains most."""
        if self.drives(place):
            rest, sign = self.turned_by(ways, but=place), ways[place]
            nominal = self.nominal_rad(place)
            self.laws[place] = looked_for(lambda turned: share(rest + sign * turned), nominal)

    def _find_wire(self, ways: Mapping[int, int], share: Share, clean: float) -> None:
        """Find the channel that drives one of the places, if another one than its own does."""
        every = Law().turned_rad(self._nominal_rad.T)
        for place in filter(self.drives, ways):
            own = self.channel[place], self.laws[place]
            shares = share(self.turned_by(ways, but=place) + ways[place] * every)
            self.channel[place] = int(np.argmax(shares))
            self._look_for(place, ways, share)
            if float(share(self.turned_by(ways))) >= clean:
                return
            self.channel[place], self.laws[place] = own

    def _dead(self, place: int) -> None:
        self.share[place] = 0.0
        reason = "turns nothing; heater open or not connected"
        self.faults.append(self._fault(place, Fault.DEAD, reason))

    def _fault(self, place: int, fault: Fault, reason: str) -> ChannelFault:
        return ChannelFault(Part.SHIFTER, int(self.channel[place]), fault, reason)
