"""Ways to reach an instrument: bytes out, bytes in, nothing known of what they mean."""

from drivers.transports.address import FORMS, open_transport
from drivers.transports.base import LoopTransport, Transport, TransportError, Wire

__all__ = ["FORMS", "LoopTransport", "Transport", "TransportError", "Wire", "open_transport"]
