"""`lumina bench`: benchmarks by name, figures on standard output, nothing else there."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from lumina.cli.bench import bench, benchmark_names
from lumina.errors import UsageError


def invoke(*arguments: str) -> Result:
    app = typer.Typer()
    app.command()(bench)
    return CliRunner().invoke(app, arguments)


def test_benchmarks_are_found_and_their_helpers_are_not() -> None:
    names = benchmark_names()
    assert {"loop", "snr", "tick", "virtual_time"} <= set(names)
    assert not {"harness", "loads", "working_loop", "c_probe", "__init__"} & set(names)


def test_an_unknown_name_is_refused_with_the_known_ones_before_anything_runs() -> None:
    result = invoke("snr", "warp", "--json")
    assert isinstance(result.exception, UsageError)
    assert "no benchmark warp; there are: " in str(result.exception)
    assert "snr" in str(result.exception)
    assert result.stdout == ""


def test_an_installed_package_without_its_checkout_says_where_benchmarks_are(
    tmp_path: Path,
) -> None:
    with pytest.raises(UsageError, match="source checkout"):
        benchmark_names(tmp_path)


def test_json_is_one_document_in_the_agreed_form_with_progress_elsewhere() -> None:
    result = invoke("snr", "--json")
    assert result.exit_code == 0, result.exception
    document = json.loads(result.stdout)
    assert list(document) == ["benchmarks"]
    assert list(document["benchmarks"]) == ["snr"]
    assert set(document["benchmarks"]["snr"]) == {"figures", "machine"}
    for figure in document["benchmarks"]["snr"]["figures"].values():
        assert set(figure) == {"value", "unit", "versus", "target", "better", "holds"}
    assert "snr: measuring" in result.stderr


def test_without_json_the_figures_are_a_table() -> None:
    result = invoke("snr")
    assert result.exit_code == 0, result.exception
    assert "ideal_deviation" in result.stdout
