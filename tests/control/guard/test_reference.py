"""The guard's table in the docs is the guard's table."""

from pathlib import Path

from lumina.control.guard.config import GuardConfig
from lumina.control.guard.reasons import REACTIONS, Reaction

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "guard.md"


def as_documented(reaction: Reaction) -> tuple[str, str]:
    """How long a finding lasts before it is believed, and its tier, as the table says them."""
    tier = reaction.tier.name.lower() if reaction.tier else "by temperature"
    if reaction.patience_s is None:
        return "a field", tier
    milliseconds = round(1000 * reaction.patience_s)
    return "at once" if milliseconds == 1 else f"{milliseconds} ms", tier


def test_the_documented_table_is_the_one_that_the_guard_goes_by() -> None:
    rows = [line.split("|") for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    documented = {}
    for _, reason, _, lasts, tier, _ in (row for row in rows if len(row) == 6):
        field = lasts.strip(" `") in GuardConfig.model_fields
        documented[reason.strip(" `")] = "a field" if field else lasts.strip(), tier.strip()
    assert documented == {
        reason.name.lower(): as_documented(reaction) for reason, reaction in REACTIONS.items()
    }
