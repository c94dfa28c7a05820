"""Every example, and every Python block of README and guides, runs as it stands."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
GUIDES = sorted((ROOT / "docs" / "guides").glob("*.md"))
ELSEWHERE = {"add_a_driver.md"}  # its driver is run against its instrument in tests/drivers
PAGES = [ROOT / "README.md", *(page for page in GUIDES if page.name not in ELSEWHERE)]
BLOCKS = [
    pytest.param(block, id=f"{page.stem}-{number}")
    for page in PAGES
    for number, block in enumerate(re.findall(r"```python\n(.*?)```", page.read_text(), re.S))
]


def run(*arguments: str) -> str:
    command = [sys.executable, *arguments]
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, cwd=ROOT, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_runs_and_says_something(example: Path) -> None:
    assert run(str(example)).strip()


@pytest.mark.parametrize("block", BLOCKS)
def test_a_block_of_the_docs_runs(block: str, tmp_path: Path) -> None:
    script = tmp_path / "test_block.py"
    script.write_text(block)
    if "def test_" in block:
        run("-m", "pytest", "-q", str(script), "--rootdir", str(ROOT), "-c", "pyproject.toml")
    else:
        assert run(str(script)).strip()
