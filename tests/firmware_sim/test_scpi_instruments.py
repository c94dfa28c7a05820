"""The simulated SCPI instruments and the plant: told without wires, time passes by steps."""

import re
import struct
from collections.abc import Callable
from math import isfinite, log10
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drivers.config import InstrumentConfig
from drivers.registry import registry
from firmware_sim.catalogue import simulator
from twin.config import PlantConfig
from twin.instruments import stand_by
from twin.plant import Plant
from twin.records import INSTRUMENT

RAILS = (
    {"name": "detectors_5v", "voltage_v": 5.0, "powers": "detectors", "idle_w": 1.0},
    {"name": "laser_3v3", "voltage_v": 3.3, "powers": "laser", "idle_w": 0.6},
)


@pytest.fixture
def plant() -> Plant:
    plant = Plant(
        PlantConfig.model_validate({"rails": RAILS}),
        seed=1,
        chip_seed=2,
    )
    stand_by(plant)
    plant.step(50)
    return plant


Ask = Callable[[str], str]


@pytest.fixture
def build(plant: Plant) -> Callable[..., Ask]:
    def build(driver: str, **options: Any) -> Ask:
        config = InstrumentConfig.model_validate({"driver": driver, "options": options})
        instrument: Any = simulator(driver)("it", config.options, plant)

        def ask(message: str) -> str:
            instrument.idle()
            replies = instrument.receive(message.encode() + b"\n")
            text: str = b"".join(reply.data for reply in replies).decode("latin-1").strip()
            return text

        assert ask("*CLS;SYST:ERR?")[:2] in ("+0", "0,")
        return ask

    return build


def no_error(ask: Ask) -> bool:
    return float(ask("SYST:ERR?").split(",")[0]) == 0


SCPI = (
    "keithley_2450",
    "keysight_e36312a",
    "keysight_n7744a",
    "rohde_hmp4040",
    "santec_tsl570",
    "thorlabs_pm100d",
)


@pytest.mark.parametrize("driver", SCPI)
def test_everyone_answers_the_common_commands(driver: str, build: Callable[..., Ask]) -> None:
    ask = build(driver)
    assert len(ask("*IDN?").split(",")) == 4
    assert ask("*OPC?") == "1"
    assert ask("*TST?") == "0"
    ask("*RST;*WAI")
    ask("*ESE 60;*SRE 32")
    assert (ask("*ESE?"), ask("*SRE?")) == ("60", "32")
    assert no_error(ask)


ARGUMENTS = st.sampled_from(
    ["", " 1", " 0", " -1", " 1e9", " MIN", " MAX", " x", " 'a'", " ON", " OFF", " 1,2,3,4",
     " 5 mV",
     " (@1)", " 1,(@0:9)", " LOGG,STAR", " ,", " CH9", " ''", " 1,1,'defbuffer1'"]
)  # fmt: skip


@pytest.mark.parametrize("driver", SCPI)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_no_command_with_any_argument_brings_it_down(driver: str, data: st.DataObject) -> None:
    plant = Plant(
        PlantConfig.model_validate({"rails": RAILS}),
        seed=1,
        chip_seed=2,
    )
    instrument: Any = simulator(driver)("it", registry().entry(driver).options(), plant)
    headers = [re.sub(r"\[.*?\]", "", command.header) for command in instrument.commands]
    for _ in range(8):
        header = data.draw(st.sampled_from(headers)).replace("#", data.draw(st.sampled_from("019")))
        mark = data.draw(st.sampled_from(["", "?"]))
        instrument.receive(f"{header}{mark}{data.draw(ARGUMENTS)}\n".encode())
        plant.step(data.draw(st.integers(0, 3)))
        instrument.idle()
    instrument.receive(b"*CLS\n")
    assert instrument.receive(b"*OPC?\n")[0].data.strip() == b"1"
    assert all(isfinite(value) for value in plant.temperatures_c().values())


def test_a_supply_that_is_asked_for_too_much_gives_way_or_trips(
    plant: Plant, build: Callable[..., Ask]
) -> None:
    ask = build("keysight_e36312a")
    ask("APPL CH1, 5, 4;:OUTP ON,(@1)")
    plant.step(100)
    current_a = float(ask("MEAS:CURR? (@1)"))
    assert 0.1 < current_a < 1.0
    ask(f"CURR {current_a / 2},(@1)")
    assert float(ask("MEAS:VOLT? (@1)")) == pytest.approx(2.5, rel=0.1), "constant current"
    ask("CURR 4,(@1)")
    plant.step(100)
    ask(f"CURR:PROT:STAT ON,(@1);:CURR {current_a / 2},(@1)")
    assert ask("CURR:PROT:TRIP? (@1);:OUTP? (@1)") == "1;0"
    assert no_error(ask)
    ask("OUTP ON,(@1)")
    assert ask("SYST:ERR?") == '-221,"Settings conflict"'
    ask("OUTP:PROT:CLE (@1);:CURR 4,(@1);:OUTP ON,(@1)")
    assert ask("OUTP? (@1,2:3)") == "1,0,0"


