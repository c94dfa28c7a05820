"""The simulated Modbus devices, byte by byte and without a wire."""

from collections.abc import Sequence

import pytest

from drivers.options import EbmpapstEcFanOptions, LabjackT7Options
from drivers.protocols.modbus import FrameSplitter, Link, RefusedError
from drivers.protocols.modbus_maps import EC_FAN, LABJACK_T7, RegisterMap, Value
from firmware_sim.instruments.ebmpapst_ec_fan import EbmpapstEcFan
from firmware_sim.instruments.labjack_t7 import LabjackT7
from firmware_sim.modbus import ModbusDevice
from twin.config import PlantConfig
from twin.plant import Plant


class Host:
    """Speaks to a device as a client does."""

    def __init__(self, device: ModbusDevice, unit: int, registers: RegisterMap) -> None:
        self.device, self.registers = device, registers
        self.link = Link(device.framing, unit)
        self._splitter = FrameSplitter(device.framing)

    def exchange(self, request: bytes) -> list[int]:
        sent = b"".join(reply.data for reply in self.device.receive(request))
        (reply,) = self._splitter.feed(sent)
        return self.link.answer(request, reply)

    def read(self, name: str) -> Value:
        register = self.registers[name]
        words = self.exchange(self.link.read(register.space, register.address, register.size))
        return register.value(words)

    def write(self, name: str, value: Value) -> None:
        register = self.registers[name]
        self.exchange(self.link.write(register.address, register.words(value)))

    def write_words(self, name: str, words: Sequence[int]) -> None:
        self.exchange(self.link.write(self.registers[name].address, words))


@pytest.fixture
def plant() -> Plant:
    config = PlantConfig.model_validate({"chip": {"ports": 4, "kind": "svd"}})
    return Plant(config, seed=7, chip_seed=3)


def fan_host(plant: Plant, **options: object) -> Host:
    settings = EbmpapstEcFanOptions.model_validate(options)
    host = Host(EbmpapstEcFan("fan", settings, plant), settings.unit, EC_FAN)
    host.write("source", 1)
    host.write("mode", 0)
    return host


@pytest.fixture
def fan(plant: Plant) -> Host:
    return fan_host(plant)


@pytest.fixture
def t7(plant: Plant) -> Host:
    device = LabjackT7("daq", LabjackT7Options(port=1, channels=3), plant)
    return Host(device, 1, LABJACK_T7)


def shine(plant: Plant) -> None:
    plant.inputs["laser_on"] = 1.0
    plant.actuator.head["laser_scale"] = 1.0
    plant.step(5)


def test_the_fan_turns_at_the_speed_that_is_set(fan: Host, plant: Plant) -> None:
    fan.write("set_value", 32000)
    plant.step(5000)
    assert plant.arrays.state["fan_rpm"][0] == pytest.approx(2000.0, abs=1.0)
    assert fan.read("speed") == pytest.approx(32000, abs=20)
    assert fan.read("set_in_force") == 32000
    assert fan.read("motor_status") == 0


def test_a_silent_host_brings_the_fan_to_its_fail_safe_speed(fan: Host, plant: Plant) -> None:
    fan.write_words("fail_safe_source", [1, 64000, 30])
    fan.write("set_value", 16000)
    plant.step(2900)
    fan.device.idle()
    assert plant.inputs["instrument_fan_rpm"][0] == 1000.0
    plant.step(200)
    fan.device.idle()
    assert plant.inputs["instrument_fan_rpm"][0] == 4000.0
    assert fan.read("set_in_force") == 64000
    fan.device.idle()
    assert plant.inputs["instrument_fan_rpm"][0] == 1000.0  # the host has spoken again


def test_without_a_fail_safe_the_fan_stays_as_it_is(fan: Host, plant: Plant) -> None:
    fan.write("set_value", 16000)
    plant.step(60_000)
    fan.device.idle()
    assert plant.inputs["instrument_fan_rpm"][0] == 1000.0


def test_a_blocked_fan_says_so(fan: Host, plant: Plant) -> None:
    fan.write("set_value", 16000)
    plant.inputs["fan_stall"] = 1.0
    plant.step(10)
    assert fan.read("motor_status") == 0x90
    assert fan.read("speed") == 0


def test_open_loop_takes_65536ths_of_full_modulation(fan: Host, plant: Plant) -> None:
    fan.write("mode", 2)
    fan.write("set_value", 65535)
    assert plant.inputs["instrument_fan_rpm"][0] == 4000.0


def test_a_fan_that_may_not_stop_keeps_turning(fan: Host, plant: Plant) -> None:
    fan.write("motor_stop", 0)
    fan.write("set_value", 0)
    assert plant.inputs["instrument_fan_rpm"][0] == 200.0


