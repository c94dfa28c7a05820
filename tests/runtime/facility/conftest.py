"""A real MQTT broker for each test that asks for one."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

MOSQUITTO = shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin")
PATIENCE_S = 20.0


class Mosquitto:
    """A broker process on a port of its own.

    Attributes:
        port: where it listens, also after a restart.
    """

    def __init__(self, folder: Path, *, password: tuple[str, str] | None = None) -> None:
        self._folder = folder
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port: int = probe.getsockname()[1]
        lines = [f"listener {self.port} 127.0.0.1", "persistence false"]
        if password is None:
            lines.append("allow_anonymous true")
        else:
            secrets = folder / "passwords"
            secrets.write_text(":".join(password) + "\n")
            secrets.chmod(0o600)
            subprocess.run(["mosquitto_passwd", "-U", str(secrets)], check=True)
            lines += ["allow_anonymous false", f"password_file {secrets}"]
        if os.geteuid() == 0:
            lines.append("user root")
        (folder / "mosquitto.conf").write_text("\n".join(lines) + "\n")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, or start it again, and wait until it listens."""
        assert MOSQUITTO is not None
        self._process = subprocess.Popen(
            [MOSQUITTO, "-c", str(self._folder / "mosquitto.conf")],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for _ in range(round(PATIENCE_S / 0.02)):
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port), 1.0).close()
                return
            time.sleep(0.02)  # noqa: TID251 - a process of somebody else's has no virtual time
        pytest.fail("mosquitto does not listen")

    def stop(self) -> None:
        """Stop it; idempotent."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(PATIENCE_S)
            self._process = None


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    """A running broker that lets anybody in."""
    mosquitto = Mosquitto(tmp_path)
    mosquitto.start()
    yield mosquitto
    mosquitto.stop()
