"""A data acquisition unit with photodiodes on the twin."""

from drivers.interfaces import FloatArray
from drivers.options import LabjackT7Options
from drivers.photodiodes import PhotodiodeMeter
from drivers.registry import Mounting
from drivers.twin.base import TwinInstrument
from twin.instruments import PhotodiodeAmplifiers

__all__ = ["TwinPhotodiodeArray"]


class TwinPhotodiodeArray(PhotodiodeMeter, TwinInstrument):
    """A LabJack T7 with amplified photodiodes on its inputs."""

    manufacturer = "LabJack"
    model = "T7"

    def __init__(self, mounting: Mounting) -> None:
        TwinInstrument.__init__(self, mounting)
        options: LabjackT7Options = mounting.options
        self.wire_up(options)
        self._amplifiers = PhotodiodeAmplifiers(
            self._plant,
            self.name,
            options.port,
            options.channels,
            options.responsivity_a_per_w,
            options.transimpedance_v_per_a,
        )

    async def voltages_v(self, averaged: int) -> FloatArray:
        await self._exchange()
        return self._amplifiers.voltages_v(averaged)