def test_over_voltage_trips_at_once(build: Callable[..., Ask]) -> None:
    ask = build("keysight_e36312a")
    ask("VOLT:PROT 5.5,(@1);:VOLT 5,(@1);:OUTP ON,(@1);:VOLT 6,(@1)")
    assert ask("VOLT:PROT:TRIP? (@1);:OUTP? (@1);:MEAS:VOLT? (@1)") == "1;0;+0.00000000E+00"


def test_channels_have_their_own_limits_and_there_are_three(build: Callable[..., Ask]) -> None:
    ask = build("keysight_e36312a")
    assert ask("VOLT? MAX,(@1,2)") == "+6.18000000E+00,+2.57500000E+01"
    ask("VOLT 7,(@1)")
    assert ask("SYST:ERR?") == '-222,"Data out of range"'
    ask("VOLT 7,(@4)")
    assert not no_error(ask)
    ask("INST CH2;:VOLT 7")
    assert ask("VOLT?;:INST?;:INST:NSEL?") == "+7.00000000E+00;CH2;2"


def test_an_hmp4040_output_needs_its_own_and_the_master_switch(
    plant: Plant, build: Callable[..., Ask]
) -> None:
    ask = build("rohde_hmp4040", board_channel=2)
    ask("INST OUT2;VOLT 5;CURR 2;OUTP:SEL 1")
    assert ask("INST:NSEL?") == "2"
    assert ask("MEAS:VOLT?") == "0.000"
    ask("OUTP:GEN 1")
    assert ask("MEAS:VOLT?;:APPL?") == "5.000;5.000, 2.0000"
    plant.step(100)
    ask("FUSE ON;:CURR 0.05")
    assert ask("FUSE:TRIP?;:OUTP:SEL?") == "1;0"
    ask("OUTP:SEL 0;:CURR 2;:OUTP:SEL 1")
    assert ask("FUSE:TRIP?;:OUTP:SEL?") == "0;1"


def test_a_laser_speaks_nanometres_or_metres_and_dbm_or_milliwatts(
    plant: Plant, build: Callable[..., Ask]
) -> None:
    ask = build("santec_tsl570")
    ask(":SYST:COMM:COD 0;:WAV 1551.5;:POW:UNIT 0;:POW 10")
    assert plant.inputs["laser_wavelength_m"][0] == pytest.approx(1.5515e-6)
    assert plant.inputs["laser_power_w"][0] == pytest.approx(0.01)
    ask(":SYST:COMM:COD 1;:POW:UNIT 1")
    assert float(ask(":WAV?")) == pytest.approx(1.5515e-6)
    assert float(ask(":POW?")) == pytest.approx(10.0)
    assert ask(":SYST:COMM:COD?;:POW:STAT?") == "+1;+0"
    ask(":POW 100")
    assert ask(":SYST:ERR?") == '-222,"Data out of range"'


def test_a_laser_sweeps_as_time_passes(plant: Plant, build: Callable[..., Ask]) -> None:
    ask = build("santec_tsl570")
    ask(":WAV:SWE:STAR 1.54e-6;STOP 1.56e-6;SPE 20;MOD 1;CYCL 1;:WAV:SWE 1")
    plant.step(500)
    assert ask(":WAV:SWE?") == "+1"
    assert float(ask(":WAV?")) == pytest.approx(1.55e-6, rel=1e-6)
    plant.step(600)
    assert ask(":WAV:SWE?;:WAV:SWE:COUN?") == "+0;+1"
    assert float(ask(":WAV?")) == pytest.approx(1.56e-6)


def lit(plant: Plant, power_w: float) -> None:
    plant.inputs["laser_on"], plant.inputs["laser_power_w"] = 1.0, power_w
    plant.step(1)


def test_a_meter_tells_watts_or_dbm_and_when_it_is_too_bright(
    plant: Plant, build: Callable[..., Ask]
) -> None:
    ask = build("thorlabs_pm100d", port=1)
    lit(plant, 0.01)
    power_w = float(ask("MEAS:POW?"))
    share = plant.config.receivers.monitor_share
    assert power_w == pytest.approx(float(plant.output_power_w()[1]) * share, abs=4e-9)
    ask("SENS:POW:UNIT DBM")
    assert float(ask("FETC?")) == pytest.approx(10 * log10(power_w / 1e-3), abs=0.01)
    ask("SENS:POW:UNIT W;:SENS:POW:RANG:AUTO 0;:SENS:POW:RANG 10nW")
    assert float(ask("MEAS:POW?")) == 9.9e37


