"""What the way to an instrument costs: our bus beside plain clients, the loop on a wire."""

from benchmarks.bus_heaters import heater_figures
from benchmarks.bus_npu import npu_figures
from benchmarks.bus_overhead import overhead_figures
from benchmarks.harness import Benchmark, describe_machine

__all__ = ["run"]


def run() -> Benchmark:
    """Time requests and replies on a pty and on a socket, heaters, then the loop's frames."""
    machine = describe_machine()
    return Benchmark(overhead_figures() | heater_figures() | npu_figures(), machine)
