"""A simulated NPU board without its time and its wire: what it is, and what it answers."""

from math import pi
from typing import Any
from zlib import crc32

import numpy as np

from drivers.protocols import npu, npu_light
from drivers.protocols.npu import REPLY, BadFrameError, ErrorCode, Feature, Kind
from drivers.protocols.npu_ends import RingEnds
from drivers.protocols.npu_light import Standing
from firmware_sim.npu.loop import board_arrays
from lumina import __version__
from lumina.errors import MatrixError
from lumina.theory.rings import WeightBank
from twin.plant import Plant

__all__ = ["NpuBoard"]


class NpuBoard:
    """One board about one plant.

    Attributes:
        plant: what it is made of; whoever runs the board steps it.
        ends: Python's ends of its pump.
        arrays: the board for compiled code.
        boot: tells one power-up from another.
    """

    def __init__(self, plant: Plant, ends: RingEnds, boot: int) -> None:
        self.plant, self.ends, self.boot = plant, ends, boot
        plant.arrays.state["epoch"] = boot
        self.arrays = board_arrays(plant, ends.pump)
        self._answers = {
            Kind.IDENTIFY: self._identify,
            Kind.STREAM: self._stream,
            Kind.MULTIPLY: self._multiply,
            Kind.RESET: self._reset,
            Kind.STATUS: self._status,
        }
        if plant.config.chip.tap_count:
            self._answers |= {
                Kind.DESCRIBE_TAPS: self._describe_taps,
                Kind.READ_TAPS: self._read_taps,
            }

    def compile(self) -> None:
        """Have the machine code of its answers made before anybody waits for one."""
        operations = self.plant.arrays.state["operations"].copy()
        nothing = np.zeros((self.plant.architecture.ports, 1), complex)
        self.plant.multiply(nothing)
        if self.plant.config.chip.tap_count:
            self.plant.expose_taps(nothing)
        self.plant.arrays.state["operations"] = operations

    def reply(self, message: bytes) -> bytes:
        """The answer to a request, header and payload."""
        request = npu.parse(message)
        try:
            kind, payload = request.kind | REPLY, self._answers[Kind(request.kind)](request.payload)
        except (ValueError, KeyError) as error:
            kind, payload = Kind.ERROR, npu.pack_error(*_refusal(request.kind, error))
        return npu.body(kind, request.sequence, request.time_ns, payload)

    def _identify(self, payload: bytes) -> bytes:
        _require(not payload)
        record = np.zeros(1, npu.BOARD)
        chip, receivers = self.plant.config.chip, self.plant.config.receivers
        architecture, heater = self.plant.architecture, chip.heater
        bank = architecture if isinstance(architecture, WeightBank) else None
        fields = {
            "manufacturer": b"Lumina",
            "model": f"NPU-{architecture.ports}".encode(),
            "serial": f"{crc32(self.plant.chip.phi0_rad.tobytes()):08X}".encode(),
            "firmware": f"sim-{__version__}".encode(),
            "boot": self.boot,
            "ports": architecture.ports,
            "heaters": architecture.shifters,
            "interferometers": architecture.interferometers,
            "micro_rings": bank.shifters if bank else 0,
            "wavelength_channels": bank.ports if bank else 1,
            "rails": len(self.plant.config.rails),
            "mesh": npu.KINDS.index(architecture.kind),
            "detection": npu.DETECTIONS.index(receivers.detection),
            "heater_bits": heater.bits,
            "converter_bits": receivers.bits,
            "thermal_control": 1,
            "features": Feature.TAPS if chip.tap_count else 0,
            "max_drive_v": heater.max_drive_v,
            "nominal_phase_rad_per_v2": pi / (heater.pi_power_w * heater.resistance_ohm),
            "vector_rate_hz": receivers.vector_rate_hz,
            "channel_spacing_rad": bank.spacing_rad if bank else 0.0,
            "ring_width_rad": bank.width_rad if bank else 0.0,
        }
        for name, value in fields.items():
            record[name] = value
        return record.tobytes()

    def _stream(self, payload: bytes) -> bytes:
        _require(payload in (b"\0", b"\1"))
        self.arrays.state["quiet_ticks"] = 0
        self.arrays.state["streaming"] = payload[0]
        return b""

    def _multiply(self, payload: bytes) -> bytes:
        fields, coding = npu_light.unpack_vectors(payload)
        if len(payload) + npu_light.LIGHT.itemsize > npu.MAX_PAYLOAD:
            raise MatrixError("the reply would be too long; send fewer vectors at a time")
        seen, state = self.plant.expose(fields)
        return npu_light.pack_light(_standing(state), seen, coding)

    def _describe_taps(self, payload: bytes) -> bytes:
        _require(not payload)
        record, chip = np.zeros(1, npu_light.TAPS), self.plant.config.chip
        record["taps"], record["bits"] = chip.tap_count, chip.taps.bits
        record["vector_rate_hz"] = chip.taps.rate_hz
        return record.tobytes()

    def _read_taps(self, payload: bytes) -> bytes:
        fields, coding = npu_light.unpack_vectors(payload)
        chip, ports = self.plant.config.chip, fields.shape[0]
        fit = npu_light.tap_vectors_per_message(ports, chip.tap_count, coding, npu.MAX_PAYLOAD)
        if fields.shape[1] > fit:
            raise MatrixError(f"the reply would be too long; send {fit} vectors or fewer at a time")
        seen, state = self.plant.expose_taps(fields)
        codes = np.rint(seen * (2**chip.taps.bits - 1)).astype(np.uint16)
        return npu_light.pack_taps(_standing(state), codes)

    def _reset(self, payload: bytes) -> bytes:
        _require(not payload)
        self.arrays.state["reset"] = 1
        return b""

    def _status(self, payload: bytes) -> bytes:
        _require(not payload)
        state = self.arrays.state[0]
        record = np.zeros(1, npu.STATUS)
        for name in ("ticks", "late", "actuators", "dropped", "watchdog_trips", "safe"):
            record[name] = state[name]
        record["tick"] = self.plant.tick
        record["corrupt"] = self.ends.pump.state["corrupt"]
        trips = self.arrays.round_trips
        cumulative = np.cumsum(trips) / max(int(trips.sum()), 1)
        for name, share in (("round_trip_p50_us", 0.5), ("round_trip_p99_us", 0.99)):
            record[name] = np.searchsorted(cumulative, share) + 1.0 if trips.any() else 0.0
        record["round_trip_worst_us"] = state["worst_trip_ns"] / 1000
        return record.tobytes()


def _standing(state: Any) -> Standing:
    """How the board stood, by the plant's state."""
    return Standing(int(state["tick"]), int(state["epoch"]), int(state["flags"]))


def _require(well_formed: bool) -> None:
    if not well_formed:
        raise BadFrameError("the payload is not what this request takes")


def _refusal(kind: int, error: Exception) -> tuple[ErrorCode, str]:
    """What to tell of an error."""
    if isinstance(error, BadFrameError):
        return ErrorCode.MALFORMED, str(error)
    if isinstance(error, MatrixError):
        return ErrorCode.REFUSED, str(error)
    return ErrorCode.UNKNOWN, f"there is no request {kind}"
