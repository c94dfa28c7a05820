"""A simulated LabJack T7 with photodiode amplifiers on its analog inputs: Modbus TCP."""

from zlib import crc32

from drivers.options import DriverOptions, LabjackT7Options
from drivers.protocols.modbus import Framing
from drivers.protocols.modbus_maps import LABJACK_T7
from firmware_sim.instrument import Wiring
from firmware_sim.modbus import ModbusDevice
from twin.instruments import PhotodiodeAmplifiers
from twin.plant import Plant

__all__ = ["LabjackT7"]


class LabjackT7(ModbusDevice):
    """The taps of the ports from `options.port` on, one on each input from AIN0 on."""

    wiring = Wiring(serial=False, port=502)
    framing = Framing.TCP
    registers = LABJACK_T7

    def __init__(self, name: str, options: DriverOptions, plant: Plant) -> None:
        """Wire the amplifiers of the taps to the inputs; the other inputs are grounded.

        Args:
            name: the instrument's name, from which serial number and noise follow.
            options: its driver's options: which taps, and what the amplifiers give.
            plant: whose light it sees.
        """
        assert isinstance(options, LabjackT7Options)
        self._amplifiers = PhotodiodeAmplifiers(
            plant,
            name,
            options.port,
            options.channels,
            options.responsivity_a_per_w,
            options.transimpedance_v_per_a,
        )
        self._serial = 470000000 + crc32(name.encode()) % 10000000
        super().__init__()

    def power_cycle(self) -> None:
        super().power_cycle()
        self.put("serial", self._serial)

    def before_read(self) -> None:
        for channel, voltage_v in enumerate(self._amplifiers.voltages_v()):
            self.put(f"ain{channel}", float(voltage_v))
