"""Bring a simulated bench up, calibrate its chip, and multiply by a matrix of your own."""

import asyncio

import numpy as np

from lumina.runtime import open_bench
from lumina.runtime.virtual_time import run_virtual


async def main() -> None:
    async with open_bench("lab_configs/small.yaml", seed=1) as bench:
        await bench.device.calibrate()
        weights = np.random.default_rng(2).normal(size=(4, 4))
        vectors = np.eye(4)
        await bench.device.load(weights)
        products = (await bench.device.multiply(vectors)).real
        error = np.linalg.norm(products - weights) / np.linalg.norm(weights)
        print(f"{bench.device.name}: relative error {error:.1%}")
        await asyncio.sleep(3600)  # an hour of bench time, a few seconds of yours
        print(f"die after an hour: {bench.device.die_temperature_c():.3f} C")


if __name__ == "__main__":
    run_virtual(main())
