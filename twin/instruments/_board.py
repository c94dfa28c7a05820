"""What laser and bench supply give the board, and a board that nobody commands."""

from lumina.frames import HEATERS_ENABLED, TEC_ENABLED
from twin.plant import Plant
from twin.rails import BROWN_OUT_SHARE

__all__ = ["board_current_a", "emitted_w", "feed_board", "stand_by", "supply_voltage_v"]

CONVERTER_EFFICIENCY = 0.9

OWN_MAINS = ("tec", "heaters")
"""Rails that the board feeds from a mains adaptor; the supply's channel enables them."""


def feed_board(plant: Plant, voltage_v: float, nominal_v: float) -> None:
    """Let the supply's channel feed the board; 0 V where it is off."""
    plant.inputs["supply_on"] = float(voltage_v >= BROWN_OUT_SHARE * nominal_v)


def emitted_w(plant: Plant, power_w: float) -> float:
    """Light of a laser that is set to `power_w`."""
    return power_w * (1.0 - float(plant.inputs["laser_dip"][0]))


def supply_voltage_v(plant: Plant, voltage_v: float) -> float:
    """Voltage of the supply's channel that is set to `voltage_v`."""
    return voltage_v * (1.0 - float(plant.inputs["supply_sag"][0]))


def board_current_a(plant: Plant, voltage_v: float) -> float:
    """Current that the board draws from the supply's channel; nothing once its rails are down."""
    voltage_v = supply_voltage_v(plant, voltage_v)
    if plant.inputs["supply_on"][0] != 1.0 or voltage_v <= 0.0:
        return 0.0
    head = plant.sensor.head[0]
    power_w = sum(
        float(head["rail_voltage_v"][index] * head["rail_current_a"][index])
        for index, rail in enumerate(plant.config.rails)
        if rail.powers not in OWN_MAINS
    )
    return power_w / (CONVERTER_EFFICIENCY * voltage_v)


def stand_by(plant: Plant) -> None:
    """Have the board pass light and feed its parts while no loop commands it.

    Stand-alone instruments then see each other through the chip; the first actuator frame
    replaces it.
    """
    head = plant.actuator.head
    head["flags"] = HEATERS_ENABLED | TEC_ENABLED
    head["laser_scale"] = 1.0
    head["compute_scale"] = 1.0
    for index, rail in enumerate(plant.config.rails):
        head["rail_set_v"][0, index] = rail.voltage_v
