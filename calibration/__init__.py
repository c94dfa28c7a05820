"""Calibration: from an unknown chip to one whose every parameter is known well enough.

- chip: what may be asked of a chip
- mesh: phases, drive laws, couplers, crosstalk, loss, from sweeps to a model
- result: what was found
- model: what it predicts
- programming: from a matrix to drives
"""
