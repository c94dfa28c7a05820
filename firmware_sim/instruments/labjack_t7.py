"""A simulated LabJack T7 with photodiode amplifiers on its analog inputs: Modbus TCP."""

from zlib import crc32

import numpy as np

from drivers.options import DriverOptions, LabjackT7Options
from drivers.protocols.modbus import Framing
from drivers.protocols.modbus_maps import LABJACK_T7, T7_INPUTS
from firmware_sim.instrument import Wiring
from firmware_sim.modbus import ModbusDevice
from twin.plant import Plant

__all__ = ["LabjackT7"]

RAIL_V = 10.6
"""Where the inputs' amplifiers saturate."""
NOISE_V = 2e-5
"""Rms of one conversion in the widest range, at the default resolution."""


class LabjackT7(ModbusDevice):
    """The monitor taps of the ports from `options.port` on, one on each input from AIN0 on."""

    wiring = Wiring(serial=False, port=502)
    framing = Framing.TCP
    registers = LABJACK_T7

    def __init__(self, name: str, options: DriverOptions, plant: Plant) -> None:
        """Wire the amplifiers of the taps to the inputs.

        Args:
            name: the instrument's name, from which serial number and noise follow.
            options: its driver's options: which taps, and what the amplifiers give.
            plant: whose light it sees.
        """
        assert isinstance(options, LabjackT7Options)
        self._options = options
        self._plant = plant
        self._noise = np.random.default_rng(
            [int(plant.arrays.state["seed"][0]), crc32(name.encode())]
        )
        self._serial = 470000000 + crc32(name.encode()) % 10000000
        super().__init__()

    def power_cycle(self) -> None:
        super().power_cycle()
        self.put("serial", self._serial)

    def before_read(self) -> None:
        for channel, voltage_v in enumerate(self._voltages_v()):
            self.put(f"ain{channel}", float(np.clip(voltage_v, -RAIL_V, RAIL_V)))

    def _voltages_v(self) -> list[float]:
        """What the inputs convert; those without an amplifier read their noise."""
        options = self._options
        power_w = self._plant.output_power_w() * self._plant.config.receivers.monitor_share
        voltages_v = NOISE_V * self._noise.standard_normal(T7_INPUTS)
        wavelength_m = float(self._plant.inputs["laser_wavelength_m"][0])
        lit = power_w[options.port : options.port + options.channels]
        voltages_v[: lit.size] += lit * options.volt_per_watt(wavelength_m)
        return [float(voltage_v) for voltage_v in voltages_v]
