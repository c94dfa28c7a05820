"""What the instruments' data sheets say, for options, drivers, twins and simulated firmware."""

__all__ = [
    "E36312A_OUTPUTS",
    "HMP4040_OUTPUTS",
    "N7744A_FULL_SCALE_W",
    "N7744A_WAVELENGTH_M",
    "OVER_VOLTAGE_HEADROOM",
    "PM100D_FULL_SCALE_W",
    "PM100D_WAVELENGTH_M",
    "Q8IV_FULL_SCALE_V",
    "TEC109X_TARGET_C",
    "THERMOSTAT_TARGET_C",
    "TSL570_METER_NOISE",
    "TSL570_POWER_W",
    "TSL570_WAVELENGTH_M",
]

TSL570_WAVELENGTH_M = (1.48e-6, 1.64e-6)
TSL570_POWER_W = (3.2e-5, 0.02)
"""Santec TSL-570, type A: tuning range, and -15 .. +13 dBm."""

TSL570_METER_NOISE = 0.002
"""Relative rms of its power reading."""

PM100D_WAVELENGTH_M = (0.8e-6, 1.7e-6)
PM100D_FULL_SCALE_W = 3e-3
"""Thorlabs PM100D with an S154C head: wavelengths with a calibration, and the most light."""

N7744A_WAVELENGTH_M = (1.25e-6, 1.65e-6)
N7744A_FULL_SCALE_W = 0.01
"""Keysight N7744A and N7745A."""

TEC109X_TARGET_C = (-40.0, 125.0)
"""Meerstetter TEC-109x with an NTC: set points that it takes."""

THERMOSTAT_TARGET_C = (-40.0, 125.0)
"""Sinara Thermostat 8451: what thermistors in use can read."""

Q8IV_FULL_SCALE_V = 12.0
"""Qontrol Q8iv: what a word of 65535 stands for."""

E36312A_OUTPUTS = ((6.18, 5.15), (25.75, 1.03), (25.75, 1.03))
"""Keysight E36312A: highest voltage (V) and current (A) of channels 1, 2, 3."""

HMP4040_OUTPUTS = ((32.05, 10.01),) * 4
"""Rohde & Schwarz HMP4040: the same of its four channels."""

OVER_VOLTAGE_HEADROOM = 1.1
"""Highest over-voltage level of either supply, relative to a channel's highest voltage."""
