"""The guard's table in the docs is the guard's table."""

from pathlib import Path

from lumina.control.guard.reasons import REACTIONS

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "guard.md"


def test_the_documented_table_names_every_reason_with_its_tier() -> None:
    rows = [line.split("|") for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    documented = {row[1].strip(" `"): row[4].strip() for row in rows if len(row) == 6}
    assert documented == {
        reason.name.lower(): reaction.tier.name.lower() if reaction.tier else "by temperature"
        for reason, reaction in REACTIONS.items()
    }
