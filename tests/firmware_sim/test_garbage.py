"""Simulated instruments of text and binary protocols live through any bytes."""

import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drivers.registry import registry
from firmware_sim.catalogue import simulator
from firmware_sim.instrument import SimulatedInstrument
from twin.config import PlantConfig
from twin.plant import Plant

ALIKE = {
    "meerstetter_tec109x": rb"#02[0-9A-F]{4}(VS|\?VR|\?IF|RS)[0-9A-F]{0,16}\r",
    "qontrol_q8iv": (
        rb"([VI](MAX|VEC|ALL)?[0-9]{0,4}[=?][-0-9.,E]{0,9}\n|[\x80-\xff][\x00-\x50].{9})"
    ),
    "thermostat_8451": rb"(pid|output|fan|b-p|load) [0-3 ]{0,2}[a-z_]{0,9} ?[-0-9.e]{0,9}\n",
}


def simulated(driver: str) -> tuple[SimulatedInstrument, Plant]:
    plant = Plant(PlantConfig.model_validate({"chip": {"ports": 4}}), seed=1, chip_seed=1)
    built = simulator(driver)("it", registry().entry(driver).options(), plant)
    assert isinstance(built, SimulatedInstrument)
    return built, plant


@pytest.mark.parametrize("driver", ALIKE)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_any_bytes_are_answered_or_dropped_and_the_plant_stays_sane(
    driver: str, data: st.DataObject
) -> None:
    instrument, plant = simulated(driver)
    pieces = st.lists(st.binary(max_size=60) | st.from_regex(ALIKE[driver]), max_size=6)
    for piece in data.draw(pieces):
        for reply in instrument.receive(piece):
            assert reply.data
            assert reply.delay_s >= 0.0
        instrument.idle()
    plant.step(2)
    assert all(map(math.isfinite, plant.temperatures_c().values()))
    assert (plant.heater_v >= 0.0).all()
    assert (plant.heater_v <= 12.0).all()
