"""Keysight N7744A / N7745A multi-port power meter: every input is a slot of its own."""

import struct
from dataclasses import dataclass
from math import isinf

from drivers.data_sheets import N7744A_FULL_SCALE_W, N7744A_WAVELENGTH_M
from drivers.options import KeysightN7744aOptions
from firmware_sim.instrument import Wiring
from firmware_sim.scpi import (
    Call,
    Command,
    Instrument,
    ScpiError,
    Unit,
    ignored,
    number,
    serial_number,
    switch,
)
from firmware_sim.units import dbm
from twin.instruments import PhotodiodeHead
from twin.plant import Plant
from twin.records import TICK_S

__all__ = ["KeysightN7744a"]

OVER_RANGE = 3.4e38
SAMPLE_S = 1e-4
FLOAT = "{:+.8E}"
MOST_SAMPLES = 1_000_000


@dataclass
class Settings:
    """Of one input, as after power-up."""

    wavelength_m: float = 1.55e-6
    averaging_s: float = 0.1
    watt: bool = False
    auto_range: bool = True
    range_w: float = N7744A_FULL_SCALE_W
    continuous: bool = True


class Logging:
    """Samples taken one after another by the plant's clock."""

    def __init__(self, samples: int, averaging_s: float) -> None:
        self.samples, self.averaging_s = samples, averaging_s
        self.started_tick: int | None = None
        self.taken_w: list[float] = []

    def due(self, tick: int) -> int:
        """Samples that should have been taken by now and have not."""
        if self.started_tick is None:
            return 0
        by_now = int((tick - self.started_tick) * TICK_S / self.averaging_s)
        return min(by_now, self.samples) - len(self.taken_w)


