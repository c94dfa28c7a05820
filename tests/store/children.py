"""Other processes, for tests of what a process leaves behind."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import lumina

CHECKOUT = Path(lumina.__file__).parents[1]


def child(folder: Path, program: str) -> subprocess.Popen[str]:
    """Start a program that knows `folder`; its output comes through a pipe."""
    script = f"from pathlib import Path\nfolder = Path({str(folder)!r})\n{textwrap.dedent(program)}"
    return subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(CHECKOUT)},
    )


def finished_child(folder: Path, program: str) -> str:
    """Run such a program to its end, which must be a good one; returns its output."""
    with child(folder, program) as process:
        output, complaint = process.communicate()
    assert process.returncode == 0, complaint
    return output
