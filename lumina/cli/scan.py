"""What is plugged in: serial ports, and the instruments that VISA finds."""

import warnings
from collections.abc import Callable, Iterable
from pathlib import Path

__all__ = ["SERIAL_BY_ID", "serial_ports", "visa_instruments", "visa_resources"]

SERIAL_BY_ID = Path("/dev/serial/by-id")
"""Where Linux lists USB serial ports under names that stay the same."""

ANSWER_MS = 1000
"""How long an instrument may take to say who it is."""

SERIAL_LINES = ("ASRL", "PRLGX")
"""VISA's names for serial ports: listed as such, and never asked."""


def serial_ports(folder: Path = SERIAL_BY_ID) -> list[dict[str, str]]:
    """Serial ports: the name that stays, the device that it is at present, what it says it is.

    Args:
        folder: where the names that stay are.
    """
    from serial.tools.list_ports import comports

    links = sorted(folder.iterdir()) if folder.is_dir() else []
    stays = {str(link.resolve()): str(link) for link in links}
    said = {port.device: port.description for port in comports()}
    return [
        {
            "address": stays.get(device, device),
            "device": device,
            "description": said.get(device, "n/a"),
        }
        for device in sorted({*said, *stays})
    ]


def visa_resources() -> list[str]:
    """VISA resources that can be found by asking around: USB, and the nearest network."""
    import pyvisa

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pyvisa-py says what it lacks to find still more
        found = pyvisa.ResourceManager("@py").list_resources("?*")
    return sorted(name for name in found if not name.startswith(SERIAL_LINES))


def visa_instruments(
    find: Callable[[], Iterable[str]] = visa_resources,
) -> list[dict[str, str]]:
    """What answers to ``*IDN?`` among the VISA resources, and why the others do not."""
    return [{"resource": name, **_asked(name)} for name in find()]


def _asked(resource: str) -> dict[str, str]:
    import pyvisa
    from pyvisa.resources import MessageBasedResource

    manager = pyvisa.ResourceManager("@py")
    try:
        with manager.open_resource(resource, open_timeout=ANSWER_MS) as session:
            if not isinstance(session, MessageBasedResource):
                return {"error": "takes no messages"}
            session.timeout = ANSWER_MS
            session.read_termination = session.write_termination = "\n"
            return {"identity": session.query("*IDN?").strip()}
    except Exception as error:  # noqa: BLE001 - pyvisa-py raises plain Exception too
        return {"error": str(error) or type(error).__name__}
