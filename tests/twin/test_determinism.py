from threading import Thread

import numpy as np
import pytest

from tests.twin.plants import build
from twin.plant import Plant

RAILS = [{"name": "laser", "voltage_v": 3.3, "powers": "laser"}]


def busy(seed: int = 1, chip_seed: int = 2) -> Plant:
    """A plant on which everything moves."""
    plant = build(seed, chip_seed, rails=RAILS, chip={"ports": 4, "kind": "svd"})
    head = plant.actuator.head
    head["tec_current_a"], head["fan_rpm"], head["rail_set_v"][0, 0] = 3.0, 2000.0, 3.3
    plant.inputs["compute_power_w"] = 15.0
    plant.actuator.heater_code[:] = 30_000
    return plant


def trace(plant: Plant, batches: list[int]) -> bytes:
    """Every bit that leaves the plant: frames after each batch, truth and light at the end."""
    for ticks in batches:
        plant.step(ticks)
    light = plant.multiply(np.eye(4, dtype=np.complex128))
    frames = plant.sensor.head.tobytes() + plant.sensor.detector_code.tobytes()
    return frames + repr(plant.temperatures_c()).encode() + light.tobytes()


def test_a_batch_of_ticks_is_bit_identical_to_single_ticks() -> None:
    assert trace(busy(), [500]) == trace(busy(), [1] * 500) == trace(busy(), [123, 0, 377])


def test_the_same_seeds_give_the_same_trace() -> None:
    assert trace(busy(7, 8), [200]) == trace(busy(7, 8), [200])


@pytest.mark.parametrize(("seed", "chip_seed"), [(2, 2), (1, 3)])
def test_another_seed_gives_another_trace(seed: int, chip_seed: int) -> None:
    assert trace(busy(), [200]) != trace(busy(seed, chip_seed), [200])


def test_the_noise_seed_leaves_the_chip_and_the_truth_alone() -> None:
    one, other = busy(seed=1), busy(seed=2)
    one.step(300)
    other.step(300)
    assert one.temperatures_c() == other.temperatures_c()
    assert np.array_equal(one.transfer_matrix(), other.transfer_matrix())
    assert one.sensor.head["die_code"] != other.sensor.head["die_code"]


def test_two_readings_in_one_tick_have_noise_of_their_own() -> None:
    plant = busy()
    plant.step(50)
    fields = np.full((4, 1), 0.5, np.complex128)
    assert not np.array_equal(plant.multiply(fields), plant.multiply(fields))


def test_seed_zero_is_a_seed_like_any_other() -> None:
    plant = busy(seed=0, chip_seed=0)
    codes = set()
    for _ in range(50):
        plant.step()
        codes.add(int(plant.sensor.head["sink_code"][0]))
    assert len(codes) > 40


def test_a_look_from_another_thread_never_sees_half_a_tick() -> None:
    plant = build(chip={"ports": 16, "kind": "svd", "imbalance_sigma_m": 0.0})
    plant.actuator.heater_code[:] = 20_000
    plant.step()

    def live() -> None:
        for _ in range(2000):
            plant.step()

    ticking = Thread(target=live)
    ticking.start()
    before, jumps = plant.transfer_matrix(), []
    while ticking.is_alive():
        now = plant.transfer_matrix()
        jumps.append(float(np.linalg.norm(now - before)))
        before = now
    ticking.join()
    assert max(jumps) < 1e-9  # no shifter drifts, so nothing moves
