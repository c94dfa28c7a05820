"""The twin's board: what it says it is, its frames, and products in the light."""

import asyncio
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import pytest_asyncio

from drivers.interfaces import Detection
from drivers.options import ProcessorOptions
from drivers.registry import Mounting
from drivers.twin import PlantLink, TwinProcessor
from lumina.errors import DeviceStateError, MatrixError
from lumina.frames import HEATERS_ENABLED, SAFE_STATE
from twin.config import PlantConfig
from twin.plant import Plant

pytestmark = pytest.mark.virtual_time


@pytest_asyncio.fixture
async def board(mount: Callable[..., TwinProcessor]) -> TwinProcessor:
    board = mount("lumina_npu")
    await board.connect()
    return board


def lit(plant: Plant) -> None:
    """Light on, heaters as they were left, one tick on."""
    plant.inputs["laser_on"] = 1.0
    plant.actuator.head["laser_scale"] = 1.0
    plant.step()


async def test_the_board_is_known_by_its_size_and_its_chip(
    mount: Callable[..., TwinProcessor], plant: Plant
) -> None:
    identity = await mount("lumina_npu").connect()
    assert (identity.manufacturer, identity.model) == ("Lumina", "NPU-4")
    other = Plant(plant.config, seed=7, chip_seed=4)
    another = await TwinProcessor(Mounting("b", ProcessorOptions(), other)).connect()
    assert identity.serial != another.serial


async def test_capabilities_come_from_the_board_not_from_the_chips_secrets(
    board: TwinProcessor,
) -> None:
    can = board.capabilities
    assert (can.architecture.ports, can.heaters, can.interferometers) == (4, 36, 16)
    assert (can.detection, can.heater_bits, can.rails) == (Detection.COHERENT, 16, 0)
    assert can.nominal_phase_rad_per_v2 == pytest.approx(np.pi / (0.025 * 800))


async def test_nothing_is_known_before_connecting(mount: Callable[..., TwinProcessor]) -> None:
    board = mount("lumina_npu")
    with pytest.raises(DeviceStateError, match=r"it: connect it first \(state: not connected\)"):
        _ = board.capabilities
    with pytest.raises(DeviceStateError):
        await board.multiply(np.eye(4, dtype=complex))


async def test_a_closed_board_answers_no_more(board: TwinProcessor) -> None:
    await board.close()
    await board.close()
    with pytest.raises(DeviceStateError):
        board.frame_link()


async def test_the_loop_gets_the_plant_itself(board: TwinProcessor, plant: Plant) -> None:
    link = board.frame_link()
    assert isinstance(link, PlantLink)
    assert link.plant is plant
    assert (link.heaters, link.outputs) == (36, 4)


async def test_products_are_those_of_the_chip_as_it_stands(
    board: TwinProcessor, plant: Plant
) -> None:
    lit(plant)
    light = await board.multiply(np.eye(4, dtype=complex))
    assert light.steady
    measured = light.amplitudes
    truth = plant.transfer_matrix()
    scale = np.vdot(truth, measured) / np.vdot(truth, truth)
    assert np.abs(measured - scale * truth).max() < 0.02 * np.abs(measured).max()


async def test_light_in_the_safe_state_says_so(board: TwinProcessor, plant: Plant) -> None:
    lit(plant)
    await board.make_safe()
    plant.step()
    assert not (await board.multiply(np.eye(4, dtype=complex))).steady


async def test_a_product_takes_its_time_on_the_bench(board: TwinProcessor) -> None:
    loop = asyncio.get_running_loop()
    start_s = loop.time()
    await board.multiply(np.zeros((4, 1000), complex))
    rate_hz = board.capabilities.vector_rate_hz
    assert loop.time() - start_s == pytest.approx(0.001 + 1000 / rate_hz, abs=1e-9)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        (np.ones(4), r"fields have shape \(4,\); it takes \(4, batch\)"),
        (np.ones((5, 2)), r"fields have shape \(5, 2\)"),
        (np.ones((4, 0)), "a batch of 1 or more"),
        (np.full((4, 1), np.nan), "fields are not finite"),
        (np.full((4, 1), 1j * np.inf), "fields are not finite"),
        (np.full((4, 1), 1.01), "modulus 1.01 is beyond full scale, 1"),
        (np.full((4, 1), "x"), "fields are numbers, not <U1"),
        (np.full((4, 1), None), "fields are numbers, not object"),
    ],
)
async def test_a_batch_that_cannot_be_sent_is_refused(
    board: TwinProcessor, plant: Plant, fields: Any, said: str
) -> None:
    with pytest.raises(MatrixError, match=said):
        await board.multiply(fields)
    assert plant.arrays.state["operations"][0] == 0


async def test_direct_detection_takes_no_complex_fields() -> None:
    config = PlantConfig.model_validate(
        {"chip": {"ports": 4}, "receivers": {"detection": "direct"}}
    )
    plant = Plant(config, seed=0, chip_seed=0)
    board = TwinProcessor(Mounting("npu", ProcessorOptions(), plant))
    await board.connect()
    with pytest.raises(MatrixError, match="complex fields need coherent detection"):
        await board.multiply(np.eye(4, dtype=complex))
    lit(plant)
    bright: Any = np.eye(4)
    powers = (await board.multiply(bright)).amplitudes
    assert np.abs(powers.imag).max() == 0.0


async def test_made_safe_everything_is_off(board: TwinProcessor, plant: Plant) -> None:
    lit(plant)
    plant.actuator.head["flags"] = HEATERS_ENABLED
    plant.actuator.head["rail_set_v"] = 3.3
    plant.actuator.heater_code[:] = 30000
    plant.step()
    await board.make_safe()
    await board.make_safe()
    plant.step()
    assert plant.actuator.head["flags"][0] == SAFE_STATE
    assert not plant.actuator.head["rail_set_v"].any()
    assert plant.arrays.heaters.power_w.sum() == 0.0
    assert plant.output_power_w().sum() == 0.0
