import pytest
from pydantic import BaseModel, ValidationError

from twin.config import PlantConfig


def test_the_default_is_the_reference_plant() -> None:
    plant = PlantConfig()
    capacities = {name: node.capacity_j_per_k for name, node in plant.thermal.nodes.items()}
    assert capacities == {"die": 1.0, "carrier": 40.0, "sink": 140.0}
    assert plant.thermal.links[0].resistance_k_per_w == 0.15
    tec = plant.tec
    assert (tec.seebeck_v_per_k, tec.resistance_ohm, tec.conductance_w_per_k) == (0.05, 0.8, 0.9)
    assert tec.limit_a == 8.0
    assert (plant.fan.still_air_k_per_w, plant.fan.full_speed_k_per_w) == (1.04, 0.15)
    for sensor in plant.sensors.in_frame_order():
        assert (sensor.lag_s, sensor.noise_k) == (0.2, 0.001)
    assert (plant.compute.meter_gain_error, plant.compute.meter_delay_s) == (0.05, 0.010)
    assert plant.chip.imbalance_sigma_m == 100e-6


def test_a_config_survives_its_json() -> None:
    plant = PlantConfig()
    assert PlantConfig.model_validate_json(plant.model_dump_json()) == plant


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"tec": {"cold_node": "attic"}}, "tec.cold_node: no thermal node 'attic'"),
        ({"sensors": {"die": {"node": "attic"}}}, "sensors.die.node"),
        (
            {"thermal": {"links": [{"between": ["die", "attic"], "resistance_k_per_w": 1}]}},
            "no node 'attic'",
        ),
        ({"thermal": {"links": []}}, "no way to the ambient"),
        ({"fan": {"full_speed_k_per_w": 2.0}}, "cannot exceed still_air"),
        ({"tec": {"surprise": 1}}, "Extra inputs"),
        ({"tec": {"seebeck_v_per_k": float("nan")}}, "finite number"),
        ({"chip": {"ports": 1}}, "greater than or equal to 2"),
    ],
)
def test_what_cannot_be_built_is_refused_with_its_place(section: object, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        PlantConfig.model_validate(section)


def test_a_node_that_the_tec_drives_must_be_slow() -> None:
    nodes = {
        name: {"capacity_j_per_k": capacity}
        for name, capacity in {"die": 1.0, "carrier": 0.0, "sink": 140.0}.items()
    }
    with pytest.raises(ValidationError, match="needs a capacity"):
        PlantConfig.model_validate({"thermal": {"nodes": nodes}})


def sections(model: type[BaseModel]) -> set[type[BaseModel]]:
    found = {model}
    for field in model.model_fields.values():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            found |= sections(field.annotation)
    return found


def test_every_value_says_what_it_is() -> None:
    for section in sections(PlantConfig):
        for name, field in section.model_fields.items():
            nested = isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
            assert nested or field.description, f"{section.__name__}.{name}"
