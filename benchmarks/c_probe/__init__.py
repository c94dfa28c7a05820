"""The physical limit beside which the loop is measured: a C program doing nothing on time."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from lumina.errors import LuminaError
from lumina.privileges import FIFO_PRIORITY, NICE, PrivilegeTier

__all__ = ["ProbeResult", "ProbeRun", "compiled_probe"]

SOURCE = Path(__file__).with_name("c_probe.c")
PERIOD_NS = 1_000_000
EXIT_MARGIN_S = 30.0

PRIORITIES = {
    PrivilegeTier.FIFO_LOCKED: FIFO_PRIORITY,
    PrivilegeTier.FIFO: FIFO_PRIORITY,
    PrivilegeTier.NICE: NICE,
    PrivilegeTier.TIMER_SLACK: 0,
}


@dataclass(frozen=True)
class ProbeResult:
    """What the probe met.

    Attributes:
        ticks: deadlines, one per millisecond.
        started: deadlines at which it woke, in time or late.
        missed: deadlines met 1 ms late or more, or skipped.
        p50_us: median of the wake-up after its deadline, in us.
        p99_us: 99th percentile, in us.
        p999_us: 99.9th percentile, in us.
        max_us: latest wake-up, in us.
        cpu_share: processor time over wall time, 1 is one core.
    """

    ticks: int
    started: int
    missed: int
    p50_us: float
    p99_us: float
    p999_us: float
    max_us: float
    cpu_share: float

    @property
    def missed_per_10_000(self) -> float:
        """Missed deadlines per 10,000."""
        return 1e4 * self.missed / self.ticks


class ProbeRun:
    """A probe at work in a process of its own."""

    def __init__(self, program: Path, ticks: int, tier: PrivilegeTier) -> None:
        self._command = [str(program), str(ticks), str(PERIOD_NS), tier.name, str(PRIORITIES[tier])]
        self._timeout_s = ticks * PERIOD_NS * 1e-9 + EXIT_MARGIN_S
        self._process = subprocess.Popen(
            self._command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def result(self) -> ProbeResult:
        """Wait for the last deadline.

        Raises:
            LuminaError: the probe failed, for example because its tier is out of reach.
        """
        try:
            output, errors = self._process.communicate(timeout=self._timeout_s)
        except subprocess.TimeoutExpired:
            self.stop()
            raise
        if self._process.returncode != 0:
            raise LuminaError(f"{' '.join(self._command)} failed: {errors.strip()}")
        return _result(json.loads(output))

    def stop(self) -> None:
        """End the probe, if it is still at work."""
        self._process.kill()
        self._process.communicate()


class Probe:
    """The compiled probe."""

    def __init__(self, program: Path) -> None:
        self._program = program

    @contextmanager
    def running(self, ticks: int, tier: PrivilegeTier) -> Iterator[ProbeRun]:
        """Run beside the block, at the privileges that the loop reached.

        Args:
            ticks: deadlines, one per millisecond.
            tier: privileges of the probe's process.
        """
        run = ProbeRun(self._program, ticks, tier)
        try:
            yield run
        finally:
            run.stop()


@contextmanager
def compiled_probe() -> Iterator[Probe]:
    """Compile the probe for the length of the block.

    Raises:
        LuminaError: there is no C compiler, or it refuses the source.
    """
    with TemporaryDirectory() as folder:
        program = Path(folder) / SOURCE.stem
        command = ["cc", "-O2", "-Wall", "-Wextra", "-Werror", "-o", str(program), str(SOURCE)]
        try:
            subprocess.run(command, check=True, capture_output=True, text=True)
        except FileNotFoundError:
            raise LuminaError("the probe is a C program: install a C compiler (cc)") from None
        except subprocess.CalledProcessError as error:
            raise LuminaError(f"cc refuses {SOURCE.name}: {error.stderr}") from error
        yield Probe(program)


def _result(counts: dict[str, int]) -> ProbeResult:
    return ProbeResult(
        ticks=counts["ticks"],
        started=counts["started"],
        missed=counts["missed"],
        p50_us=counts["p50_ns"] / 1000,
        p99_us=counts["p99_ns"] / 1000,
        p999_us=counts["p999_ns"] / 1000,
        max_us=counts["max_ns"] / 1000,
        cpu_share=counts["cpu_ns"] / counts["wall_ns"],
    )
