"""The makers' own client, qontrol 1.1.20, on a simulated chain of Q8iv modules."""

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from drivers.options import PhaseShifterBankOptions
from firmware_sim.instruments.qontrol_q8iv import QontrolQ8iv
from firmware_sim.servers import PtyEndpoint, Server
from twin.config import PlantConfig
from twin.instruments import stand_by
from twin.plant import Plant

qontrol = pytest.importorskip("qontrol", reason="`make test` installs it")

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.timeout(60),
    pytest.mark.filterwarnings("ignore"),  # how other people's packages are written
]

CHANNELS = 16


@pytest.fixture
def plant() -> Plant:
    config = PlantConfig.model_validate({"chip": {"ports": 4, "kind": "unitary"}})
    plant = Plant(config, seed=7, chip_seed=3)
    stand_by(plant)
    plant.inputs["laser_on"] = 1.0
    plant.step(2)
    return plant


@pytest.fixture(params=[False, True], ids=["text", "binary"])
def client(plant: Plant, request: pytest.FixtureRequest) -> Iterator[Any]:
    chain = QontrolQ8iv("heaters", PhaseShifterBankOptions(channels=CHANNELS), plant)
    server = Server("heaters", chain, [PtyEndpoint("heaters")], baud=115200)
    server.start()
    with contextlib.ExitStack() as life:
        life.callback(server.stop)
        resource = server.endpoints[0].resource
        client = qontrol.QXOutput(
            serial_port_name=resource, response_timeout=0.3, binary_mode=request.param
        )
        life.callback(client.close)
        yield client


def test_it_finds_the_chain(client: Any) -> None:
    assert client.device_id.startswith("Q8iv-")
    assert [module["device_type"] for module in client.chain] == ["Q8iv", "Q8iv"]
    assert [module["index"] for module in client.chain] == [0, 1]
    assert (client.n_chs, client.v_full, client.i_full) == (CHANNELS, 12.0, 24.0)
    assert client.firmware.strip() == "v2.4.1"


def test_it_sets_and_measures_one_channel_and_the_light_moves(client: Any, plant: Plant) -> None:
    before_w = plant.output_power_w()
    client.v[1] = 4.0
    plant.step(2)
    assert plant.heater_v[1] == pytest.approx(4.0, abs=1e-3)
    assert client.v[1] == pytest.approx(4.0, abs=1e-3)
    assert client.i[1] == pytest.approx(1e3 * plant.heater_current_a()[1], abs=1e-3)
    assert np.abs(plant.output_power_w() - before_w).max() > 0.01 * before_w.max()


def test_it_sets_all_channels_by_vectors_and_reads_them_back(client: Any, plant: Plant) -> None:
    wanted_v = np.linspace(0.0, 9.0, CHANNELS)
    client.set_all_values("V", wanted_v.tolist())
    np.testing.assert_allclose(plant.heater_v, wanted_v, atol=1e-3)
    np.testing.assert_allclose(client.get_all_values("V"), wanted_v, atol=1e-3)


def test_it_is_told_what_a_module_refuses(client: Any) -> None:
    client.vmax[0] = 5.0
    assert client.vmax[0] == pytest.approx(5.0, abs=1e-3)
    client.issue_command("V", ch=0, operator="=", value=8.0)
    assert any(entry["type"] == "err" and entry["raw"] == "E01:00" for entry in client.log)
    assert client.v[0] == 0.0
