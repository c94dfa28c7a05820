from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

CONFTEST = Path(__file__).parents[1] / "conftest.py"


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    """A user's project with nothing of ours but the installed plugin."""
    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
    return pytester


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
    project.runpytest_inprocess(f"--asyncio-mode={mode}").assert_outcomes(passed=1)


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
    project.runpytest_inprocess("--asyncio-mode=auto").assert_outcomes(passed=2)


def test_a_project_without_pytest_asyncio_is_left_in_peace(project: pytest.Pytester) -> None:
    project.makeini("[pytest]\n")
    project.makepyfile("def test_unrelated(): assert True")
    project.runpytest_subprocess("-p", "no:asyncio").assert_outcomes(passed=1)


def test_in_this_house_a_test_that_leaves_a_task_pending_fails(project: pytest.Pytester) -> None:
    project.makeconftest(CONFTEST.read_text())
    project.makepyfile("""
        import asyncio

        async def test_untidy():
            asyncio.create_task(asyncio.sleep(1), name="forgotten")

        async def test_tidy():
            await asyncio.create_task(asyncio.sleep(0))
        """)
    result = project.runpytest_inprocess("--asyncio-mode=auto")
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(["*tasks left pending: *forgotten*"])
