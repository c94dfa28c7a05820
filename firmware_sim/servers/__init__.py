"""Simulated instruments on pseudo-terminals, TCP and HiSLIP."""

from firmware_sim.servers.endpoint import Arrival, Endpoint
from firmware_sim.servers.hislip import HislipEndpoint
from firmware_sim.servers.pseudo_terminal import PtyEndpoint
from firmware_sim.servers.server import Server
from firmware_sim.servers.tcp import TcpEndpoint

__all__ = ["Arrival", "Endpoint", "HislipEndpoint", "PtyEndpoint", "Server", "TcpEndpoint"]
