"""Simulated instruments in a process of their own."""

import json
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from firmware_sim.description import WorldDescription
from lumina.errors import LuminaError

__all__ = ["spawned"]

START_TIMEOUT_S = 600.0
"""Longest wait for the addresses: the first time, the plant is compiled, on a busy machine
for minutes. A process that ends instead is noticed at once."""

STOP_TIMEOUT_S = 10.0


@contextmanager
def spawned(description: WorldDescription) -> Iterator[dict[str, Any]]:
    """Serve a world from another process while the block runs; gives `World.addresses`.

    Should this process die, the other ends too: its standard input ends.

    Raises:
        LuminaError: it cannot be served; the reason is on standard error.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "firmware_sim"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is for the program that started it
    )
    try:
        yield addresses(process, description)
    finally:
        end(process)


def addresses(process: "subprocess.Popen[bytes]", description: WorldDescription) -> dict[str, Any]:
    """Tell the process what to be; its answer says where everything is."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(description.model_dump_json().encode() + b"\n")
    process.stdin.flush()
    ready, _, _ = select.select([process.stdout], [], [], START_TIMEOUT_S)
    line = process.stdout.readline() if ready else b""
    if not line:
        raise LuminaError("the simulated instruments do not start; standard error says why")
    document: dict[str, Any] = json.loads(line)
    return document


def end(process: "subprocess.Popen[bytes]") -> None:
    """Let it end in order, by closing its input; kill what does not."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.close()
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(STOP_TIMEOUT_S)
    process.stdout.close()
