"""`lumina runs`, `show` and `report` on runs in every state."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from lumina.cli.runs import report, runs, show
from lumina.errors import StoreError, UsageError
from tests.store.synthetic_run import STARTED, cut_run, finished_run, new_run

app = typer.Typer()
for command in (runs, show, report):
    app.command()(command)


def lumina(root: Path, *arguments: str) -> str:
    """The output of a command that ends well."""
    done = invoke(root, *arguments)
    assert done.exit_code == 0, done.output
    return done.stdout


def invoke(root: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments, "--root", str(root)], env={"COLUMNS": "160"})


def test_the_list_shows_every_run_newest_first(tmp_path: Path) -> None:
    finished_run(tmp_path)
    new_run(tmp_path, started=STARTED.replace(year=2027)).finish("failed", ended=STARTED)
    broken = cut_run(tmp_path, started=STARTED.replace(year=2028))
    (broken / "run.json").write_text("{")
    header, *lines = lumina(tmp_path, "runs").splitlines()
    assert header.split() == ["run", "config", "state", "took", "seed", "calibrated", "disturbed"]
    assert lines[0].split() == ["20280711-142530", "corrupt"]
    assert lines[1].split()[:3] == ["20270711-142530", "twin", "failed"]
    assert "done" in lines[2]
    assert "96.7 %" in lines[2]
    assert lines[3].startswith("20280711-142530 cannot be read: Invalid JSON")


def test_the_list_as_json_is_one_document(tmp_path: Path) -> None:
    finished_run(tmp_path)
    cut_run(tmp_path, started=STARTED.replace(year=2027))
    listed = json.loads(lumina(tmp_path, "runs", "--json"))["runs"]
    assert [run["state"] for run in listed] == ["interrupted (no end record)", "done"]
    assert listed[1]["accuracy"]["calibrated"] == 0.9667
    assert json.loads(lumina(tmp_path / "none", "runs", "--json")) == {"runs": []}


def test_an_empty_list_says_how_to_fill_it(tmp_path: Path) -> None:
    assert "lumina run CONFIG" in lumina(tmp_path, "runs")


def test_show_tells_what_was_run_what_came_out_and_what_happened(tmp_path: Path) -> None:
    finished_run(tmp_path)
    output = lumina(tmp_path, "show", "last")
    for expected in (
        "noise 1, chip 7",
        "telemetry 12,000",
        "accuracy.disturbed_compensated",
        "0.9639",
        "3 ticks late",
    ):
        assert expected in output


def test_show_as_json_is_one_document(tmp_path: Path) -> None:
    finished_run(tmp_path)
    document = json.loads(lumina(tmp_path, "show", "2026", "--json"))
    assert document["state"] == "done"
    assert document["rows"] == {"drive": 1, "rails": 12_000, "telemetry": 12_000}
    assert document["events"] == {"info": 10, "warning": 1}
    assert document["results"]["devices"]["main"]["lateness"]["missed"] == 3
    assert document["problems"] == []


def test_texts_of_a_run_cannot_steer_the_terminal(tmp_path: Path) -> None:
    new_run(tmp_path, config={"name": "\x1b[2J[red]twin[/red]"}).finish("done", ended=STARTED)
    for output in (lumina(tmp_path, "runs"), lumina(tmp_path, "show", "last")):
        assert "[2J[red]twin[/red]" in output
        assert "\x1b[2J" not in output


def test_report_prints_where_it_is(tmp_path: Path) -> None:
    folder = finished_run(tmp_path)
    assert lumina(tmp_path, "report", "last").strip() == str(folder / "report.html")
    assert (folder / "report.html").is_file()


@pytest.mark.parametrize("command", ["show", "report"])
def test_a_run_that_is_not_there_or_cannot_be_read_is_an_error(
    tmp_path: Path, command: str
) -> None:
    assert isinstance(invoke(tmp_path, command, "last").exception, UsageError)
    (cut_run(tmp_path) / "run.json").write_text("{")
    assert isinstance(invoke(tmp_path, command, "last").exception, StoreError)
