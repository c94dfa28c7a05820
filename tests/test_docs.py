"""What the documents name is there."""

import importlib
import re
from pathlib import Path

import pytest

from lumina.runtime.config import CalibrationConfig

ROOT = Path(__file__).parents[1]
DOCUMENTS = [*ROOT.glob("*.md"), *ROOT.glob("docs/guides/*.md"), *ROOT.glob("docs/reference/*.md")]
ROOMS = "lumina|drivers|firmware_sim|calibration|twin|benchmarks"
NAMED = re.compile(rf"`((?:{ROOMS})(?:\.\w+)+)(?:\(.*?\))?`")
FILE = re.compile(rf"`((?:{ROOMS}|tests|docs|lab_configs|examples)/[\w./]+)`|\]\(([\w./]+)\)")


def is_there(name: str) -> bool:
    """Whether a dotted name is a module, what is in one, or a field of a lab config."""
    parts = name.split(".")
    if parts[0] == "calibration" and parts[1] in CalibrationConfig.model_fields:
        return True
    for count in range(len(parts), 0, -1):
        try:
            found: object = importlib.import_module(".".join(parts[:count]))
        except ModuleNotFoundError:
            continue
        for part in parts[count:]:
            found = getattr(found, part, None)
        return found is not None
    return False


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_a_document_names_exists(path: Path) -> None:
    text = path.read_text()
    missing = [name for name in NAMED.findall(text) if not is_there(name)]
    for inside, linked in FILE.findall(text):
        there = ROOT / inside if inside else path.parent / linked
        if not there.exists():
            missing.append(inside or linked)
    assert missing == []
