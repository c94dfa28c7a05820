"""The loop over a TEC controller and a fan: one body on twin and firmware, and what goes wrong."""

import asyncio
import math
from collections.abc import Coroutine
from typing import Any

import numpy as np
import pytest

from firmware_sim.faults import FaultKind
from lumina.control.records import TecMode, Tier
from lumina.errors import DeviceStateError
from lumina.runtime.virtual_time import run_virtual
from tests.control.running.instruments_world import World, world

WAYS = ("twin", "memory")


def live(body: Coroutine[Any, Any, None]) -> None:
    run_virtual(body)


async def settled(it: World) -> None:
    """Regulated, and at the set point."""
    await asyncio.sleep(1.0)
    it.regulate()
    await asyncio.sleep(15.0)
    assert it.tier is Tier.NORMAL, it.findings
    assert it.carrier_c() == pytest.approx(it.loop.config.setpoint_c, abs=0.01)


@pytest.mark.parametrize("way", WAYS)
def test_the_carrier_is_held_through_a_load_step(way: str) -> None:
    async def main() -> None:
        async with world(way) as it:
            await settled(it)
            it.set("compute_power_w", 30.0)
            away_k = []
            for _ in range(40):
                await asyncio.sleep(0.5)
                away_k.append(abs(it.carrier_c() - 30.0))
            assert 0.02 < max(away_k) < 0.5  # it was a load, and it was met
            assert max(away_k[-4:]) < 0.01
            assert it.runner.counters() == dict.fromkeys(it.runner.counters(), 0)

    live(main())


@pytest.mark.parametrize("rate_hz", [5.0, 20.0])
def test_other_rates_and_the_other_controller(rate_hz: float) -> None:
    """A Thermostat has 2 A and ten samples a second: it holds a carrier near the room."""

    async def main() -> None:
        async with world("memory", 27.0, rate_hz, tec="thermostat_8451") as it:
            await asyncio.sleep(1.0)
            if rate_hz == 5.0:
                with pytest.raises(ValueError, match="unstable"):
                    it.loop.set_tec_gains(it.loop.config.tec.pid)
                return
            it.regulate()
            await asyncio.sleep(30.0)
            assert it.carrier_c() == pytest.approx(27.0, abs=0.02)
            assert it.tier is Tier.NORMAL, it.findings

    live(main())


@pytest.mark.parametrize("way", WAYS)
def test_what_nobody_measures_is_told_by_nobody_and_guarded_by_nothing(way: str) -> None:
    async def main() -> None:
        async with world(way) as it:
            await settled(it)
            row = it.loop.latest()
            for name in ("die_c", "die_estimate_c", "inlet_c", "compute_power_w", "laser_power_w"):
                assert math.isnan(row[name]), name
            assert row["sink_c"] == pytest.approx(it.truth()["temperatures_c"]["sink"], abs=0.1)
            assert it.findings == []
            it.loop.set_inlet_c(24.0, 3.0)
            await asyncio.sleep(1.0)
            assert it.loop.latest()["inlet_c"] == 24.0
            await asyncio.sleep(3.0)  # told for 3 s, whatever the rate
            assert math.isnan(it.loop.latest()["inlet_c"])

    live(main())


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("fault", "within_s"), [(1.0, 0.5), (3.0, 8.0)])
def test_an_open_or_a_stuck_sensor_ends_in_an_emergency(
    way: str, fault: float, within_s: float
) -> None:
    async def main() -> None:
        async with world(way) as it:
            await settled(it)
            await asyncio.sleep(30.0)  # how lively a sensor is takes time to learn
            it.set("sensor_fault[0]", fault)
            await asyncio.sleep(within_s)
            assert it.tier is Tier.EMERGENCY
            assert "neither of the carrier's sensors can be believed" in it.findings[0]
            assert not it.tec_on
            assert it.truth()["inputs"]["instrument_fan_rpm"] == pytest.approx(4000.0, abs=1.0)

    live(main())


@pytest.mark.parametrize("way", WAYS)
def test_the_guard_outranks_commands(way: str) -> None:
    async def main() -> None:
        async with world(way) as it:
            await settled(it)
            it.set("sensor_fault[0]", 1.0)
            await asyncio.sleep(0.5)
            it.loop.set_tec_current_a(4.0)
            await asyncio.sleep(0.5)
            assert it.loop.latest()["tec_mode"] == TecMode.HOLD
            assert not it.tec_on
            it.set("sensor_fault[0]", 0.0)
            await asyncio.sleep(0.5)
            assert it.loop.latest()["tier"] == Tier.EMERGENCY  # latched
            it.loop.set_tec_mode(TecMode.OFF)
            it.loop.reset_guard()
            await asyncio.sleep(0.5)
            assert it.tier is Tier.NORMAL

    live(main())


@pytest.mark.parametrize("way", WAYS)
def test_a_stalled_fan_is_found_and_the_sink_is_watched(way: str) -> None:
    async def main() -> None:
        async with world(way, setpoint_c=20.0) as it:
            await settled(it)
            it.set("compute_power_w", 40.0)
            await asyncio.sleep(20.0)
            it.set("fan_stall", 1.0)
            await asyncio.sleep(3.0)
            assert it.tier is Tier.WARNING
            assert it.findings == ["the fan turns far slower than commanded"]
            await asyncio.sleep(60.0)
            assert it.truth()["temperatures_c"]["sink"] < 90.0

    live(main())


