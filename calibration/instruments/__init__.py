"""The instruments around a chip: what they read, emit and drive, against each other.

- photodiodes: dark readings, responsivity, linearity, saturation
- laser: power and wavelength against what was set
- heaters: resistance, self-heating and tempco by current
- climate: a carrier held by a stand-alone controller
- banks: voltages of stand-alone heater drivers against their own readings
- receivers: offset, gain and bow of a board's modulators and receivers
"""
