"""`import lumina` and `lumina --help` answer at once: heavy libraries load where they are used."""

import subprocess
import sys

import pytest

HEAVY = ("fastapi", "h5py", "matplotlib", "numba", "ray", "scipy", "sklearn", "torch")

LIGHT = {
    "import lumina": "import lumina",
    "lumina --help": "sys.argv = ['lumina', '--help']; from lumina.cli import main; main()",
    "the pytest plugin": "import lumina.testing.plugin, lumina.testing.fixtures",
}


@pytest.mark.parametrize("program", LIGHT)
def test_loads_nothing_heavy(program: str) -> None:
    script = (
        "import atexit, sys\n"
        f"heavy = {HEAVY!r}\n"
        "atexit.register(lambda: print('loaded:', *(m for m in heavy if m in sys.modules)))\n"
        + LIGHT[program]
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1].strip() == "loaded:"