@pytest.mark.parametrize("instrument", ["tec", "fan"])
@pytest.mark.parametrize("kind", [FaultKind.DISCONNECT, FaultKind.POWER_CYCLE])
def test_who_was_away_is_not_regulated_on_when_he_is_back(instrument: str, kind: FaultKind) -> None:
    """Silence of two seconds is an emergency; whoever is back is off until somebody asks again."""

    async def main() -> None:
        async with world("memory") as it:
            await settled(it)
            it.disturb(instrument, kind, 6.0)
            await asyncio.sleep(4.0)
            assert it.tier is Tier.EMERGENCY
            assert it.runner.fault == f"{instrument} does not answer"
            await asyncio.sleep(10.0)
            assert it.runner.fault is None
            assert not it.tec_on
            assert it.loop.latest()["tec_mode"] == TecMode.OFF
            assert it.loop.counters()["lockouts"] == 1
            it.loop.reset_guard()
            await asyncio.sleep(1.0)
            assert it.tier is Tier.NORMAL
            assert not it.tec_on
            it.regulate()
            await asyncio.sleep(10.0)
            assert it.carrier_c() == pytest.approx(30.0, abs=0.02)

    live(main())


def test_a_lost_reply_is_borne() -> None:
    async def main() -> None:
        async with world("memory") as it:
            await settled(it)
            for instrument in ("tec", "fan"):
                it.disturb(instrument, FaultKind.DROPPED, 0.0)
                await asyncio.sleep(5.0)
            counted = it.runner.counters()
            assert counted["errors"] == 2
            assert 5 <= counted["unheard"] <= 20
            assert it.tier is Tier.NORMAL
            assert it.carrier_c() == pytest.approx(30.0, abs=0.01)

    live(main())


def test_when_the_host_dies_the_instruments_own_watchdogs_act() -> None:
    """Nobody speaks any more: the controller switches off, the fan goes to its fail-safe."""

    async def main() -> None:
        async with world("memory") as it:
            assert await it.link.tec.set_watchdog_s(3.0)
            it.set("compute_power_w", 30.0)
            await settled(it)
            assert it.tec_on
            it.runner.stop()
            await it.link.fan.close()  # the driver's own reminder as well
            await asyncio.sleep(2.5)
            assert it.tec_on
            await asyncio.sleep(1.0)
            assert not it.tec_on
            await asyncio.sleep(8.0)
            assert it.truth()["inputs"]["instrument_fan_rpm"] == pytest.approx(4000.0, abs=1.0)
            assert await it.link.tec.read_voltage_v() is not None
            assert not it.tec_on  # a word that comes too late changes nothing
            await it.link.tec.set_current_a(0.5)
            await it.link.tec.set_enabled(True)  # asked for: it is reset, and enabled
            await asyncio.sleep(0.1)
            assert it.tec_on

    live(main())


def test_late_periods_are_skipped_and_counted() -> None:
    """The event loop is held up for 0.45 s: no burst afterwards."""

    async def main() -> None:
        async with world("twin") as it:
            await settled(it)
            loop = asyncio.get_running_loop()
            before, sleep = it.runner.ticks, asyncio.sleep
            slow = it.link.listen

            async def held_up(within_s: float) -> None:
                it.link.listen = slow  # type: ignore[method-assign]
                await sleep(0.45)
                await slow(within_s)

            it.link.listen = held_up  # type: ignore[method-assign]
            began_s = loop.time()
            await sleep(2.0)
            counted = it.runner.counters()
            assert counted["skipped"] == 3
            assert it.runner.ticks - before == round((loop.time() - began_s) * 10.0) - 3
            lateness = it.runner.lateness()
            assert lateness is not None
            assert lateness.missed == 3

    live(main())


def test_currents_are_limited_by_loop_and_driver() -> None:
    async def main() -> None:
        async with world("memory") as it:
            with pytest.raises(ValueError, match="9 A refused"):
                it.loop.set_tec_current_a(9.0)
            with pytest.raises(ValueError, match="current of 9 A"):
                await it.link.tec.set_current_a(9.0)
            await asyncio.sleep(1.0)
            it.loop.set_tec_current_a(8.0)
            await asyncio.sleep(1.0)
            assert it.truth()["inputs"]["instrument_tec_a"] == 8.0
            with pytest.raises(DeviceStateError, match="let time pass"):
                it.runner.advance(1)

    live(main())


def test_the_same_seed_gives_the_same_trace() -> None:
    async def trace() -> bytes:
        async with world("memory") as it:
            await settled(it)
            rows: np.ndarray[Any, Any] = it.loop.rows_since(0)[0]
            return rows.tobytes()

    assert run_virtual(trace()) == run_virtual(trace())


async def test_over_real_wires_in_real_time() -> None:
    """A pty and a pty, another process, the true clock."""
    async with world("wire", setpoint_c=26.0) as it:
        await asyncio.sleep(0.5)
        it.regulate()
        for _ in range(100):
            await asyncio.sleep(0.1)
            if abs(it.carrier_c() - 26.0) < 0.05:
                break
        assert it.carrier_c() == pytest.approx(26.0, abs=0.1)
        assert it.tier is Tier.NORMAL, it.findings
        await it.link.make_safe()
