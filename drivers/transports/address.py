"""From an address in a lab config to the wire that it names."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from drivers.transports.base import Transport, Wire
from drivers.transports.memory import Memory
from drivers.transports.tcp import Tcp
from lumina.errors import UsageError

__all__ = ["FORMS", "open_transport"]

FORMS = (
    "/dev/ttyUSB0, serial:/dev/ttyUSB0?baud=115200&parity=even, tcp://host:5025, "
    "a VISA resource such as TCPIP::host::5025::SOCKET, or memory:name"
)
"""The addresses there are, in words."""

VISA = re.compile(r"(TCPIP|ASRL|USB|GPIB|VXI|PXI|PRLGX)[^:]*::", re.IGNORECASE)


def open_transport(address: str, **settings: Any) -> Wire:
    """The wire to an address, not yet opened.

    Args:
        address: see `FORMS`. ``?capture=FILE`` after any but the last writes the traffic
            to a file (see `drivers.transports.capture`).
        settings: of a serial line where the address does not say: `baud`, `parity`,
            `stop_bits`; `read_end` (bytes), which VISA needs to know.

    Raises:
        UsageError: the address has none of the forms, or a setting is wrong.
    """
    if address.startswith("memory:"):
        return Memory(address)
    path, _, query = address.partition("?")
    given = _given(address, query)
    capture = given.pop("capture", None)
    return _captured(_plain(address, path, settings, given), capture)


def _given(address: str, query: str) -> dict[str, str]:
    try:
        return dict(parse_qsl(query, strict_parsing=True)) if query else {}
    except ValueError as error:
        raise UsageError(f"address {address!r}: {error}; write ?name=value") from error


def _plain(
    address: str, path: str, settings: Mapping[str, Any], given: dict[str, str]
) -> Transport:
    if path.startswith(("/dev/", "serial:")):
        return _serial(address, path.removeprefix("serial:"), {**settings, **given})
    if path.startswith("tcp://") and not given:
        return _tcp(address, path)
    if VISA.match(path) and not given:
        from drivers.transports.visa import visa_transport

        return visa_transport(path, settings)
    raise UsageError(f"address {address!r} is none of: {FORMS}")


def _serial(address: str, path: str, settings: Mapping[str, Any]) -> Transport:
    from drivers.transports.serial_port import PARITY, SerialPort, SerialSettings

    wanted = {key: value for key, value in settings.items() if key != "read_end"}
    unknown = sorted(set(wanted) - set(SerialSettings.__dataclass_fields__))
    if unknown or wanted.get("parity", "none") not in PARITY:
        known = f"baud, stop_bits, parity ({', '.join(PARITY)})"
        raise UsageError(f"address {address!r}: a serial line's settings are {known}")
    try:
        for key in ("baud", "stop_bits"):
            if key in wanted:
                wanted[key] = int(wanted[key])
    except ValueError as error:
        raise UsageError(f"address {address!r}: {error}") from error
    return SerialPort(path, SerialSettings(**wanted))


def _tcp(address: str, path: str) -> Transport:
    parts = urlsplit(path)
    try:
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise UsageError(f"address {address!r}: {error}") from error
    if not host or not port or parts.path:
        raise UsageError(f"address {address!r}: needs a host and a port, as tcp://host:5025")
    return Tcp(host, port)


def _captured(transport: Transport, capture: str | None) -> Transport:
    if capture is None:
        return transport
    from drivers.transports.capture import Capturing

    return Capturing(transport, Path(capture))
