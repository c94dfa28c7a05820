"""docs/reference/faults.md names every fault of the catalogue, with its values, and no other."""

import re
from pathlib import Path

import pytest

from lumina.runtime.config import load_config
from lumina.runtime.faults import CATALOGUE, parse_fault
from lumina.runtime.faults.catalogue import Places

ROOT = Path(__file__).parents[3]
CONFIG = load_config(ROOT / "lab_configs" / "small.yaml")
TEXT = (ROOT / "docs" / "reference" / "faults.md").read_text("utf-8")


def rows_under(heading: str) -> list[list[str]]:
    """Cells of the tables in one section, without their heads."""
    section = TEXT.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in row] for row in rows]


def named(row: list[str]) -> str:
    match = re.match(r"`(\w+)", row[0])
    assert match is not None
    return match[1]


def test_the_measured_table_has_every_fault_of_plant_and_host_and_the_wires_theirs() -> None:
    measured = rows_under("What each leads to")
    assert [named(row) for row in measured] == list(CATALOGUE)
    for row in measured:
        if CATALOGUE[named(row)].wire is None:
            spec = row[0].strip("`")
            assert str(parse_fault(f"{spec}@3", CONFIG)) == f"{spec}@3"
            assert float(row[5]) <= 97.0
            assert float(row[6]) <= 95.0


@pytest.mark.parametrize("row", rows_under("Places and values"), ids=named)
def test_places_and_values_are_those_of_the_catalogue(row: list[str]) -> None:
    kind = CATALOGUE[named(row)]
    assert bool(row[1]) == (kind.places is not Places.NOWHERE)
    severity = kind.severity
    assert bool(row[2]) == (severity is not None)
    if severity is not None:
        unit = f" {severity.unit}" if severity.unit else ""
        assert row[2].endswith(
            f"{severity.default:g}{unit} ({severity.low:g} .. {severity.high:g})"
        )


def test_every_fault_without_a_wire_has_its_places_and_values() -> None:
    wireless = [kind.name for kind in CATALOGUE.values() if kind.wire is None]
    assert [named(row) for row in rows_under("Places and values")] == wireless
