"""The start of a calibration where a chip has taps inside its mesh.

    settings   every heater anywhere at once; outputs and taps are read
    walk       every interferometer's two fringes at its own taps, with the light
    outputs    the last shifters' fringes, gains, receivers

What comes out is what sweeps and walk give where there are no taps: a guess for the fit, which
then uses the very same settings.
"""

from calibration.mesh.tapped._survey import survey_by_taps
from calibration.mesh.tapped._views import AstrayError

__all__ = ["AstrayError", "survey_by_taps"]
