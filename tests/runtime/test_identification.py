"""A thermal plant never seen, identified through the bench and held; or refused, and safe."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import numpy as np
import pytest

from benchmarks.identification import truth_of
from calibration.routines import Verdict
from calibration.routines._thermal import ThermalRoutine
from calibration.thermal.options import ThermalOptions
from calibration.thermal.procedure import identify, identify_and_install, install
from calibration.thermal.result import ThermalIdentification
from lumina.control.records import FanMode, HeaterMode, TecMode
from lumina.control.thermal import simc
from lumina.errors import CalibrationError, ThermallyUnsafeError
from lumina.runtime import Bench, open_bench
from lumina.runtime.calibrating._place import workplace
from lumina.runtime.config import load_config
from lumina.runtime.virtual_time import run_virtual
from twin.config import PlantConfig
from twin.records import TEC_OPEN, TEC_REVERSED


def quiet(stage: str, done: float) -> None:
    """Nobody watches."""


def on_bench(
    small: Path,
    work: Callable[[Bench], Awaitable[None]],
    *,
    chip_seed: int = 0,
    spread: float = 0.0,
    lock: bool = False,
) -> None:
    """Do something on a small bench, its temperature not regulated unless asked for."""

    async def main() -> None:
        config = load_config(small, {"plants.main.spread": spread})
        async with open_bench(config, seed=2, chip_seed=chip_seed, lock=lock) as bench:
            await work(bench)

    run_virtual(main())


def assert_known(found: ThermalIdentification, plant: PlantConfig) -> None:
    """Every parameter within its 95 % interval, or two in a hundred outside by little."""
    for name, true in truth_of(plant).items():
        away = abs(np.log(getattr(found.model, name) / true)) / found.sigma[name]
        assert away < 3.0, (name, getattr(found.model, name), true, found.sigma[name])
        assert found.sigma[name] < 0.02, name


def plant_of(bench: Bench) -> PlantConfig:
    plant = bench.stations["npu"].plant
    assert plant is not None
    return plant.config


@pytest.mark.parametrize(
    ("chip_seed", "spread"),
    [(0, 0.0), (3, 0.15), *(pytest.param(seed, 0.1, marks=pytest.mark.soak) for seed in (1, 2))],
)
def test_a_plant_never_seen_is_identified_tuned_and_held(
    small: Path, chip_seed: int, spread: float
) -> None:
    async def work(bench: Bench) -> None:
        device = bench.device
        found = await identify_and_install(device, progress=quiet)
        assert_known(found, plant_of(bench))
        assert found.duration_s < 240.0
        assert device.loop.thermal_model == found.model
        state = device.loop.arrays.state[0]
        assert (state["tec_mode"], state["fan_mode"]) == (TecMode.REGULATE, FanMode.REGULATE)
        assert found.tec_swing.phase_deg == pytest.approx(-150.0, abs=10.0)
        assert ThermalIdentification.from_findings(found.to_findings()) == found
        await asyncio.sleep(30.0)
        true_c = []
        for _ in range(100):
            await asyncio.sleep(0.1)
            plant = bench.stations["npu"].plant
            assert plant is not None
            true_c.append(plant.temperatures_c()["carrier"])
        assert np.sqrt(np.mean((np.array(true_c) - 45.0) ** 2)) < 0.5e-3

    on_bench(small, work, chip_seed=chip_seed, spread=spread)


def assert_as_before(bench: Bench, tec_mode: TecMode) -> None:
    """Old beliefs and gains in force; actuators and telemetry as they were found."""
    loop = bench.device.loop
    assert loop.thermal_model == loop.config.thermal_model
    parameters, state = loop.arrays.parameters[0], loop.arrays.state[0]
    assert parameters["tec_gains"]["kp"] == loop.config.tec.pid.kp
    assert parameters["fan_gains"]["kp"] == loop.config.fan.pid.kp
    assert state["tec_mode"] == tec_mode
    assert state["fan_mode"] == FanMode.REGULATE
    assert state["heater_mode"] == HeaterMode.OFF
    assert loop.telemetry_hz == pytest.approx(100.0)


async def refused(bench: Bench, reason: str, **options: float) -> None:
    with pytest.raises(CalibrationError, match=reason):
        await identify_and_install(bench.device, progress=quiet, options=ThermalOptions(**options))
    await asyncio.sleep(0.05)  # commands are posted, not awaited, on the way out


FAULTS: list[tuple[dict[str, float], str]] = [
    ({"tec_fault": TEC_REVERSED}, r"npu: the TEC is wired backwards: .* swap its leads"),
    ({"tec_fault": TEC_OPEN}, r"npu: .* flow through the TEC where .* are asked for"),
    ({"tec_source": 1.0}, r"npu: 0.00 A flow through the TEC"),
    ({"fan_stall": 1.0}, r"npu: the fan turns at 0 RPM where 4000 RPM are asked for"),
    (
        {"sensor_fault[0]": 1.0, "sensor_noise_k[1]": 0.07},
        r"npu: the carrier's sensor is too noisy: 0.0[67]\d* K rms",
    ),
    (
        {"sensor_noise_k[0]": 0.2, "sensor_noise_k[1]": 0.2},
        r"npu: the carrier's temperature cannot be read .*carrier_a is noisy, carrier_b is noisy",
    ),
    ({"sensor_fault[3]": 1.0}, r"npu: the sink's temperature cannot be read .*sink is open"),
    ({"carrier_heat_w": 120.0}, r"npu: the carrier went to \d+.\d C \(allowed"),
]


@pytest.mark.parametrize(("words", "reason"), FAULTS)
def test_what_is_wrong_with_the_plant_is_named_and_it_is_left_safe(
    small: Path, words: dict[str, float], reason: str
) -> None:
    async def work(bench: Bench) -> None:
        assert bench.environment is not None
        for word, value in words.items():
            bench.environment.write(word, value)
        await refused(bench, reason)
        assert_as_before(bench, TecMode.OFF)

    on_bench(small, work)


def test_heat_that_nobody_told_of_is_a_poor_fit_and_the_old_gains_go_on(small: Path) -> None:
    async def unrest(bench: Bench) -> None:
        assert bench.environment is not None
        rng = np.random.default_rng(1)
        while True:
            bench.environment.write("carrier_heat_w", float(rng.choice([-8.0, 0.0, 8.0])))
            await asyncio.sleep(float(rng.uniform(2.0, 5.0)))

    async def work(bench: Bench) -> None:
        task = asyncio.create_task(unrest(bench))
        try:
            await refused(bench, "poor fit")
        finally:
            task.cancel()
        assert_as_before(bench, TecMode.REGULATE)

    on_bench(small, work, lock=True)


def test_thin_margins_are_refused_and_the_old_gains_go_on(
    small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(simc, "TRIES", 1)

    async def work(bench: Bench) -> None:
        await refused(bench, "no gains with enough margin", least_phase_margin_deg=89.0)
        assert_as_before(bench, TecMode.REGULATE)

    on_bench(small, work, lock=True)


def test_a_guard_trip_ends_it_with_the_tec_off(small: Path) -> None:
    async def work(bench: Bench) -> None:
        assert bench.environment is not None
        task = asyncio.create_task(identify(bench.device, progress=quiet))
        await asyncio.sleep(30.0)
        bench.environment.set_compute_power_w(200.0)  # 30 K between die and carrier
        with pytest.raises(ThermallyUnsafeError, match="tier warning"):
            await task
        await asyncio.sleep(0.05)
        assert_as_before(bench, TecMode.OFF)

    on_bench(small, work)


def test_a_cancelled_identification_leaves_all_as_it_was(small: Path) -> None:
    async def work(bench: Bench) -> None:
        task = asyncio.create_task(identify(bench.device, progress=quiet))
        await asyncio.sleep(30.0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.sleep(0.05)
        assert_as_before(bench, TecMode.REGULATE)

    on_bench(small, work, lock=True)


def test_an_identification_is_used_and_checked_by_later_benches(small: Path) -> None:
    """Found on one bench, used on the next: what bring-up and `--check` do with a stored one."""
    kept: list[ThermalIdentification] = []

    async def find(bench: Bench) -> None:
        kept.append(await identify(bench.device, progress=quiet))
        assert_as_before(bench, TecMode.OFF)

    async def check(bench: Bench) -> Verdict:
        await install(bench.device, kept[0])
        assert bench.device.loop.thermal_model == kept[0].model
        kp = float(bench.device.loop.arrays.parameters["tec_gains"]["kp"][0])
        assert kp == kept[0].tuning.tec.kp
        verdict = await ThermalRoutine().check(workplace(bench, "npu", {}), kept[0].to_findings())
        assert verdict is not None
        assert bench.device.is_regulated
        return verdict

    async def same(bench: Bench) -> None:
        assert (await check(bench)).holds

    async def another(bench: Bench) -> None:
        verdict = await check(bench)
        assert not verdict.holds
        assert "carrier loop: response_share" in str(verdict.moves[0])

    on_bench(small, find, chip_seed=5, spread=0.1)
    on_bench(small, same, chip_seed=5, spread=0.1, lock=True)
    on_bench(small, another, chip_seed=6, spread=0.1, lock=True)
