"""Make the machine code that most tests use: once, and not in every worker at the same time."""

from pathlib import Path

from drivers.registry import Backend
from lumina.runtime import open_bench
from lumina.runtime.virtual_time import run_virtual

BENCHES = Path(__file__).parents[1] / "lab_configs"
SMALL, WITH_INSTRUMENTS = BENCHES / "small.yaml", BENCHES / "twin.yaml"


async def main() -> None:
    """Calibrate the small bench, and over simulated wires; hold a carrier by instruments."""
    for backend in (Backend.TWIN, Backend.FIRMWARE):
        async with open_bench(SMALL, backend=backend) as bench:
            await bench.device.calibrate()
    async with open_bench(WITH_INSTRUMENTS):
        pass


if __name__ == "__main__":
    run_virtual(main())
