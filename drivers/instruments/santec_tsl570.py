"""Santec TSL-570 tunable laser, in its SCPI command set. Its replies end with CR."""

from drivers.bus.framing import ANY_END, LineFramer
from drivers.data_sheets import TSL570_POWER_W, TSL570_WAVELENGTH_M
from drivers.interfaces import Identity, Laser, Limits
from drivers.ranges import check_range
from drivers.scpi import ScpiInstrument

__all__ = ["SantecTsl570"]

MILLIWATT = 1
"""Of `:POW:UNIT`: 0 is dBm."""


class SantecTsl570(ScpiInstrument, Laser):
    """Wavelength in m and power in mW on the wire; integers come with a sign."""

    framer = LineFramer(write_end=b"\n", read_end=ANY_END)
    model = r"SANTEC,TSL-?5[57]0"
    error_query = ":SYST:ERR?"

    def wavelength_limits_m(self) -> Limits:
        return Limits(*TSL570_WAVELENGTH_M)

    def power_limits_w(self) -> Limits:
        return Limits(*TSL570_POWER_W)

    async def identify(self) -> Identity:
        await self.send(b":SYST:COMM:COD 1")  # else it may speak the older command set
        return await super().identify()

    async def prepare(self) -> None:
        await super().prepare()
        await self.write(":SYST:COMM:COD 1", f":POW:UNIT {MILLIWATT}")

    async def set_wavelength_m(self, wavelength_m: float) -> None:
        check_range(self.name, "wavelength", wavelength_m, self.wavelength_limits_m(), "m")
        await self.set(":WAV", wavelength_m)

    async def read_wavelength_m(self) -> float:
        return await self.ask_float(":WAV?")

    async def set_power_w(self, power_w: float) -> None:
        check_range(self.name, "power", power_w, self.power_limits_w(), "W")
        await self.set(":POW", 1e3 * power_w)

    async def read_power_w(self) -> float:
        if not await self.is_emitting():
            return 0.0
        return 1e-3 * await self.ask_float(":POW:ACT?")

    async def set_emission(self, on: bool) -> None:
        await self.switch(":POW:STAT", on)

    async def is_emitting(self) -> bool:
        return await self.ask_bool(":POW:STAT?")

    async def make_safe(self) -> None:
        await self.set_emission(False)
