"""Checkpoints of a twin bench in virtual time: its memory, its clock, its place on the tape.

Noise is named by (seed, stream, tick), so a bench whose memory and clock are set to what
they were goes on bit for bit as it did. What bring-up left untouched is not copied: a run
that goes on brings its bench up first, and stands there as the earlier one stood.
"""

import asyncio
import hashlib
import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lumina.control.running.twin import arrays_in
from lumina.errors import CalibrationError, StoreError
from lumina.runtime.bench import Bench
from lumina.runtime.places import lone_plants
from lumina.runtime.virtual_time import VirtualTimeLoop
from lumina.store import write_atomic

if TYPE_CHECKING:
    from twin.plant import Plant

__all__ = ["Checkpoint", "Memory", "read_checkpoint"]

_TIME, _BEGAN, _TAPE = "time_ns", "began_s", "tape"
_EXCHANGES, _START = "exchanges", "start"
_PREFIX = "memory "


class Checkpoint(NamedTuple):
    """A bench at one moment."""

    time_ns: int
    began_s: float
    """Bench time at which the routine began, s."""
    tape: str
    """Name of the tape that was being written."""
    exchanges: int
    """Exchanges on it."""
    start: str
    """Digest of the memory after bring-up, which `memory` is laid over."""
    memory: Mapping[str, NDArray[Any]]

    def to_bytes(self) -> bytes:
        """The content of its file."""
        content = io.BytesIO()
        arrays: dict[str, Any] = {_PREFIX + name: array for name, array in self.memory.items()}
        arrays |= {_TIME: self.time_ns, _BEGAN: self.began_s, _TAPE: self.tape}
        arrays |= {_EXCHANGES: self.exchanges, _START: self.start}
        np.savez(content, allow_pickle=False, **arrays)
        return content.getvalue()


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint's file.

    Raises:
        StoreError: it is missing or damaged.
    """
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as stored:
            arrays = dict(stored)
        memory = {
            name.removeprefix(_PREFIX): array
            for name, array in arrays.items()
            if name.startswith(_PREFIX)
        }
        return Checkpoint(
            int(arrays[_TIME]),
            float(arrays[_BEGAN]),
            str(arrays[_TAPE]),
            int(arrays[_EXCHANGES]),
            str(arrays[_START]),
            memory,
        )
    except Exception as error:  # zipfile, zlib and numpy raise a dozen kinds
        raise StoreError(path, f"damaged: {error}") from error


class Memory:
    """A bench's memory, to be copied and set.

    Args:
        bench: just brought up, in virtual time, all of its plants in this process.
    """

    def __init__(self, bench: Bench) -> None:
        self._live = {
            f"{name}.{part}": array
            for name, memory in memories(bench)
            for part, array in memory.items()
        }
        self._digests = {name: _digest(array) for name, array in self._live.items()}
        whole = "".join(f"{name} {digest}\n" for name, digest in self._digests.items())
        self._start = hashlib.sha256(whole.encode()).hexdigest()

    @staticmethod
    def is_here(bench: Bench) -> bool:
        """Whether a bench's whole future is in this process's memory and clock."""
        virtual = isinstance(asyncio.get_running_loop(), VirtualTimeLoop)
        return virtual and all(memory for _, memory in memories(bench))

    def save(self, path: Path, began_s: float, tape: str, exchanges: int) -> None:
        """Write a checkpoint, in one step, over the one before.

        Args:
            path: its file.
            began_s: bench time at which the routine began, s.
            tape: name of the tape that is being written.
            exchanges: exchanges on it.

        Raises:
            StoreError: it cannot be written; the one before stays.
        """
        changed = {
            name: array
            for name, array in self._live.items()
            if _digest(array) != self._digests[name]
        }
        now = Checkpoint(_clock().time_ns(), began_s, tape, exchanges, self._start, changed)
        write_atomic(path, now.to_bytes())

    def restore(self, checkpoint: Checkpoint) -> None:
        """Take the bench to the moment of a checkpoint.

        Raises:
            CalibrationError: it did not come up as the checkpoint's bench had.
        """
        if checkpoint.start != self._start:
            raise CalibrationError(
                "cannot go on: the bench came up otherwise than in the interrupted run; "
                "another config, seed or version of Lumina? Start anew, without --resume"
            )
        for name, array in checkpoint.memory.items():
            self._live[name][...] = array
        _clock().warp(checkpoint.time_ns)


def memories(bench: Bench) -> Iterator[tuple[str, dict[str, NDArray[Any]]]]:
    """The memory at each place; empty where it is not in this process."""
    for name, station in bench.stations.items():
        yield name, station.runner.memory()
    for name in lone_plants(bench.config):
        plant = bench.plants.get(name)
        parts = plant and {
            "plant": plant.arrays,
            "sensor": plant.sensor,
            "actuator": plant.actuator,
        }
        yield name, dict(arrays_in(parts))


def parts_of(plant: "Plant") -> dict[str, Any]:
    """All that the ticks to come depend on where no loop runs."""
    return {"plant": plant.arrays, "sensor": plant.sensor, "actuator": plant.actuator}


def _clock() -> VirtualTimeLoop:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualTimeLoop)
    return loop


def _digest(array: NDArray[Any]) -> str:
    return hashlib.blake2b(array.tobytes(), digest_size=16).hexdigest()
