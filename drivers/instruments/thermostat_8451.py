"""M-Labs Sinara Thermostat 8451 over TCP: channel 0 drives the TEC and reads its object.

Its channel 1 reads the heat sink. Gains, thermistor parameters and the curve of its fan are
the box's own: set them once with any client and keep them with ``save``.
"""

import asyncio
from collections.abc import Sequence
from functools import partial
from math import nan

from drivers.bus.framing import ANY_END, LineFramer
from drivers.bus.resync import Resync
from drivers.data_sheets import THERMOSTAT_TARGET_C
from drivers.interfaces import Identity, Limits, TecSample, TemperatureController
from drivers.options import Thermostat8451Options
from drivers.protocols.thermostat import (
    Command,
    Report,
    ThermostatError,
    is_revision,
    parse_obeyed,
    parse_reports,
    parse_revision,
    parse_targets,
)
from drivers.ranges import check_range
from drivers.registry import Mounting
from drivers.transports import Wire
from drivers.wire import WireInstrument
from lumina.errors import DeviceStateError

__all__ = ["Thermostat8451"]

OBJECT, SINK = 0, 1
CLOCK_SLACK_S = 2.0
"""How far its clock may fall behind ours before it has been started anew."""


class Thermostat8451(WireInstrument, TemperatureController):
    """The box has no switch for its output: off is a fixed current of zero."""

    framer = LineFramer(write_end=b"\n", read_end=ANY_END)
    model = r"M-Labs,Thermostat 8451"

    STABLE_K = 0.05
    """The box does not judge: within this deviation the driver calls it stable."""

    def __init__(self, mounting: Mounting) -> None:
        super().__init__(mounting)
        options: Thermostat8451Options = mounting.options
        self._limit_a = options.current_limit_a
        self._fixed_a: float | None = None
        self._enabled = False
        self._clock_s = self._seen_at_s = 0.0

    def resync(self, wire: Wire) -> Resync:
        if wire.reopening_forgets:
            return Resync.reopen()
        return Resync.sentinel(Command("hwrev").encode(), is_revision)

    async def identify(self) -> Identity:
        revision = parse_revision(await self.request(Command("hwrev").encode()))
        return Identity("M-Labs", "Thermostat 8451", "", f"hardware {revision}")

    async def prepare(self) -> None:
        """Limit the current, and see whether it drives."""
        for limit in ("max_i_pos", "max_i_neg"):
            await self._command("output", limit, self._limit_a)
        report = await self._report(OBJECT)
        self._enabled = report.pid_engaged or report.set_a != 0.0

    async def power_cycled(self) -> bool:
        """Its clock starts at zero."""
        clock_s, seen_at_s = self._clock_s, self._seen_at_s
        await self._report(OBJECT)
        return self._clock_s - clock_s < self._seen_at_s - seen_at_s - CLOCK_SLACK_S

    def temperature_limits_c(self) -> Limits:
        return Limits(*THERMOSTAT_TARGET_C)

    def current_limits_a(self) -> Limits:
        return Limits(-self._limit_a, self._limit_a)

    async def set_target_c(self, target_c: float) -> None:
        check_range(self.name, "target", target_c, self.temperature_limits_c(), "C")
        async with self.bus.sequence():
            await self._command("pid", "target", target_c)
            self.remember("target", partial(self._command, "pid", "target", target_c), target_c)
            self._fixed_a = None
            if self._enabled:
                await self._drive()

    async def read_target_c(self) -> float:
        line = await self.request(Command("pid").encode())
        try:
            return parse_targets(line)[OBJECT]
        except ThermostatError as error:
            raise self.odd(str(error)) from error

    async def set_current_a(self, current_a: float) -> None:
        check_range(self.name, "current", current_a, self.current_limits_a(), "A")
        async with self.bus.sequence():
            self._fixed_a = current_a
            if self._enabled:
                await self._drive()

    async def set_enabled(self, enabled: bool) -> None:
        async with self.bus.sequence():
            await (self._drive() if enabled else self._command("output", "i_set", 0.0))
            self._enabled = enabled
            apply = partial(self.set_enabled, enabled)
            self.remember("output", apply, enabled, read=self.is_enabled, restore=not enabled)

    async def is_enabled(self) -> bool:
        report = await self._report(OBJECT)
        return report.pid_engaged or report.set_a != 0.0

    async def read_temperature_c(self) -> float:
        return await self._thermistor_c(OBJECT)

    async def read_sink_c(self) -> float:
        return await self._thermistor_c(SINK)

    async def read_current_a(self) -> float:
        return (await self._report(OBJECT)).current_a

    async def read_voltage_v(self) -> float:
        return (await self._report(OBJECT)).voltage_v

    async def read_sample(self) -> TecSample:
        reports = await self._reports()
        seen_c = [r.temperature_c if r.temperature_c is not None else nan for r in reports]
        tec = reports[OBJECT]
        return TecSample(seen_c[OBJECT], seen_c[SINK], tec.current_a, tec.voltage_v)

    async def is_stable(self) -> bool:
        async with self.bus.sequence():
            report, target_c = await self._report(OBJECT), await self.read_target_c()
        if report.temperature_c is None or not report.pid_engaged:
            return False
        return abs(report.temperature_c - target_c) < self.STABLE_K

    async def make_safe(self) -> None:
        await self.set_enabled(False)

    async def _drive(self) -> None:
        """Regulate, or drive the fixed current, whichever was asked for last."""
        if self._fixed_a is None:
            await self._command("output", "pid")
        else:
            await self._command("output", "i_set", self._fixed_a)

    async def _thermistor_c(self, channel: int) -> float:
        temperature_c = (await self._report(channel)).temperature_c
        if temperature_c is None:
            text = f"channel {channel}: thermistor open or shorted"
            raise DeviceStateError(self.name, text, "error")
        return temperature_c

    async def _report(self, channel: int) -> Report:
        return (await self._reports())[channel]

    async def _reports(self) -> Sequence[Report]:
        """What both channels report."""
        line = await self.request(Command("report").encode())
        try:
            reports = parse_reports(line)
        except ThermostatError as error:
            raise self.odd(str(error)) from error
        self._clock_s, self._seen_at_s = reports[OBJECT].time_s, asyncio.get_running_loop().time()
        return reports

    async def _command(self, name: str, field: str, value: float | None = None) -> None:
        command = Command(name, OBJECT, field, value)
        line = await self.request(command.encode())
        try:
            parse_obeyed(line)
        except ThermostatError as error:
            told = f"{command.encode().decode()!r}: {error}"
            raise self.odd(told) from error