def test_a_meter_is_zeroed_in_the_dark_only(plant: Plant, build: Callable[..., Ask]) -> None:
    ask = build("thorlabs_pm100d")
    lit(plant, 0.01)
    ask("SENS:CORR:COLL:ZERO")
    assert ask("SYST:ERR?") == '-221,"Settings conflict"'
    plant.inputs["laser_on"] = 0.0
    plant.step(1)
    ask("SENS:AVER 3000;:SENS:CORR:COLL:ZERO")
    assert no_error(ask)
    assert abs(float(ask("MEAS:POW?"))) < 1e-10


def test_every_input_of_a_multiport_meter_sees_its_own_port(
    plant: Plant, build: Callable[..., Ask]
) -> None:
    ask = build("keysight_n7744a")
    ask("SENS1:POW:UNIT 1;:SENS2:POW:UNIT 1;:SENS2:CHAN1:POW:ATIM 1ms")
    lit(plant, 0.01)
    share = plant.config.receivers.monitor_share
    for port in (0, 1):
        told_w = float(ask(f"READ{port + 1}:CHAN1:POW?"))
        assert told_w == pytest.approx(float(plant.output_power_w()[port]) * share, abs=4e-9)
    ask("READ9:POW?")
    assert ask("SYST:ERR?") == '-114,"Header suffix out of range"'


def test_a_multiport_meter_logs_into_a_block(plant: Plant, build: Callable[..., Ask]) -> None:
    ask = build("keysight_n7744a")
    ask("SENS1:FUNC:PAR:LOGG 20,10ms;:SENS1:FUNC:STAT LOGG,STAR")
    lit(plant, 0.005)
    plant.step(99)
    assert ask("SENS1:FUNC:STAT?") == "LOGGING_STABILITY,PROGRESS"
    lit(plant, 0.01)
    plant.step(200)
    assert ask("SENS1:FUNC:STAT?") == "LOGGING_STABILITY,COMPLETE"
    block = ask("SENS1:FUNC:RES?").encode("latin-1")
    assert block.startswith(b"#280")
    values_w = struct.unpack("<20f", block[4:])
    assert values_w[-1] > 1.5 * values_w[0] > 0


def test_a_source_meter_drives_its_heater_within_its_limit(
    plant: Plant, build: Callable[..., Ask]
) -> None:
    ask = build("keithley_2450")
    ask(':SOUR:FUNC VOLT;:SENS:FUNC "CURR";:SOUR:VOLT:ILIM 0.05;:SOUR:VOLT 4;:OUTP ON')
    plant.step(1)
    assert plant.inputs["heater_source"][0] == INSTRUMENT
    assert plant.arrays.heaters.drive_v[0] == pytest.approx(4.0)
    assert float(ask(":READ?")) == pytest.approx(float(plant.heater_current_a()[0]), rel=1e-3)
    assert ask(":SOUR:VOLT:ILIM:TRIP?") == "0"
    ask(":SOUR:VOLT:ILIM 1mA")
    plant.step(1)
    assert ask(":SOUR:VOLT:ILIM:TRIP?") == "1"
    assert float(plant.heater_current_a()[0]) == pytest.approx(1e-3, rel=1e-3)
    ask(":OUTP OFF")
    plant.step(1)
    assert plant.arrays.heaters.drive_v[0] == 0.0
    assert no_error(ask)


def test_a_source_meter_sources_current_as_well(plant: Plant, build: Callable[..., Ask]) -> None:
    ask = build("keithley_2450")
    ask(":SOUR:FUNC CURR;:SOUR:CURR:VLIM 10;:SOUR:CURR 2e-3;:OUTP ON")
    plant.step(1)
    assert float(plant.heater_current_a()[0]) == pytest.approx(2e-3, rel=1e-3)
    assert float(ask(":MEAS:VOLT?")) == pytest.approx(plant.arrays.heaters.drive_v[0], rel=1e-3)
    assert ask(":SENS:FUNC?") == '"VOLT:DC"'


def test_source_meter_buffers_are_made_filled_read_and_deleted(
    build: Callable[..., Ask],
) -> None:
    ask = build("keithley_2450")
    ask(":TRAC:MAKE 'mine', 100;:SENS:COUN 3;:SOUR:VOLT:ILIM 0.1;:SOUR:VOLT 1;:OUTP 1")
    ask(":TRAC:TRIG 'mine'")
    assert ask(":TRAC:ACT? 'mine'") == "3"
    data = ask(":TRAC:DATA? 1,2,'mine',SOUR,READ").split(",")
    assert [float(data[0]), float(data[2])] == [1.0, 1.0]
    ask(":TRAC:DEL 'mine'")
    assert no_error(ask)
    assert ask(":TRAC:ACT? 'mine'") == ""
    assert not no_error(ask)
