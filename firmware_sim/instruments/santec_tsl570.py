"""Santec TSL-570 tunable laser: its SCPI commands, and the wavelength sweep.

Replies end with CR and integers carry a sign, as on the real one. With ``:SYST:COMM:COD
0`` (legacy) wavelengths are nm and frequencies THz, with 1 they are m and Hz.
"""

from dataclasses import dataclass

import numpy as np

from drivers.data_sheets import TSL570_METER_NOISE, TSL570_POWER_W, TSL570_WAVELENGTH_M
from drivers.options import LaserOptions
from firmware_sim.instrument import Wiring
from firmware_sim.scpi import (
    Call,
    Command,
    Instrument,
    Unit,
    ignored,
    number,
    serial_number,
    switch,
)
from firmware_sim.units import dbm
from twin.instruments import LaserSource
from twin.plant import Plant
from twin.records import TICK_S

__all__ = ["SantecTsl570"]

LIGHT_M_PER_S = 299_792_458.0
FREQUENCY_HZ = (LIGHT_M_PER_S / TSL570_WAVELENGTH_M[1], LIGHT_M_PER_S / TSL570_WAVELENGTH_M[0])
FLOAT = "{:+.8E}"
WHOLE = "{:+.0f}"
ONE_WAY_STEPPED, ONE_WAY, TWO_WAY_STEPPED, TWO_WAY = 0, 1, 2, 3


@dataclass
class Settings:
    """As after power-up."""

    wavelength_m: float = 1.55e-6
    power_w: float = 1e-3
    emission: bool = False
    shutter_closed: bool = False
    milliwatt: bool = False
    scpi: bool = True
    start_m: float = TSL570_WAVELENGTH_M[0]
    stop_m: float = TSL570_WAVELENGTH_M[1]
    step_m: float = 1e-9
    speed_m_per_s: float = 10e-9
    mode: float = ONE_WAY
    dwell_s: float = 0.1
    delay_s: float = 0.0
    cycles: float = 1

    @property
    def frequency_hz(self) -> float:
        """The optical frequency."""
        return LIGHT_M_PER_S / self.wavelength_m

    @frequency_hz.setter
    def frequency_hz(self, value: float) -> None:
        self.wavelength_m = LIGHT_M_PER_S / value


