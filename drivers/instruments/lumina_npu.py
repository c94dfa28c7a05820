"""The Lumina NPU board on a serial line, a TCP port, or in memory."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import numpy as np

from drivers.interfaces import (
    ComplexArray,
    Detection,
    Identity,
    Light,
    PhotonicProcessor,
    ProcessorCapabilities,
    TapLight,
    Taps,
)
from drivers.npu.link import BoardLink
from drivers.npu.memory import link_to
from drivers.protocols import npu, npu_light
from drivers.protocols.npu import Feature, Kind
from drivers.protocols.npu_light import Coding
from drivers.ranges import check_fields, check_taps
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

Seen = TypeVar("Seen", Light, TapLight)


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
            self._capabilities = _capabilities(record, await self._taps(record))
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
        ports, longest = values.shape[0], self._link.longest_payload
        size = npu_light.vectors_per_message(ports, Coding.FLOAT32, longest)
        lights = await self._in_batches(self._multiply, values, size)
        amplitudes = np.concatenate([light.amplitudes for light in lights], axis=1)
        return Light(amplitudes, lights[0].epoch, _steady(lights))

    async def read_taps(self, fields: ComplexArray) -> TapLight:
        taps = check_taps(self.name, self.capabilities)
        values = check_fields(self.name, fields, self.capabilities)
        ports, longest = values.shape[0], self._link.longest_payload
        size = npu_light.tap_vectors_per_message(ports, taps.count, Coding.FLOAT32, longest)
        lights = await self._in_batches(self._read_taps, values, size)
        powers = np.concatenate([light.powers for light in lights], axis=1)
        return TapLight(powers, lights[0].epoch, _steady(lights))

    async def status(self) -> dict[str, float]:
        """The board's own counters since it was connected; names and units as `npu.STATUS`."""
        payload = await self._link.request(Kind.STATUS)
        if len(payload) != npu.STATUS.itemsize:
            raise ProtocolError(self.name, f"a status of {len(payload)} bytes")
        record = np.frombuffer(payload, npu.STATUS, 1)[0]
        return {name: record[name].item() for name in npu.STATUS.names or ()}

    async def _in_batches(
        self, ask: Callable[[ComplexArray], Awaitable[Seen]], values: ComplexArray, size: int
    ) -> list[Seen]:
        """What becomes of so many vectors at a time, as many requests at once as the wire takes."""
        slots = asyncio.Semaphore(self._link.in_flight)

        async def asked(batch: ComplexArray) -> Seen:
            async with slots:
                return await ask(batch)

        batches = [values[:, first : first + size] for first in range(0, values.shape[1], size)]
        tasks = [asyncio.ensure_future(asked(batch)) for batch in batches]
        try:
            return await asyncio.gather(*tasks)
        finally:
            for task in tasks:  # the first error ends it all
                task.cancel()
            await asyncio.wait(tasks)

    async def _multiply(self, batch: ComplexArray) -> Light:
        payload = npu_light.pack_vectors(batch, Coding.FLOAT32)
        reply = await self._link.request(Kind.MULTIPLY, payload)
        try:
            standing, seen = npu_light.unpack_light(reply)
        except npu.BadFrameError as error:
            raise ProtocolError(self.name, str(error)) from error
        if seen.shape != batch.shape:
            raise ProtocolError(self.name, f"sent vectors {batch.shape}, got {seen.shape}")
        return Light(seen, standing.epoch, not standing.flags & HELD_SAFE)

    async def _read_taps(self, batch: ComplexArray) -> TapLight:
        payload = npu_light.pack_vectors(batch, Coding.FLOAT32)
        reply = await self._link.request(Kind.READ_TAPS, payload)
        try:
            standing, codes = npu_light.unpack_taps(reply)
        except npu.BadFrameError as error:
            raise ProtocolError(self.name, str(error)) from error
        taps = self.capabilities.taps
        if codes.shape != (taps.count, batch.shape[1]):
            text = f"{taps.count} taps were to see {batch.shape[1]} vectors, got {codes.shape}"
            raise ProtocolError(self.name, text)
        powers = codes / float(2**taps.bits - 1)
        return TapLight(powers, standing.epoch, not standing.flags & HELD_SAFE)

    async def _taps(self, record: np.void) -> Taps:
        """The taps inside the mesh; a board that does not tell of any is not asked."""
        if not int(record["features"]) & Feature.TAPS:
            return Taps()
        payload = await self._link.request(Kind.DESCRIBE_TAPS)
        if len(payload) != npu_light.TAPS.itemsize:
            raise ProtocolError(self.name, f"describes its taps in {len(payload)} bytes")
        told = np.frombuffer(payload, npu_light.TAPS, 1)[0]
        return Taps(int(told["taps"]), int(told["bits"]), float(told["vector_rate_hz"]))

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


def _steady(batches: Sequence[Light | TapLight]) -> bool:
    """Whether all batches are steady, and of one epoch."""
    epoch = batches[0].epoch
    return all(batch.steady and batch.epoch == epoch for batch in batches)


def _architecture(record: np.void) -> ChipArchitecture:
    """What lies between the board's ports, as it says."""
    kind, ports = npu.KINDS[int(record["mesh"])], int(record["ports"])
    if kind != "rings":
        return MeshArchitecture(ports, kind)
    return WeightBank(ports, float(record["channel_spacing_rad"]), float(record["ring_width_rad"]))


def _capabilities(record: np.void, taps: Taps) -> ProcessorCapabilities:
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
        taps=taps,
    )
