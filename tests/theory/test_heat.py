import numpy as np
import pytest
from numpy.typing import NDArray

from lumina.errors import UsageError
from lumina.theory.heat import AMBIENT, HeatNetwork, HeatStep, heat_step

Array = NDArray[np.float64]


def ladder(nodes: int, capacity_j_per_k: float, resistance_k_per_w: float) -> HeatNetwork:
    """Equal nodes in a row; the last one hangs on the ambient."""
    names = [f"n{i}" for i in range(nodes)] + [AMBIENT]
    conductance = 1.0 / resistance_k_per_w
    links = [(names[i], names[i + 1], conductance) for i in range(nodes)]
    return HeatNetwork.build(dict.fromkeys(names[:-1], capacity_j_per_k), links)


def analytic_step(nodes: int, time_s: float, power_w: float, c: float, r: float) -> Array:
    """Rise of an equal ladder after `power_w` is switched on at its insulated end.

    Modes cos((i - 1/2) a) with a = (2k - 1) pi / (2n + 1) decay at (2 - 2 cos a) / R C.
    """
    place = np.arange(1, nodes + 1)
    settled = power_w * r * (nodes + 1 - place)
    rise = settled.astype(float)
    for k in range(1, nodes + 1):
        a = (2 * k - 1) * np.pi / (2 * nodes + 1)
        mode = np.cos((place - 0.5) * a)
        share = settled @ mode / (mode @ mode)
        rise -= share * mode * np.exp(-(2 - 2 * np.cos(a)) / (r * c) * time_s)
    return rise


def run(step: HeatStep, start_c: Array, heat_w: Array, ambient_c: float, steps: int) -> Array:
    temperature_c, scratch = start_c.copy(), np.empty_like(start_c)
    for _ in range(steps):
        heat_step(step, temperature_c, heat_w, ambient_c, scratch)
    return temperature_c


@pytest.mark.parametrize("nodes", [1, 2, 3])
@pytest.mark.parametrize("steps", [1, 10, 1000])
def test_a_ladder_steps_as_its_modes_say(nodes: int, steps: int) -> None:
    c, r, power_w, step_s = 2.0, 0.15, 7.0, 0.001
    heat_w = np.zeros(nodes)
    heat_w[0] = power_w
    step = ladder(nodes, c, r).discretise(step_s)
    ended = run(step, np.full(nodes, 20.0), heat_w, 20.0, steps)
    expected = 20.0 + analytic_step(nodes, steps * step_s, power_w, c, r)
    np.testing.assert_allclose(ended, expected, rtol=0, atol=1e-11)


def test_one_long_step_equals_many_short_ones() -> None:
    network, heat_w = ladder(3, 1.0, 0.3), np.array([5.0, 0.0, -2.0])
    start = np.array([50.0, 10.0, 30.0])
    once = run(network.discretise(1.0), start, heat_w, 25.0, 1)
    often = run(network.discretise(0.001), start, heat_w, 25.0, 1000)
    np.testing.assert_allclose(once, often, atol=1e-10)


def test_after_long_the_network_stands_where_its_conductances_say() -> None:
    network, heat_w = ladder(3, 1.0, 0.3), np.array([5.0, 1.0, -2.0])
    settled = run(network.discretise(100.0), np.zeros(3), heat_w, 25.0, 10)
    np.testing.assert_allclose(settled, network.steady_state_c(heat_w, 25.0), atol=1e-10)


def test_energy_in_is_energy_stored_and_energy_out() -> None:
    network, heat_w, fine_s = ladder(3, 2.0, 0.15), np.array([7.0, 0.0, 1.0]), 1e-4
    step, trace = network.discretise(fine_s), [np.full(3, 20.0)]
    for _ in range(5000):
        trace.append(run(step, trace[-1], heat_w, 20.0, 1))
    flow_w = (np.array(trace) - 20.0) @ network.to_ambient_w_per_k
    out_j = fine_s * (flow_w[1:-1].sum() + (flow_w[0] + flow_w[-1]) / 2)
    stored_j = network.capacity_j_per_k @ (trace[-1] - trace[0])
    assert stored_j + out_j == pytest.approx(heat_w.sum() * 0.5, rel=1e-8)


def test_without_a_way_out_all_heat_is_stored_and_shared() -> None:
    network = HeatNetwork.build({"a": 2.0, "b": 3.0}, [("a", "b", 4.0)])
    ended = run(network.discretise(1.0), np.zeros(2), np.array([10.0, 0.0]), 25.0, 60)
    assert network.capacity_j_per_k @ ended == pytest.approx(600.0, rel=1e-12)
    assert not network.reaches_ambient().any()


def test_a_node_without_capacity_follows_its_neighbours() -> None:
    """It is the limit of a small capacity, and its heat goes on at once."""
    links = [("die", "film", 5.0), ("film", "sink", 2.0), ("sink", AMBIENT, 1.0)]
    heat_w, start = np.array([3.0, 1.0, 0.0]), np.full(3, 25.0)
    ended = []
    for film in (0.0, 1e-7):
        network = HeatNetwork.build({"die": 1.0, "film": film, "sink": 9.0}, links)
        ended.append(run(network.discretise(0.001), start, heat_w, 25.0, 500))
    np.testing.assert_allclose(ended[0], ended[1], atol=1e-5)
    flow_in = 5.0 * (ended[0][0] - ended[0][1]) + 1.0
    assert flow_in == pytest.approx(2.0 * (ended[0][1] - ended[0][2]), rel=1e-9)


def test_a_stiff_node_needs_no_shorter_step() -> None:
    links = [("heater", "die", 1.0), ("die", AMBIENT, 1.0)]
    network = HeatNetwork.build({"heater": 5e-6, "die": 1.0}, links)  # 5 us against 1 s
    ended = run(network.discretise(0.001), np.zeros(2), np.array([2.0, 0.0]), 0.0, 3000)
    assert ended[1] == pytest.approx(2.0 * (1 - np.exp(-3.0)), rel=1e-5)
    assert ended[0] - ended[1] == pytest.approx(2.0, rel=1e-4)


def test_links_need_nodes_and_empty_nodes_need_links() -> None:
    with pytest.raises(UsageError, match="no such node"):
        HeatNetwork.build({"a": 1.0}, [("a", "b", 1.0)])
    with pytest.raises(UsageError, match="needs a link"):
        HeatNetwork.build({"a": 1.0, "b": 0.0}, [("a", AMBIENT, 1.0)]).discretise(0.001)
