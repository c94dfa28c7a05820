"""The Lumina NPU board on a serial line, a TCP port, or in memory."""

import asyncio
import logging

import numpy as np

from drivers.interfaces import (
    ComplexArray,
    Detection,
    Identity,
    Light,
    PhotonicProcessor,
    ProcessorCapabilities,
)
from drivers.npu.link import BoardLink
from drivers.npu.memory import link_to
from drivers.protocols import npu
from drivers.protocols.npu import Coding, Kind
from drivers.ranges import check_fields
from drivers.registry import Mounting
from drivers.transports import FORMS
from lumina.errors import (
    DeviceConnectionError,
    DeviceStateError,
    IdentityError,
    ProtocolError,
    UsageError,
)
from lumina.frames import HELD_SAFE
from lumina.theory.architecture import ChipArchitecture
from lumina.theory.mesh import MeshArchitecture
from lumina.theory.rings import WeightBank

__all__ = ["LuminaNpu"]

logger = logging.getLogger(__name__)


class LuminaNpu(PhotonicProcessor):
    """A board at an address; frames and requests share one wire."""

    def __init__(self, mounting: Mounting) -> None:
        super().__init__(mounting.name)
        if mounting.address is None:
            raise UsageError(f"{self.name}: needs an address: {FORMS}")
        self._link = link_to(self.name, mounting.address)
        self._capabilities: ProcessorCapabilities | None = None
        self._serial, self._boot = b"", 0

    async def connect(self) -> Identity:
        await self.close()
        await self._link.open()
        try:
            await self._link.request(Kind.RESET)
            record = self._board(await self._link.request(Kind.IDENTIFY))
            self._capabilities = _capabilities(record)
            self._serial, self._boot = bytes(record["serial"]), int(record["boot"])
        except BaseException:
            await self._link.close()
            raise
        self._link.greet = self._greet
        self._link.heaters, self._link.outputs = int(record["heaters"]), int(record["ports"])
        names = ("manufacturer", "model", "serial", "firmware")
        return Identity(*(_text(record[name]) for name in names))

    async def check(self) -> str | None:
        if self._link.fault is not None:
            raise DeviceConnectionError(self.name, f"{self._link.fault} and not back yet")
        return None  # the loop hears from it each millisecond

    async def close(self) -> None:
        self._capabilities, self._link.greet = None, None
        await self._link.close()

    async def make_safe(self) -> None:
        """The board ends its stream and goes safe; a loop that still runs starts it again.

        A board that cannot be reached gets no frames either: its watchdog makes it safe.
        """
        try:
            await self._link.request(Kind.RESET)
        except DeviceConnectionError:
            return

    @property
    def capabilities(self) -> ProcessorCapabilities:
        if self._capabilities is None:
            raise DeviceStateError(self.name, "connect it first", "not connected")
        return self._capabilities

    def frame_link(self) -> BoardLink:
        assert self.capabilities
        return self._link

    async def multiply(self, fields: ComplexArray) -> Light:
        values = check_fields(self.name, fields, self.capabilities)
        size = npu.vectors_per_message(values.shape[0], Coding.FLOAT32, self._link.longest_payload)
        batches = [values[:, first : first + size] for first in range(0, values.shape[1], size)]
        slots = asyncio.Semaphore(self._link.in_flight)
        tasks = [asyncio.ensure_future(self._multiply(batch, slots)) for batch in batches]
        try:
            return _joined(await asyncio.gather(*tasks))
        finally:
            for task in tasks:  # the first error ends it all
                task.cancel()
            await asyncio.wait(tasks)

    async def status(self) -> dict[str, float]:
        """The board's own counters since it was connected; names and units as `npu.STATUS`."""
        payload = await self._link.request(Kind.STATUS)
        if len(payload) != npu.STATUS.itemsize:
            raise ProtocolError(self.name, f"a status of {len(payload)} bytes")
        record = np.frombuffer(payload, npu.STATUS, 1)[0]
        return {name: record[name].item() for name in npu.STATUS.names or ()}

    async def _multiply(self, batch: ComplexArray, slots: asyncio.Semaphore) -> Light:
        async with slots:
            payload = npu.pack_vectors(batch, Coding.FLOAT32)
            reply = await self._link.request(Kind.MULTIPLY, payload)
        try:
            standing, seen = npu.unpack_light(reply)
        except npu.BadFrameError as error:
            raise ProtocolError(self.name, str(error)) from error
        if seen.shape != batch.shape:
            raise ProtocolError(self.name, f"sent vectors {batch.shape}, got {seen.shape}")
        return Light(seen, standing.epoch, not standing.flags & HELD_SAFE)

    async def _greet(self) -> None:
        """After a lost connection: is it the same board, and has it been without power?

        Nothing is set again: a board that was powered down is locked out, and says so in
        its frames.
        """
        record = self._board(await self._link.request(Kind.IDENTIFY))
        if bytes(record["serial"]) != self._serial:
            text = f"serial number {_text(record['serial'])} answers, it was {_text(self._serial)}"
            raise IdentityError(self.name, f"{self._link.resource}: {text}")
        if int(record["boot"]) != self._boot:
            logger.warning("%s: power-cycled: its rails are down", self.name)
            self._boot = int(record["boot"])

    def _board(self, payload: bytes) -> np.void:
        """The board's description of itself."""
        if len(payload) != npu.BOARD.itemsize:
            text = f"describes itself in {len(payload)} bytes, not {npu.BOARD.itemsize}"
            raise ProtocolError(self.name, text)
        record: np.void = np.frombuffer(payload, npu.BOARD, 1)[0]
        if not bytes(record["model"]).startswith(b"NPU-"):
            raise IdentityError(self.name, f"{record['model']!r} answers, not an NPU board")
        return record


def _text(field: bytes) -> str:
    return bytes(field).decode("ascii", "replace")


def _joined(batches: list[Light]) -> Light:
    """Batches side by side; steady if all are, and of one epoch."""
    amplitudes = np.concatenate([batch.amplitudes for batch in batches], axis=1)
    epoch = batches[0].epoch
    return Light(amplitudes, epoch, all(b.steady and b.epoch == epoch for b in batches))


def _architecture(record: np.void) -> ChipArchitecture:
    """What lies between the board's ports, as it says."""
    kind, ports = npu.KINDS[int(record["mesh"])], int(record["ports"])
    if kind != "rings":
        return MeshArchitecture(ports, kind)
    return WeightBank(ports, float(record["channel_spacing_rad"]), float(record["ring_width_rad"]))


def _capabilities(record: np.void) -> ProcessorCapabilities:
    """What the board says it has."""
    return ProcessorCapabilities(
        architecture=_architecture(record),
        heaters=int(record["heaters"]),
        interferometers=int(record["interferometers"]),
        micro_rings=int(record["micro_rings"]),
        wavelength_channels=int(record["wavelength_channels"]),
        detection=Detection(npu.DETECTIONS[int(record["detection"])]),
        heater_bits=int(record["heater_bits"]),
        converter_bits=int(record["converter_bits"]),
        max_drive_v=float(record["max_drive_v"]),
        nominal_phase_rad_per_v2=float(record["nominal_phase_rad_per_v2"]),
        vector_rate_hz=float(record["vector_rate_hz"]),
        thermal_control=bool(record["thermal_control"]),
        rails=int(record["rails"]),
    )
