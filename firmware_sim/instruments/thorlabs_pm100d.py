"""Thorlabs PM100D with an S154C head: its SCPI commands.

The real one is a USBTMC device; over a socket the commands are the same, the transport is
not. Operation manual, chapter 5 (commands); numbers are W and nm.
"""

from dataclasses import dataclass
from math import isinf

from drivers.data_sheets import PM100D_FULL_SCALE_W, PM100D_WAVELENGTH_M
from drivers.options import PowerMeterOptions
from firmware_sim.instrument import Wiring
from firmware_sim.scpi import (
    Call,
    Command,
    Instrument,
    ScpiError,
    Unit,
    choice,
    ignored,
    number,
    serial_number,
    switch,
)
from firmware_sim.units import dbm
from twin.instruments import PhotodiodeHead
from twin.plant import Plant

__all__ = ["ThorlabsPm100d"]

OVER_RANGE = 9.9e37
SAMPLE_S = 0.0003
POWER_AND_WAVELENGTH = 1 | 32
"""Flags of the head: it measures power, and its wavelength can be set."""


@dataclass
class Settings:
    """As after power-up."""

    wavelength_m: float = 1.55e-6
    averaging: float = 1
    range_w: float = PM100D_FULL_SCALE_W
    auto_range: bool = True
    unit: str = "W"
    attenuation_db: float = 0.0
    beam_m: float = 0.009
    slow: bool = False


class ThorlabsPm100d(Instrument):
    """The meter, on the monitor tap of one output port."""

    wiring = Wiring(serial=False, hislip=True)

    def __init__(self, name: str, options: PowerMeterOptions, plant: Plant) -> None:
        spread = plant.config.instruments.pm100d_spread
        self._head = PhotodiodeHead(plant, name, options.port, PM100D_FULL_SCALE_W, spread)
        self._latest = 0.0
        super().__init__(name)

    def identify(self) -> str:
        return f"Thorlabs,PM100D,P{serial_number(self.name)},2.8.0"

    def reset(self) -> None:
        self.settings = Settings()
        self.apply()

    def apply(self) -> None:
        self._head.wavelength_m = self.settings.wavelength_m
        self._head.averaging = round(self.settings.averaging)

    def measure(self, call: Call) -> str:
        """Take a reading and tell it."""
        self.initiate(call)
        return self.fetch(call)

    def initiate(self, _: Call) -> None:
        """Take a reading."""
        self.extra_s = SAMPLE_S * self._head.averaging
        power_w = self._head.read_w()
        over = isinf(power_w) or (not self.settings.auto_range and power_w > self.settings.range_w)
        self._latest = OVER_RANGE if over else power_w * 10 ** (self.settings.attenuation_db / 10)

    def fetch(self, _: Call) -> str:
        """The latest reading."""
        in_dbm = self.settings.unit == "DBM" and self._latest != OVER_RANGE
        return f"{dbm(self._latest) if in_dbm else self._latest:.6E}"

    def zero(self, _: Call) -> None:
        """Subtract the dark offset; light makes it fail."""
        if not self._head.is_dark():
            raise ScpiError(-221)
        self._head.zero()

    def describe_head(self, _: Call) -> str:
        """Name, serial number, calibration, type, subtype, flags."""
        serial = serial_number(self.name + " head")
        return f"S154C,{serial},01-Mar-2025,1,2,{POWER_AND_WAVELENGTH}"

    commands = (
        Command("SYSTem:SENSor:IDN", query=describe_head),
        number(
            "[SENSe:]CORRection:WAVelength", "wavelength_m", Unit("M", 1e-9), *PM100D_WAVELENGTH_M
        ),
        number("[SENSe:]CORRection[:LOSS][:INPut][:MAGNitude]", "attenuation_db", low=-60, high=60),
        number("[SENSe:]CORRection:BEAMdiameter", "beam_m", Unit("M", 1e-3), 1e-4, 0.05),
        number("[SENSe:]AVERage[:COUNt]", "averaging", low=1, high=3000, form="{:.0f}"),
        number("[SENSe:]POWer[:DC]:RANGe[:UPPer]", "range_w", Unit("W"), 3e-9, PM100D_FULL_SCALE_W),
        switch("[SENSe:]POWer[:DC]:RANGe:AUTO", "auto_range"),
        choice("[SENSe:]POWer[:DC]:UNIT", "unit", ("W", "DBM")),
        switch("INPut[:PDIode]:FILTer[:LPASs][:STATe]", "slow"),
        Command("[SENSe:]CORRection:COLLect:ZERO[:INITiate]", zero, time_s=0.2),
        Command("[SENSe:]CORRection:COLLect:ZERO:STATe", query=lambda *_: "0"),
        Command("MEASure[:SCALar][:POWer]", query=measure),
        Command("READ", query=measure),
        Command("CONFigure[:SCALar][:POWer]", lambda *_: None, lambda *_: "POW"),
        Command("INITiate[:IMMediate]", initiate),
        Command("FETCh", query=fetch),
        Command("SYSTem:LFRequency", lambda *_: None, lambda *_: "50"),
        *ignored(("ABORt", "SYSTem:BEEPer[:IMMediate]", "DISPlay:BRIGhtness")),
    )