class SantecTsl570(Instrument):
    """The laser, into the board's input."""

    wiring = Wiring(serial=False, port=5000)
    end = b"\r"

    def __init__(self, name: str, options: LaserOptions, plant: Plant) -> None:
        del options  # bring-up's business: the instrument powers up as it does
        self._plant = plant
        self._source = LaserSource(
            plant, name, top_w=TSL570_POWER_W[1], meter_noise=TSL570_METER_NOISE
        )
        self._sweep_tick: int | None = None
        self._sweeps = 0
        super().__init__(name)

    def identify(self) -> str:
        return f"SANTEC,TSL-570,{serial_number(self.name)},0001.000.0001"

    def reset(self) -> None:
        self._sweep_tick, self._sweeps = None, 0
        self.settings = Settings()
        self.apply()

    def apply(self) -> None:
        inputs, settings = self._plant.inputs, self.settings
        self._source.tune(settings.wavelength_m)
        self._source.set_power(settings.power_w)
        inputs["laser_on"] = float(settings.emission and not settings.shutter_closed)

    def length(self) -> Unit:
        """What a bare wavelength means."""
        return Unit("M", 1.0 if self.settings.scpi else 1e-9)

    def frequency(self) -> Unit:
        """What a bare frequency means."""
        return Unit("HZ", 1.0 if self.settings.scpi else 1e12)

    def set_power(self, call: Call) -> None:
        """In dBm or mW, as `:POW:UNIT` says, unless the number has a unit."""
        if not call.text().upper().endswith(("W", "DBM", "MIN", "MAX")):
            call.arguments = (call.text() + ("MW" if self.settings.milliwatt else "DBM"),)
        self.settings.power_w = call.number(0, Unit("W"), *TSL570_POWER_W)
        self.apply()

    def told(self, power_w: float) -> str:
        """A power in the unit in force."""
        return FLOAT.format(1e3 * power_w if self.settings.milliwatt else dbm(power_w))

    def power(self, _: Call) -> str:
        """The power that is set."""
        return self.told(self.settings.power_w)

    def actual_power(self, _: Call) -> str:
        """The power that the monitor sees."""
        return self.told(self._source.metered_w())

    def sweep(self, call: Call) -> None:
        """0 stops, 1 starts."""
        self._sweeps = 0
        self._sweep_tick = self._plant.tick if call.switch() else None

    def idle(self) -> None:
        """Move on along the sweep."""
        if self._sweep_tick is None:
            return
        settings = self.settings
        elapsed_s = (self._plant.tick - self._sweep_tick) * TICK_S
        one_s = self._sweep_s()
        self._sweeps = int(elapsed_s / one_s)
        if self._sweeps >= settings.cycles:
            self._sweep_tick, share = None, 1.0
        else:
            share = elapsed_s / one_s - self._sweeps
        if settings.mode in (TWO_WAY_STEPPED, TWO_WAY):
            share = 1.0 - abs(2.0 * share - 1.0)
        settings.wavelength_m = settings.start_m + share * (settings.stop_m - settings.start_m)
        self.apply()

    def _sweep_s(self) -> float:
        """Time of one sweep."""
        settings = self.settings
        span_m = abs(settings.stop_m - settings.start_m)
        if settings.mode in (ONE_WAY_STEPPED, TWO_WAY_STEPPED):
            one_s = (1 + span_m / settings.step_m) * max(settings.dwell_s, TICK_S)
        else:
            one_s = span_m / settings.speed_m_per_s
        both = 2.0 if settings.mode in (TWO_WAY_STEPPED, TWO_WAY) else 1.0
        return float(np.maximum(both * one_s + settings.delay_s, TICK_S))

    def _limit(self, index: int) -> str:
        return FLOAT.format(TSL570_WAVELENGTH_M[index] / self.length().bare)

    def _frequency_limit(self, index: int) -> str:
        return FLOAT.format(FREQUENCY_HZ[index] / self.frequency().bare)

    commands = (
        switch("SYSTem:COMMunicate:CODe", "scpi", "{:+d}"),
        number("WAVelength[:CW]", "wavelength_m", length, *TSL570_WAVELENGTH_M, form=FLOAT),
        number("FREQuency[:CW]", "frequency_hz", frequency, *FREQUENCY_HZ, form=FLOAT),
        Command("POWer[:LEVel]", set_power, power),
        Command("POWer:ACTual[:LEVel]", query=actual_power),
        switch("POWer:STATe", "emission", "{:+d}"),
        switch("POWer:SHUTter", "shutter_closed", "{:+d}"),
        switch("POWer:UNIT", "milliwatt", "{:+d}"),
        Command(
            "WAVelength:SWEep[:STATe]",
            sweep,
            lambda laser, _: f"{laser._sweep_tick is not None:+d}",
        ),
        Command("WAVelength:SWEep:REPeat", lambda laser, _: laser.sweep(Call((), "1"))),
        Command("WAVelength:SWEep:COUNt", query=lambda laser, _: f"{laser._sweeps:+d}"),
        number("WAVelength:SWEep:STARt", "start_m", length, *TSL570_WAVELENGTH_M, form=FLOAT),
        number("WAVelength:SWEep:STOP", "stop_m", length, *TSL570_WAVELENGTH_M, form=FLOAT),
        number("WAVelength:SWEep:STEP", "step_m", length, 1e-13, 1.6e-7, form=FLOAT),
        number("WAVelength:SWEep:SPEed", "speed_m_per_s", Unit("", 1e-9), 1e-9, 2e-7, WHOLE),
        number("WAVelength:SWEep:MODe", "mode", low=0, high=3, form=WHOLE),
        number("WAVelength:SWEep:DWELl", "dwell_s", Unit("S"), 0, 999.9, FLOAT),
        number("WAVelength:SWEep:DELay", "delay_s", Unit("S"), 0, 999.9, FLOAT),
        number("WAVelength:SWEep:CYCLes", "cycles", low=0, high=999, form=WHOLE),
        Command("WAVelength:SWEep:RANGe:MINimum", query=lambda laser, _: laser._limit(0)),
        Command("WAVelength:SWEep:RANGe:MAXimum", query=lambda laser, _: laser._limit(1)),
        Command("FREQuency:SWEep:RANGe:MINimum", query=lambda laser, _: laser._frequency_limit(0)),
        Command("FREQuency:SWEep:RANGe:MAXimum", query=lambda laser, _: laser._frequency_limit(1)),
        *ignored(("POWer:ATTenuation:AUTo", "COHCtrl", "TRIGger:OUTPut", "DISPlay:BRIGhtness")),
    )
