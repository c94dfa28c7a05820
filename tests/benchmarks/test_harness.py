"""The form in which every figure is handed over."""

import math

import pytest

from benchmarks.harness import Benchmark, Figure, describe_machine


def figure(value: float, target: float = 10.0, better: str = "lower") -> Figure:
    assert better in ("lower", "higher")
    return Figure(value, "us", "a stopwatch", target, "lower" if better == "lower" else "higher")


@pytest.mark.parametrize(
    ("value", "better", "holds"),
    [
        (9.0, "lower", True),
        (10.0, "lower", True),
        (11.0, "lower", False),
        (11.0, "higher", True),
        (10.0, "higher", True),
        (9.0, "higher", False),
        (math.nan, "lower", False),
        (math.nan, "higher", False),
    ],
)
def test_a_figure_holds_on_the_better_side_of_its_target(
    value: float, better: str, holds: bool
) -> None:
    assert figure(value, better=better).holds is holds


def test_a_figure_is_handed_over_in_the_agreed_form() -> None:
    assert figure(3).document() == {
        "value": 3.0,
        "unit": "us",
        "versus": "a stopwatch",
        "target": 10.0,
        "better": "lower",
        "holds": True,
    }


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_figure_that_json_cannot_say_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="not finite"):
        figure(value).document()


def test_a_benchmark_names_its_machine() -> None:
    document = Benchmark({"speed": figure(3)}, describe_machine()).document()
    assert set(document) == {"figures", "machine"}
    assert set(document["figures"]) == {"speed"}
    assert document["machine"]["cores"] >= 1
    assert document["machine"]["processor"]
