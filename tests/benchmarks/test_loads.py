"""Loads come up, keep the interpreter busy, and are gone afterwards."""

import threading

import pytest

from benchmarks.loads import LOADS


@pytest.mark.parametrize("name", LOADS)
def test_a_load_is_gone_after_its_block(name: str) -> None:
    before = threading.active_count()
    with LOADS[name]():
        during = threading.active_count()
    assert threading.active_count() == before
    assert during - before == {"idle": 0, "gil_hog": 1, "asyncio": 1, "all": 2}[name]


def fail_under(name: str) -> None:
    with LOADS[name]():
        raise KeyError(name)


@pytest.mark.parametrize("name", LOADS)
def test_a_load_is_gone_after_an_error_too(name: str) -> None:
    before = threading.active_count()
    with pytest.raises(KeyError):
        fail_under(name)
    assert threading.active_count() == before
