"""Simulated instruments on pseudo-terminals, TCP, HiSLIP and VXI-11, and in memory."""

from firmware_sim.servers.endpoint import Arrival, Endpoint
from firmware_sim.servers.hislip import HislipEndpoint
from firmware_sim.servers.memory import MemoryEndpoint, MemoryServer
from firmware_sim.servers.pseudo_terminal import PtyEndpoint
from firmware_sim.servers.server import Server
from firmware_sim.servers.tcp import TcpEndpoint
from firmware_sim.servers.vxi11 import Vxi11Endpoint

__all__ = [
    "Arrival",
    "Endpoint",
    "HislipEndpoint",
    "MemoryEndpoint",
    "MemoryServer",
    "PtyEndpoint",
    "Server",
    "TcpEndpoint",
    "Vxi11Endpoint",
]
