"""`lumina firmware`: serve a bench's instruments in simulation, for any client."""

import json
import signal
import threading
from typing import Annotated, Any

import typer

from lumina.cli.common import ChipSeed, ConfigFile, Seed

__all__ = ["firmware"]

LOOPBACK = "127.0.0.1"


def firmware(
    config: ConfigFile,
    as_json: Annotated[
        bool, typer.Option("--json", help="Tell the addresses as one line of JSON.")
    ] = False,
    host: Annotated[
        str, typer.Option(help="Interface to listen on; others than this machine may then come.")
    ] = LOOPBACK,
    seed: Seed = 0,
    chip_seed: ChipSeed = 0,
) -> None:
    """Serve the simulated instruments of a bench until interrupted (Ctrl-C).

    Serial instruments come on pseudo-terminals, the others on TCP, and where the real one
    has it on HiSLIP. An instrument of backend "firmware" with an address tcp://host:port
    gets that port, the others any free one. The control address takes orders as lines of
    JSON: faults, the plant's surroundings, the truth.
    """
    from firmware_sim.world import World
    from lumina.runtime.config import load_config
    from lumina.runtime.firmware import describe

    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    world = World(describe(load_config(config), host=host, seed=seed, chip_seed=chip_seed))
    with world:
        typer.echo(json.dumps(world.addresses()) if as_json else told(world.addresses()))
        stop.wait()


def told(addresses: dict[str, Any]) -> str:
    """The addresses for a reader."""
    instruments = addresses["instruments"]
    width = max(map(len, instruments), default=0)
    lines = [
        f"{name:{width}}  {'  '.join([entry['resource'], *entry['also']])}  ({entry['driver']})"
        for name, entry in instruments.items()
    ]
    return "\n".join([*lines, f"control: {addresses['control']}", "Ctrl-C ends it."])
