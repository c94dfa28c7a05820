import numpy as np

from calibration.neighbours import Neighbours
from lumina.theory.mesh import MeshArchitecture

ARCHITECTURE = MeshArchitecture(4, "svd")


def test_every_pair_within_reach_belongs_to_one_place() -> None:
    neighbours = Neighbours.of(ARCHITECTURE)
    together = sum(place.toarray() for place in neighbours.places)
    sites = ARCHITECTURE.shifter_sites()
    distance = np.linalg.norm(sites[:, None] - sites[None, :], axis=2)
    np.testing.assert_array_equal(together, (distance > 0) & (distance < 2.3))


def test_places_are_mutual() -> None:
    for place in Neighbours.of(ARCHITECTURE).places:
        np.testing.assert_array_equal(place.toarray(), place.toarray().T)


def test_warmth_is_what_the_matrix_of_one_coefficient_gives() -> None:
    neighbours = Neighbours.of(ARCHITECTURE)
    own = np.random.default_rng(1).uniform(0.0, 6.0, ARCHITECTURE.shifters)
    warmth = neighbours.warmth(own)
    for number in range(neighbours.count):
        coefficient = np.zeros(neighbours.count)
        coefficient[number] = 1.0
        np.testing.assert_allclose(neighbours.matrix(coefficient) @ own, warmth[number])


def test_a_few_coefficients_serve_any_size() -> None:
    assert Neighbours.of(MeshArchitecture(16, "svd")).count == Neighbours.of(ARCHITECTURE).count
