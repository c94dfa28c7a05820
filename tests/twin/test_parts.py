"""Boards of one kind differ in their thermal parts, if the lab says so."""

import numpy as np
import pytest

from twin.config import PlantConfig
from twin.parts import as_built
from twin.plant import Plant


def thermal_parts(config: PlantConfig) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Every value that the chip seed may draw."""
    tec, fan = config.tec, config.fan
    return np.array(
        [
            *(node.capacity_j_per_k for node in config.thermal.nodes.values()),
            *(link.resistance_k_per_w for link in config.thermal.links),
            *(tec.seebeck_v_per_k, tec.resistance_ohm, tec.conductance_w_per_k),
            *(fan.still_air_k_per_w, fan.full_speed_k_per_w, fan.spin_up_s),
            *(sensor.lag_s for sensor in config.sensors.in_frame_order()),
        ]
    )


def test_the_reference_plant_is_the_same_under_every_chip_seed() -> None:
    config = PlantConfig()
    assert as_built(config, 7) == as_built(config, 8)
    assert np.array_equal(thermal_parts(as_built(config, 7)), thermal_parts(config))


@pytest.mark.parametrize("errors", [0.0, 0.5, 1.0])
def test_instruments_have_their_share_of_what_data_sheets_allow(errors: float) -> None:
    sheet = PlantConfig(instruments={"errors": errors})
    made = as_built(sheet, 7)
    whole, own = sheet.instruments.heater_drivers, made.instruments.heater_drivers
    assert own.drive_offset_v == errors * whole.drive_offset_v
    assert made.instruments.pm100d_spread == errors * sheet.instruments.pm100d_spread
    assert as_built(made, 7) == made


def test_a_chip_seed_names_one_board_and_leaves_the_config_alone() -> None:
    config = PlantConfig(spread=0.1)
    before = config.model_dump()
    one, same, other = (thermal_parts(as_built(config, seed)) for seed in (0, 0, 1))
    assert np.array_equal(one, same)
    assert not np.any(one == other)
    assert not np.any(one == thermal_parts(config))
    assert config.model_dump() == before


def test_boards_scatter_as_configured_and_stay_possible() -> None:
    config = PlantConfig(spread=0.1, fan={"still_air_k_per_w": 0.2, "full_speed_k_per_w": 0.19})
    boards = [as_built(config, seed) for seed in range(200)]
    factors = np.array([thermal_parts(board) for board in boards]) / thermal_parts(config)
    drawn = np.delete(factors, 8, axis=1)  # the fan at full speed is cut where it would insulate
    assert drawn.std(axis=0) == pytest.approx(0.1, rel=0.25)
    assert drawn.min() > 0.6
    assert all(b.fan.full_speed_k_per_w <= b.fan.still_air_k_per_w for b in boards)


def test_the_chip_itself_does_not_depend_on_the_spread_around_it() -> None:
    exact = Plant(PlantConfig(), seed=1, chip_seed=3)
    spread = Plant(PlantConfig(spread=0.1), seed=1, chip_seed=3)
    assert np.array_equal(exact.chip.phi0_rad, spread.chip.phi0_rad)
    assert spread.config.tec.seebeck_v_per_k != exact.config.tec.seebeck_v_per_k
