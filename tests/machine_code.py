"""Make the machine code that most tests use: once, and not in every worker at the same time."""

from pathlib import Path

from drivers.registry import Backend
from lumina.runtime import open_bench
from lumina.runtime.virtual_time import run_virtual

SMALL = Path(__file__).parents[1] / "lab_configs" / "small.yaml"


async def main() -> None:
    """Open and calibrate the small bench, then the same over simulated wires."""
    for backend in (Backend.TWIN, Backend.FIRMWARE):
        async with open_bench(SMALL, backend=backend) as bench:
            await bench.device.calibrate()


if __name__ == "__main__":
    run_virtual(main())
