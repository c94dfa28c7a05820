"""Ways to reach an instrument: bytes out, bytes in, nothing known of what they mean."""

from drivers.transports.base import Transport, TransportError

__all__ = ["Transport", "TransportError"]
