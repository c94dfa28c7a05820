"""PyMeasure and QCoDeS on the simulated instruments, over VISA, from another process."""

import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from tests.served_firmware import START_TIMEOUT_S, Firmware

pytest.importorskip("pymeasure", reason="`make test` installs it")
pytest.importorskip("qcodes", reason="`make test` installs it")

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.timeout(START_TIMEOUT_S + 60.0),
    pytest.mark.filterwarnings("ignore"),  # how other people's packages are written
]

VISA = {"visa_library": "@py", "timeout": 5000}
LINES = {"read_termination": "\n", "write_termination": "\n"}
CARRIAGE_RETURNS = {"read_termination": "\r", "write_termination": "\r"}


@pytest.fixture
def open_client() -> Iterator[Any]:
    """Builds PyMeasure instruments and hangs up afterwards: one client at a time."""
    built: list[Any] = []

    def build(kind: Any, resource: str, **settings: Any) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            built.append(kind(resource, **VISA, **settings))
        return built[-1]

    yield build
    for client in built:
        client.adapter.close()


def spare_laser(open_client: Any, firmware: Firmware) -> Any:
    """The spare chip's laser."""
    from pymeasure.instruments.santec import TSL570

    return open_client(TSL570, firmware.resource("spare_laser"), **CARRIAGE_RETURNS)


def test_pymeasure_feeds_the_board_with_an_e36312a(firmware: Firmware, open_client: Any) -> None:
    from pymeasure.instruments.keysight import KeysightE36312A

    supply = open_client(KeysightE36312A, firmware.resource("supply"), **LINES)
    assert "E36312A" in supply.id
    supply.ch_1.voltage_setpoint = 5.0
    supply.ch_1.current_limit = 4.0
    supply.ch_1.output_enabled = True
    supply.ch_2.voltage_setpoint = 12.5
    assert supply.ch_1.voltage == pytest.approx(5.0)
    assert supply.ch_2.voltage_setpoint == pytest.approx(12.5)
    assert supply.ch_2.voltage == 0.0, "its output is off"
    supply.ch_1.output_enabled = False
    assert not supply.ch_1.output_enabled
    assert supply.check_errors() == []


def test_pymeasure_tunes_a_tsl570(firmware: Firmware, open_client: Any) -> None:
    laser = spare_laser(open_client, firmware)
    laser.command_set = "SCPI"
    laser.wavelength_setpoint = 1.5512e-6
    assert laser.wavelength_setpoint == pytest.approx(1.5512e-6, abs=1e-13)
    assert laser.frequency_setpoint == pytest.approx(299_792_458 / 1.5512e-6, rel=1e-6)
    assert (laser.wavelength_min, laser.wavelength_max) == pytest.approx((1.48e-6, 1.64e-6))
    laser.power_unit = "dBm"
    laser.power_setpoint = 10.0
    laser.output_enabled = True
    assert laser.power == pytest.approx(10.0, abs=0.1)
    laser.command_set = "Legacy"
    assert laser.wavelength_setpoint == pytest.approx(1551.2)
    laser.command_set = "SCPI"
    assert laser.check_errors() == []


@pytest.mark.parametrize("interface", ["socket", "hislip"])
def test_pymeasure_sees_the_laser_with_a_pm100d(
    firmware: Firmware, open_client: Any, interface: str
) -> None:
    from pymeasure.instruments.thorlabs import ThorlabsPM100USB

    meter = firmware.instruments["spare_meter"]
    resource = meter["resource"] if interface == "socket" else meter["also"][0]
    laser = spare_laser(open_client, firmware)
    laser.command_set, laser.power_unit = "SCPI", "mW"
    laser.output_enabled = True
    assert laser.check_errors() == []
    client = open_client(ThorlabsPM100USB, resource, **(LINES if interface == "socket" else {}))
    client.wavelength = 1550
    assert client.wavelength == pytest.approx(1550.0)
    assert client.sensor_name == "S154C"
    laser.power_setpoint = 10.0
    bright_w = client.power
    laser.power_setpoint = 5.0
    assert bright_w > 1e-8
    assert client.power == pytest.approx(bright_w / 2, rel=0.02)


def test_pymeasure_drives_a_heater_with_a_2450(firmware: Firmware, open_client: Any) -> None:
    from pymeasure.instruments.keithley import Keithley2450

    smu = open_client(Keithley2450, firmware.resource("spare_smu"), **LINES)
    smu.reset()
    smu.apply_voltage(compliance_current=0.05)
    smu.measure_current()
    smu.source_voltage = 3.0
    smu.enable_source()
    current_a = smu.current
    assert 1e-3 < current_a < 0.01
    smu.measure_resistance()
    assert smu.resistance == pytest.approx(3.0 / current_a, rel=1e-3)
    smu.compliance_current = 1e-3
    smu.measure_current()
    assert smu.current == pytest.approx(1e-3, rel=1e-3), "held by its compliance"
    smu.shutdown()
    assert smu.check_errors() == []


def test_qcodes_sweeps_a_heater_with_a_2450(firmware: Firmware) -> None:
    from qcodes.instrument_drivers.Keithley import Keithley2450

    smu = Keithley2450("smu", firmware.resource("spare_smu"), visalib="@py", timeout=10)
    try:
        assert smu.get_idn()["model"] == "2450"
        smu.reset()
        smu.source_function("voltage")
        smu.sense_function("current")
        smu.source.limit(0.05)
        smu.source.sweep_setup(0.0, 5.0, 11)
        smu.sense.sweep.setpoints = (smu.source.sweep_axis,)
        with smu.output_enabled.set_to(True):
            current_a = smu.sense.sweep()
        assert len(current_a) == 11
        assert current_a[0] == pytest.approx(0.0, abs=1e-9)
        ohms = smu.source.get_sweep_axis()[1:] / current_a[1:]
        assert (ohms[1:] > ohms[:-1]).all(), "the heater warms itself"
        assert smu.ask("SYST:ERR?").startswith("0,")
    finally:
        smu.close()
