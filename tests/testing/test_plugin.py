from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parents[2]


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    """A user's project with nothing of ours but the installed plugin and a lab config."""
    pytester.makeini(f"""
        [pytest]
        asyncio_default_fixture_loop_scope = function
        lumina_config = {ROOT}/lab_configs/small.yaml
        """)
    return pytester


@pytest.mark.parametrize("mode", ["auto", "strict"])
def test_a_bench_is_up_before_the_test_and_lives_in_virtual_time(
    project: pytest.Pytester, mode: str
) -> None:
    project.makepyfile("""
        import asyncio
        import pytest

        @pytest.mark.asyncio
        async def test_ten_minutes_on_a_warm_chip(bench):
            await asyncio.sleep(600.0)
            assert bench.config.name == "small"
            assert abs(bench.device.die_temperature_c() - 45.0) < 0.1
        """)
    project.runpytest_subprocess(f"--asyncio-mode={mode}").assert_outcomes(passed=1)


def test_the_marker_chooses_config_and_seeds(project: pytest.Pytester) -> None:
    project.makeini(
        "[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\n"
    )
    project.makepyfile(f"""
        import numpy as np
        import pytest

        SMALL = "{ROOT}/lab_configs/small.yaml"
        seen = {{}}

        @pytest.mark.lumina(config=SMALL, seed=1, chip_seed=2)
        async def test_first(bench):
            seen["first"] = await bench.device.measure_transfer()

        @pytest.mark.lumina(config=SMALL, seed=1, chip_seed=2)
        async def test_same_seeds_same_light(bench):
            assert np.array_equal(await bench.device.measure_transfer(), seen["first"])

        @pytest.mark.lumina(config=SMALL, seed=3, chip_seed=2)
        async def test_other_noise_on_the_same_chip(bench):
            transfer = await bench.device.measure_transfer()
            assert not np.array_equal(transfer, seen["first"])
            assert np.abs(transfer - seen["first"]).max() < 0.05

        @pytest.mark.lumina(config=SMALL, seed=1, chip_seed=4)
        async def test_another_chip(bench):
            transfer = await bench.device.measure_transfer()
            assert np.abs(transfer - seen["first"]).max() > 0.05
        """)
    project.runpytest_subprocess().assert_outcomes(passed=4)


def test_the_marker_puts_the_real_drivers_on_simulated_firmware(
    project: pytest.Pytester,
) -> None:
    project.makepyfile("""
        import pytest

        from lumina.errors import DeviceTimeoutError

        @pytest.mark.lumina(backend="firmware", seed=1)
        async def test_a_laser_that_answers_late(bench):
            laser = bench.instruments["laser"]
            assert type(laser).__module__ == "drivers.instruments.santec_tsl570"
            bench.simulators.disturb_wire("laser", "late", seconds=30.0, count=1)
            with pytest.raises(DeviceTimeoutError):
                await laser.read_wavelength_m()
            assert abs(await laser.read_wavelength_m() - 1.55e-6) < 1e-12

        @pytest.mark.lumina(backend="hardware")
        async def test_on_hardware(bench): pass
        """)
    result = project.runpytest_subprocess("--asyncio-mode=auto")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["mark.lumina: backend 'hardware': *is twin or firmware"])


def test_a_missing_config_is_an_error_that_says_where_to_set_it(project: pytest.Pytester) -> None:
    project.makeini(
        "[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\n"
    )
    project.makepyfile("async def test_x(bench): pass")
    result = project.runpytest_subprocess()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        ["no lab config at *small.yaml: set the pytest option lumina_config*"]
    )


def test_a_misspelt_option_of_the_marker_is_an_error(project: pytest.Pytester) -> None:
    project.makepyfile("""
        import pytest

        @pytest.mark.lumina(sead=1)
        async def test_x(bench): pass
        """)
    result = project.runpytest_subprocess("--asyncio-mode=auto")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        ["mark.lumina takes config, backend, seed and chip_seed, not *sead*"]
    )


def test_a_bench_in_a_test_that_is_not_async_is_an_error(project: pytest.Pytester) -> None:
    project.makepyfile("def test_x(bench): pass")
    result = project.runpytest_subprocess("--asyncio-mode=auto")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*use it in an async test*"])


@pytest.mark.parametrize("mode", ["auto", "strict"])
def test_a_marked_async_test_sleeps_a_year_at_once(project: pytest.Pytester, mode: str) -> None:
    project.makepyfile("""
        import asyncio
        import pytest

        @pytest.mark.asyncio
        @pytest.mark.virtual_time
        async def test_patience():
            await asyncio.sleep(365 * 24 * 3600)
            assert asyncio.get_running_loop().time() == 365 * 24 * 3600
        """)
    project.runpytest_subprocess(f"--asyncio-mode={mode}").assert_outcomes(passed=1)


def test_other_async_tests_keep_the_loop_they_would_have_had(project: pytest.Pytester) -> None:
    project.makeconftest("""
        import asyncio

        class UsersLoop(asyncio.SelectorEventLoop):
            pass

        def pytest_asyncio_loop_factories(item):
            return {"users": UsersLoop} if "users" in item.name else None
        """)
    project.makepyfile("""
        import asyncio

        async def test_plain():
            assert "Virtual" not in type(asyncio.get_running_loop()).__name__

        async def test_users_own():
            assert type(asyncio.get_running_loop()).__name__ == "UsersLoop"
        """)
    project.runpytest_subprocess("--asyncio-mode=auto").assert_outcomes(passed=2)


def test_a_project_without_pytest_asyncio_is_left_in_peace(project: pytest.Pytester) -> None:
    project.makeini("[pytest]\n")
    project.makepyfile("def test_unrelated(): assert True")
    project.runpytest_subprocess("-p", "no:asyncio").assert_outcomes(passed=1)


def test_in_this_house_a_test_that_leaves_a_task_pending_fails(project: pytest.Pytester) -> None:
    project.makeconftest((ROOT / "tests/conftest.py").read_text())
    project.makepyfile("""
        import asyncio

        async def test_untidy():
            asyncio.create_task(asyncio.sleep(1), name="forgotten")

        async def test_tidy():
            await asyncio.create_task(asyncio.sleep(0))
        """)
    result = project.runpytest_subprocess("--asyncio-mode=auto")
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(["*tasks left pending: *forgotten*"])
