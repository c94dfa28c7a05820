"""`lumina bench`: run the benchmarks of the source checkout and print their figures."""

import ast
import importlib
import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

import lumina
from lumina.cli.common import print_json
from lumina.errors import UsageError

__all__ = ["bench", "benchmark_names", "run_benchmarks"]

CHECKOUT = Path(lumina.__file__).resolve().parents[1]


def bench(
    names: Annotated[
        list[str] | None, typer.Argument(help="Benchmarks to run; all of them by default.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document instead of a table.")
    ] = False,
) -> None:
    """Measure the speed and accuracy figures that Lumina claims, on this machine."""
    documents = run_benchmarks(names or benchmark_names())
    if as_json:
        print_json({"benchmarks": documents})
    else:
        for name, document in documents.items():
            Console().print(figure_table(name, document))


def benchmark_names(checkout: Path = CHECKOUT) -> list[str]:
    """Benchmarks of a checkout: the modules under benchmarks/ that define `run`.

    Raises:
        UsageError: there is no checkout around the installed package.
    """
    folder = checkout / "benchmarks"
    if not (folder / "harness.py").is_file():
        raise UsageError(
            "benchmarks are part of the source checkout, not of the installed package: "
            "clone the repository, `make install` there, and use its .venv/bin/lumina"
        )
    return sorted(path.stem for path in folder.glob("*.py") if _defines_run(path))


def run_benchmarks(names: Sequence[str]) -> dict[str, Any]:
    """Run benchmarks one after the other.

    Args:
        names: which ones, in which order.

    Returns:
        Name -> figures and machine, in the form of `lumina bench --json`.

    Raises:
        UsageError: a name that no benchmark has; nothing was run.
    """
    known = benchmark_names()
    unknown = [name for name in names if name not in known]
    if unknown:
        raise UsageError(f"no benchmark {', '.join(unknown)}; there are: {', '.join(known)}")
    return {name: _run_one(name) for name in dict.fromkeys(names)}


def figure_table(name: str, document: Mapping[str, Any]) -> Table:
    """The figures of one benchmark, a row each."""
    table = Table(title=name, title_justify="left")
    for heading in ("figure", "measured", "target", "holds"):
        table.add_column(heading, no_wrap=True)
    table.add_column("versus")
    for figure, entry in document["figures"].items():
        sign = "<=" if entry["better"] == "lower" else ">="
        table.add_row(
            figure,
            f"{entry['value']:.4g} {entry['unit']}",
            f"{sign} {entry['target']:.4g}",
            "yes" if entry["holds"] else "[bold red]no[/]",
            entry["versus"],
        )
    return table


def _run_one(name: str) -> Any:
    progress = Console(stderr=True)
    progress.print(f"{name}: measuring")
    # Standard output belongs to the figures alone.
    with redirect_stdout(sys.stderr):
        document = _import(name).run().document()
    holding = [entry["holds"] for entry in document["figures"].values()]
    progress.print(f"{name}: {sum(holding)} of {len(holding)} figures hold")
    return document


def _import(name: str) -> Any:
    if str(CHECKOUT) not in sys.path:
        sys.path.insert(0, str(CHECKOUT))
    return importlib.import_module(f"benchmarks.{name}")


def _defines_run(path: Path) -> bool:
    body = ast.parse(path.read_text()).body
    return any(isinstance(node, ast.FunctionDef) and node.name == "run" for node in body)
