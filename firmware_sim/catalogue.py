"""Which drivers have a simulated instrument, by driver name."""

import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from firmware_sim.instrument import SimulatedInstrument
from lumina.errors import UsageError

if TYPE_CHECKING:
    from firmware_sim.instruments.lumina_npu import LuminaNpu

__all__ = ["SIMULATORS", "simulator"]


class Simulator(NamedTuple):
    """Where a simulated instrument's class is; its module is imported when it is built."""

    module: str
    class_name: str


SIMULATORS: dict[str, Simulator] = {
    name: Simulator(f"firmware_sim.instruments.{name}", class_name)
    for name, class_name in {
        "ebmpapst_ec_fan": "EbmpapstEcFan",
        "keithley_2450": "Keithley2450",
        "keysight_e36312a": "KeysightE36312a",
        "keysight_n7744a": "KeysightN7744a",
        "labjack_t7": "LabjackT7",
        "lumina_npu": "LuminaNpu",
        "meerstetter_tec109x": "MeerstetterTec109x",
        "qontrol_q8iv": "QontrolQ8iv",
        "rohde_hmp4040": "RohdeHmp4040",
        "santec_tsl570": "SantecTsl570",
        "thermostat_8451": "Thermostat8451",
        "thorlabs_pm100d": "ThorlabsPm100d",
    }.items()
}
"""Driver name -> its simulated instrument, built with (name, options, plant)."""


def simulator(driver: str) -> Callable[..., "SimulatedInstrument | LuminaNpu"]:
    """The simulated instrument of a driver.

    Raises:
        UsageError: there is none.
    """
    if driver not in SIMULATORS:
        known = ", ".join(sorted(SIMULATORS))
        raise UsageError(f"driver {driver} has no simulated firmware (known: {known})")
    entry = SIMULATORS[driver]
    built: Any = getattr(importlib.import_module(entry.module), entry.class_name)
    return built  # type: ignore[no-any-return]