@pytest.mark.parametrize(
    ("name", "words", "code"),
    [
        ("set_value", [0, 0], 2),  # runs into the password
        ("address", [248], 3),
        ("type", [1], 2),  # only a part of the text
        ("serial", [1, 2], 2),  # read only
        ("fail_safe_value", [1, 2, 3], 2),  # beyond the last of the three
    ],
)
def test_the_fan_refuses_and_changes_nothing(
    fan: Host, name: str, words: list[int], code: int
) -> None:
    before = fan.read(name)
    with pytest.raises(RefusedError) as refusal:
        fan.write_words(name, words)
    assert refusal.value.code == code
    assert fan.read(name) == before


def test_a_read_beyond_the_registers_or_too_long_is_refused(fan: Host) -> None:
    space = EC_FAN["speed"].space
    assert fan.exchange(fan.link.read(space, 0xD0F0, 2)) == [0, 0]
    for address, count, code in ((0xD100, 1, 2), (0xD000, 10, 3)):
        with pytest.raises(RefusedError) as refusal:
            fan.exchange(fan.link.read(space, address, count))
        assert refusal.value.code == code


def test_a_function_that_the_fan_lacks_is_refused(fan: Host) -> None:
    coils = bytes.fromhex("01 01 00 00 00 01 fd ca")
    assert fan.device.receive(coils)[0].data[:3] == bytes.fromhex("01 81 01")


def test_other_units_broken_frames_and_broadcasts_are_not_answered(fan: Host, plant: Plant) -> None:
    good = fan.link.write(0xD001, [64000])
    assert fan.device.receive(Link(fan.device.framing, 9).write(0xD001, [1])) == []
    assert fan.device.receive(good[:-1] + b"\0") == []
    assert plant.inputs["instrument_fan_rpm"][0] == 0.0
    assert fan.device.receive(Link(fan.device.framing, 0).write(0xD001, [64000])) == []
    assert plant.inputs["instrument_fan_rpm"][0] == 4000.0


def test_a_fan_with_a_password_asks_for_it(plant: Plant) -> None:
    settings = EbmpapstEcFanOptions(password="secret")
    fan = Host(EbmpapstEcFan("fan", settings, plant), 1, EC_FAN)
    with pytest.raises(RefusedError, match="no authorisation"):
        fan.write("fail_safe_source", 1)
    fan.write("password", "secret")
    fan.write("fail_safe_source", 1)
    assert fan.read("password") == ""  # nobody can read it out


def test_a_power_cycle_keeps_parameters_and_loses_the_set_value(fan: Host, plant: Plant) -> None:
    fan.write("fail_safe_lag", 30)
    fan.write("set_value", 64000)
    fan.device.power_cycle()
    assert plant.inputs["instrument_fan_rpm"][0] == 0.0
    assert fan.read("fail_safe_lag") == 30
    assert fan.read("set_value") == 0


def test_half_a_request_is_forgotten_with_its_client(fan: Host) -> None:
    request = fan.link.read(EC_FAN["speed"].space, 0xD010, 1)
    assert fan.device.receive(request[:4]) == []
    fan.device.disconnected()
    assert fan.device.receive(request[4:]) == []
    assert fan.read("speed") == 0


def test_the_t7_sees_the_light_of_its_ports(t7: Host, plant: Plant) -> None:
    shine(plant)
    power_w = plant.output_power_w() * plant.config.receivers.monitor_share
    assert power_w[1] > 1e-7
    for channel, port in enumerate((1, 2, 3)):
        assert t7.read(f"ain{channel}") == pytest.approx(power_w[port] * 1e4, abs=7e-4)
    assert t7.read("ain3") == pytest.approx(0.0, abs=7e-4)


def test_a_bright_input_saturates(plant: Plant) -> None:
    options = LabjackT7Options(channels=4, transimpedance_v_per_a=1e12)
    t7 = Host(LabjackT7("daq", options, plant), 1, LABJACK_T7)
    shine(plant)
    assert t7.read("ain0") == pytest.approx(10.6)


def test_the_t7_says_who_it_is_and_answers_to_any_unit(plant: Plant) -> None:
    device = LabjackT7("daq", LabjackT7Options(), plant)
    for unit in (0, 1, 255):
        t7 = Host(device, unit, LABJACK_T7)
        assert t7.read("product") == 7.0
        assert t7.read("test") == 0x00112233
    assert 470000000 <= float(t7.read("serial")) < 480000000


def test_the_t7s_outputs_are_set_whole_or_not_at_all(t7: Host) -> None:
    t7.write("dac0", 2.5)
    assert t7.read("dac0") == 2.5
    with pytest.raises(RefusedError, match="illegal address"):
        t7.write_words("dac1", [0x4000])
    with pytest.raises(RefusedError, match="illegal address"):
        t7.write("ain0", 1.0)
    t7.device.power_cycle()
    assert t7.read("dac0") == 0.0
