"""`lumina firmware CONFIG` in a process of its own, and clients that know only protocols."""

import json
import select
import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

__all__ = ["Firmware", "served"]

ROOT = Path(__file__).parents[1]
CLIENT_TIMEOUT_S = 60.0
START_TIMEOUT_S = 300.0
"""On a busy machine, with all machine code still to be made."""


class Firmware:
    """A bench that is served, and clients for it.

    Attributes:
        instruments: by name: driver and resource, as `lumina firmware --json` tells.
    """

    def __init__(self, document: dict[str, Any]) -> None:
        self.instruments, self._control = document["instruments"], document["control"]

    def resource(self, name: str) -> str:
        """Where an instrument is."""
        return str(self.instruments[name]["resource"])

    def client(self, program: str, name: str, *arguments: str) -> float:
        """Run a client program in a process of its own; the number that it prints.

        Args:
            program: Python; gets the resource and then `arguments`. A socket's resource
                comes as host and port.
            name: the instrument.
            arguments: more.
        """
        resource = self.resource(name)
        address = resource.split("::")[1:3] if resource.startswith("TCPIP::") else [resource]
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(program), *address, *arguments],
            capture_output=True,
            text=True,
            timeout=CLIENT_TIMEOUT_S,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return float(done.stdout)

    def order(self, **order: Any) -> dict[str, Any]:
        """Use the control channel."""
        host, port = self._control.removeprefix("tcp://").split(":")
        with socket.create_connection((host, int(port)), 10.0) as wire:
            wire.sendall(json.dumps(order).encode() + b"\n")
            answer: dict[str, Any] = json.loads(wire.makefile().readline())
        return answer


@contextmanager
def served(config: Path) -> Iterator[Firmware]:
    """The simulated instruments of a lab config, until the block ends."""
    command = [sys.executable, "-c", "from lumina.cli import main; main()", "firmware"]
    with subprocess.Popen(
        [*command, str(config), "--json"], cwd=ROOT, stdout=subprocess.PIPE
    ) as server:
        assert server.stdout is not None
        try:
            ready, _, _ = select.select([server.stdout], [], [], START_TIMEOUT_S)
            assert ready, "no addresses"
            yield Firmware(json.loads(server.stdout.readline()))
        finally:
            server.send_signal(signal.SIGINT)
            assert server.wait(20) == 0, "interrupted is how it ends"
