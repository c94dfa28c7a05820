"""The NPU board: the plant's own drivers, sensors and light."""

import asyncio
from math import pi
from zlib import crc32

from drivers.interfaces import (
    ComplexArray,
    Detection,
    FrameLink,
    Identity,
    Light,
    PhotonicProcessor,
    ProcessorCapabilities,
    TapLight,
    Taps,
)
from drivers.ranges import check_fields, check_taps
from drivers.registry import Mounting
from drivers.twin.base import EXCHANGE_S, TwinInstrument
from lumina.frames import HELD_SAFE, SAFE_STATE
from lumina.theory.rings import WeightBank
from twin.config_optics import ChipConfig
from twin.plant import Plant

__all__ = ["PlantLink", "TwinProcessor"]


class PlantLink(FrameLink):
    """Frames pass in memory: the loop advances the plant itself.

    Attributes:
        plant: whose sensor and actuator frames they are.
    """

    def __init__(self, plant: Plant) -> None:
        self.plant = plant
        self.heaters = plant.architecture.shifters
        self.outputs = plant.architecture.ports


class TwinProcessor(TwinInstrument, PhotonicProcessor):
    """The twin's board."""

    def __init__(self, mounting: Mounting) -> None:
        super().__init__(mounting)
        self.model = f"NPU-{self._plant.architecture.ports}"

    async def connect(self) -> Identity:
        identity = await super().connect()
        self._capabilities = _capabilities(self._plant)
        return identity

    def _serial(self) -> str:
        """The same for the same chip."""
        return f"{crc32(self._plant.chip.phi0_rad.tobytes()):08X}"

    async def make_safe(self) -> None:
        head = self._plant.actuator.head
        head[["tec_current_a", "fan_rpm", "laser_scale", "compute_scale"]] = 0.0
        head["flags"] = SAFE_STATE
        head["rail_set_v"] = 0.0
        self._plant.actuator.heater_code[:] = 0

    @property
    def capabilities(self) -> ProcessorCapabilities:
        self._require_connected()
        return self._capabilities

    def frame_link(self) -> PlantLink:
        self._require_connected()
        return PlantLink(self._plant)

    async def multiply(self, fields: ComplexArray) -> Light:
        self._require_connected()
        values = check_fields(self.name, fields, self.capabilities)
        await asyncio.sleep(EXCHANGE_S + values.shape[1] / self.capabilities.vector_rate_hz)
        amplitudes, state = self._plant.expose(values)
        return Light(amplitudes, int(state["epoch"]), not int(state["flags"]) & HELD_SAFE)

    async def read_taps(self, fields: ComplexArray) -> TapLight:
        self._require_connected()
        taps = check_taps(self.name, self.capabilities)
        values = check_fields(self.name, fields, self.capabilities)
        await asyncio.sleep(EXCHANGE_S + values.shape[1] / taps.rate_hz)
        powers, state = self._plant.expose_taps(values)
        return TapLight(powers, int(state["epoch"]), not int(state["flags"]) & HELD_SAFE)


def _taps(chip: ChipConfig) -> Taps:
    """The monitors inside a mesh, where a chip has them."""
    if not chip.tap_count:
        return Taps()
    return Taps(chip.tap_count, chip.taps.bits, chip.taps.rate_hz)


def _capabilities(plant: Plant) -> ProcessorCapabilities:
    """What the board's data sheet and its chip's label say."""
    chip, receivers, architecture = plant.config.chip, plant.config.receivers, plant.architecture
    rings = isinstance(architecture, WeightBank)
    heater = chip.heater
    return ProcessorCapabilities(
        architecture=architecture,
        heaters=architecture.shifters,
        interferometers=architecture.interferometers,
        micro_rings=architecture.shifters if rings else 0,
        wavelength_channels=architecture.ports if rings else 1,
        detection=Detection(receivers.detection),
        heater_bits=heater.bits,
        converter_bits=receivers.bits,
        max_drive_v=heater.max_drive_v,
        nominal_phase_rad_per_v2=pi / (heater.pi_power_w * heater.resistance_ohm),
        vector_rate_hz=receivers.vector_rate_hz,
        thermal_control=True,
        rails=len(plant.config.rails),
        taps=_taps(chip),
    )
