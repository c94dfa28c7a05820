"""A bench with a weight bank: calibrated, multiplying, and held while the carrier moves."""

from pathlib import Path

import numpy as np

from lumina.runtime import open_bench
from lumina.runtime.virtual_time import run_virtual

LAB_CONFIGS = Path(__file__).parents[2] / "lab_configs"


def test_a_weight_bank_multiplies_and_holds_its_weights_over_three_kelvin(tmp_path: Path) -> None:
    config = tmp_path / "bench.yaml"
    config.write_text(
        f"extends: {LAB_CONFIGS / 'rings.yaml'}\n"
        "name: rings_of_four\nplants:\n  main:\n    chip: {ports: 4}\n"
    )
    errors: dict[str, float] = {}

    async def main() -> None:
        async with open_bench(config, seed=1) as bench:
            device, rng = bench.device, np.random.default_rng(0)
            await device.calibrate()
            matrix = rng.uniform(-1.0, 1.0, (4, 4))
            vectors = rng.uniform(-1.0, 1.0, (4, 200))
            await device.load(matrix)

            async def error() -> float:
                product = await device.multiply(vectors)
                return float(np.std(product.real - matrix @ vectors) / np.std(matrix @ vectors))

            errors["in place"] = await error()
            await device.set_carrier_c(48.0)
            errors["warm"] = await error()
            await device.settling.applied(device.loop.set_compensation(False))
            await device.set_carrier_c(46.0)
            errors["warm, not compensated"] = await error()

    run_virtual(main())
    assert errors["in place"] < 0.03
    assert errors["warm"] < 0.03
    assert errors["warm, not compensated"] > 0.1