class KeysightN7744a(Instrument):
    """The meter; its first input is on `options.port`, the next on the next."""

    wiring = Wiring(serial=False, port=5025, hislip=True, vxi11=True)

    def __init__(self, name: str, options: KeysightN7744aOptions, plant: Plant) -> None:
        self._plant = plant
        spread = plant.config.instruments.n7744a_spread
        self._heads = [
            PhotodiodeHead(
                plant, f"{name}.{index}", options.port + index, N7744A_FULL_SCALE_W, spread
            )
            for index in range(options.channels)
        ]
        self._latest_w = [0.0] * options.channels
        super().__init__(name)

    def identify(self) -> str:
        model = "N7744A" if len(self._heads) <= 4 else "N7745A"
        return f"Keysight Technologies,{model},DE{serial_number(self.name)},1.23.7"

    def reset(self) -> None:
        self._inputs = [Settings() for _ in self._heads]
        self._logging = [Logging(1, SAMPLE_S) for _ in self._heads]
        self.apply()

    def apply(self) -> None:
        for head, settings in zip(self._heads, self._inputs, strict=True):
            head.wavelength_m = settings.wavelength_m
            head.averaging = max(1, round(settings.averaging_s / SAMPLE_S))

    def targets(self, call: Call) -> list[Settings]:
        return [self._inputs[self.index(call)]]

    def index(self, call: Call) -> int:
        """Which input a command's suffix means."""
        if not 1 <= call.suffixes[0] <= len(self._heads):
            raise ScpiError(-114)
        return call.suffixes[0] - 1

    def idle(self) -> None:
        """Take the logged samples that are due."""
        for head, logging in zip(self._heads, self._logging, strict=True):
            if (due := logging.due(self._plant.tick)) > 0:
                logging.taken_w += [head.read_w() for _ in range(due)]

    def initiate(self, call: Call) -> None:
        """Take a reading."""
        index = self.index(call)
        self.extra_s += self._inputs[index].averaging_s
        power_w = self._heads[index].read_w()
        self._latest_w[index] = OVER_RANGE if isinf(power_w) else power_w

    def fetch(self, call: Call) -> str:
        """The latest reading; of now while it measures all the time."""
        index = self.index(call)
        if self._inputs[index].continuous:
            self.initiate(call)
            self.extra_s = 0.0
        power_w, in_dbm = self._latest_w[index], not self._inputs[index].watt
        return FLOAT.format(dbm(power_w) if in_dbm and power_w != OVER_RANGE else power_w)

    def read(self, call: Call) -> str:
        """Take a reading and tell it."""
        self.initiate(call)
        waited_s = self.extra_s
        text = self.fetch(call)
        self.extra_s = waited_s
        return text

    def zero(self, _: Call) -> None:
        """Subtract the dark offset of every input."""
        if not all(head.is_dark() for head in self._heads):
            raise ScpiError(-221)
        for head in self._heads:
            head.zero()

    def set_logging(self, call: Call) -> None:
        """``FUNC:PAR:LOGG 1000, 1ms``."""
        samples = call.integer(0, 1, MOST_SAMPLES)
        averaging_s = call.number(1, Unit("S"), 1e-6, 10.0)
        self._logging[self.index(call)] = Logging(samples, averaging_s)

    def switch_logging(self, call: Call) -> None:
        """``FUNC:STAT LOGG,STAR`` and ``STOP``."""
        call.choice(("LOGGing",))
        logging = self._logging[self.index(call)]
        starts = call.choice(("STARt", "STOP"), 1) == "STARt"
        logging.taken_w = [] if starts else logging.taken_w
        logging.started_tick = self._plant.tick if starts else None

    def logging_state(self, call: Call) -> str:
        """What is going on, and whether it is through."""
        logging = self._logging[self.index(call)]
        if logging.started_tick is None and not logging.taken_w:
            return "NONE,COMPLETE"
        self.idle()
        through = logging.started_tick is None or len(logging.taken_w) == logging.samples
        return "LOGGING_STABILITY," + ("COMPLETE" if through else "PROGRESS")

    def logged(self, call: Call) -> str:
        """The samples, a block of little-endian float32."""
        taken_w = self._logging[self.index(call)].taken_w
        return block(struct.pack(f"<{len(taken_w)}f", *taken_w))

    def fetch_all(self, _: Call) -> str:
        """The present power at every input, a block of little-endian float32."""
        powers_w = [head.read_w() for head in self._heads]
        return block(struct.pack(f"<{len(powers_w)}f", *powers_w))

    commands = (
        number(
            "SENSe#[:CHANnel#]:POWer:WAVelength",
            "wavelength_m",
            Unit("M"),
            *N7744A_WAVELENGTH_M,
            form=FLOAT,
        ),
        number("SENSe#[:CHANnel#]:POWer:ATIMe", "averaging_s", Unit("S"), 1e-6, 10.0, FLOAT),
        number(
            "SENSe#[:CHANnel#]:POWer:RANGe[:UPPer]",
            "range_w",
            Unit("W"),
            1e-9,
            N7744A_FULL_SCALE_W,
            FLOAT,
        ),
        switch("SENSe#[:CHANnel#]:POWer:RANGe:AUTO", "auto_range", "{:+d}"),
        switch("SENSe#[:CHANnel#]:POWer:UNIT", "watt", "{:+d}"),
        switch("INITiate#[:CHANnel#]:CONTinuous", "continuous", "{:+d}"),
        Command("INITiate#[:CHANnel#][:IMMediate]", initiate),
        Command("READ#[:CHANnel#][:SCALar]:POWer[:DC]", query=read),
        Command("FETCh#[:CHANnel#][:SCALar]:POWer[:DC]", query=fetch),
        Command("FETCh[:CHANnel][:SCALar]:POWer[:DC]:ALL", query=fetch_all),
        Command("READ[:CHANnel][:SCALar]:POWer[:DC]:ALL", query=fetch_all),
        Command("SENSe[:CHANnel]:CORRection:COLLect:ZERO:ALL", zero, time_s=1.0),
        Command("SENSe#[:CHANnel#]:CORRection:COLLect:ZERO", zero, lambda *_: "+0", time_s=1.0),
        Command("SENSe#[:CHANnel#]:FUNCtion:PARameter:LOGGing", set_logging),
        Command("SENSe#[:CHANnel#]:FUNCtion:STATe", switch_logging, logging_state),
        Command("SENSe#[:CHANnel#]:FUNCtion:RESult", query=logged),
        *ignored(("LOCK", "TRIGger#[:CHANnel#]:INPut", "TRIGger#[:CHANnel#]:OUTPut")),
    )


def block(data: bytes) -> str:
    """An IEEE 488.2 definite-length block; one character per byte."""
    size = str(len(data))
    return f"#{len(size)}{size}" + data.decode("latin-1")
