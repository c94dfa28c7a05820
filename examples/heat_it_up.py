"""Let room and compute load warm the chip, and watch the thermal guard throttle it."""

import asyncio

from lumina.runtime import open_bench
from lumina.runtime.virtual_time import run_virtual


async def main() -> None:
    async with open_bench("lab_configs/small.yaml") as bench:
        device, room = bench.device, bench.environment
        assert room is not None, "only a twin has a room to warm"
        room.set_ambient_c(50.0)
        room.set_compute_power_w(200.0)
        for _ in range(20):
            await asyncio.sleep(1.0)
            laser = float(device.loop.latest()["laser_scale"])
            die_c = device.die_temperature_c()
            print(f"die {die_c:5.1f} C, guard {device.tier.name.lower()}, laser {laser:.0%}")
        print(device.loop.counters())


if __name__ == "__main__":
    run_virtual(main())
