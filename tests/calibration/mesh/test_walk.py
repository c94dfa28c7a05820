import numpy as np
import pytest
from numpy.typing import NDArray

from calibration.mesh.fringes import Fringes
from calibration.mesh.reconstruct import Reconstruction, attenuator_phases, reconstruct
from lumina.theory.mesh import MeshArchitecture, MeshKind
from lumina.theory.mesh_derivatives import transfer_factors
from lumina.theory.mesh_kernels import couplers, transfer

GAIN = 0.7


class Chip:
    """A chip whose every pattern is known without noise."""

    def __init__(self, ports: int, kind: MeshKind, seed: int, splitter_sigma_rad: float) -> None:
        self.architecture = MeshArchitecture(ports, kind)
        rng = np.random.default_rng(seed)
        self.phase_rad = rng.uniform(0.0, 2.0 * np.pi, self.architecture.shifters)
        self.error_rad = splitter_sigma_rad * rng.standard_normal(self.architecture.splitters)
        middle, count = ports**2, self.architecture.attenuators
        self.attenuators = slice(middle, middle + count) if count else slice(0, 0)
        attenuator_cells = slice(ports * (ports - 1), ports * (ports - 1) + 2 * count)
        self.error_rad[attenuator_cells] = 0.0  # a walk takes those as perfect
        self.base = self.transfer(self.phase_rad, self.error_rad) * GAIN

    def transfer(
        self, phase_rad: NDArray[np.float64], error_rad: NDArray[np.float64]
    ) -> NDArray[np.complex128]:
        chip = couplers(self.architecture, error_rad)
        return transfer(self.architecture.arrays(), chip, phase_rad)

    def fringes(self) -> Fringes:
        chip = couplers(self.architecture, self.error_rad)
        factors = transfer_factors(self.architecture.arrays(), chip, self.phase_rad)
        out, inward = factors.shifter_out, factors.shifter_in
        norm = np.linalg.norm(out, axis=1), np.linalg.norm(inward, axis=1)
        count = len(out)
        return Fringes(
            channel=np.arange(count),
            output_pattern=out / norm[0][:, None],
            input_pattern=inward / norm[1][:, None],
            phasor=-1j * norm[0] * norm[1] * GAIN,
            phase_gain_rad_per_v2=np.ones(count),
            curvature_per_v2=np.zeros(count),
            visibility=np.ones(count),
            visibility_sigma=np.zeros(count),
            uncertainty_rad=np.zeros(count),
        )


ALL_KINDS: list[tuple[int, MeshKind]] = [
    *[(ports, "unitary") for ports in (2, 5, 8)],
    *[(ports, "svd") for ports in (2, 3, 4, 7, 16)],
    *[(ports, "triangular") for ports in (2, 5)],
]


def walked(chip: Chip, missing: list[int]) -> Reconstruction:
    """Phases, coupler errors and gain as read off, without the patterns of some shifters."""
    seen = np.ones(chip.architecture.shifters, bool)
    seen[missing] = False
    fringes = chip.fringes()
    fringes.output_pattern[missing] = fringes.input_pattern[missing] = np.nan
    dimmed = chip.phase_rad[chip.attenuators]
    return reconstruct(chip.architecture, fringes, seen, chip.base, dimmed)


def worst_miss(chip: Chip, found: Reconstruction, idle: list[int]) -> float:
    """Largest element by which the chip read off differs, whatever the drives.

    Phases that cannot be told apart shift together.
    """
    rng, misses = np.random.default_rng(0), []
    for _ in range(3):
        move = rng.uniform(0.0, 2.0 * np.pi, len(chip.phase_rad))
        move[idle] = 0.0
        told = chip.transfer(found.phase_rad + move, found.splitter_error_rad)
        seen = chip.transfer(chip.phase_rad + move, chip.error_rad)
        common = np.vdot(told, seen) / abs(np.vdot(told, seen))
        misses.append(np.abs(told * common - seen).max())
    return float(max(misses))


@pytest.mark.parametrize("splitter_sigma_rad", [0.0, 0.05])
@pytest.mark.parametrize(("ports", "kind"), ALL_KINDS)
def test_patterns_alone_give_back_the_chip(
    ports: int, kind: MeshKind, splitter_sigma_rad: float
) -> None:
    chip = Chip(ports, kind, seed=ports, splitter_sigma_rad=splitter_sigma_rad)
    found = walked(chip, [])
    assert found.gain == pytest.approx(GAIN)
    np.testing.assert_allclose(found.splitter_error_rad, chip.error_rad, atol=1e-9)
    assert worst_miss(chip, found, []) < 1e-9


@pytest.mark.parametrize(
    ("ports", "kind"), [(4, "unitary"), (5, "unitary"), (5, "svd"), (5, "triangular")]
)
def test_a_heater_that_turns_nothing_is_read_by_its_neighbours(ports: int, kind: MeshKind) -> None:
    perfect, real = (Chip(ports, kind, seed=3, splitter_sigma_rad=s) for s in (0.0, 0.02))
    for place in range(perfect.architecture.shifters):
        assert worst_miss(perfect, walked(perfect, [place]), [place]) < 1e-6
        assert worst_miss(real, walked(real, [place]), [place]) < 0.3


def test_an_attenuators_circle_tells_where_it_is_dark() -> None:
    chip = Chip(6, "svd", seed=1, splitter_sigma_rad=0.02)
    own = np.random.default_rng(2).uniform(0.0, 2.0 * np.pi, 6)
    every = chip.fringes()
    dimmers = every._replace(
        output_pattern=every.output_pattern[chip.attenuators],
        input_pattern=every.input_pattern[chip.attenuators],
        # The phasor of a fringe is referred to a cold heater.
        phasor=every.phasor[chip.attenuators] * np.exp(-1j * own),
    )
    found = attenuator_phases(dimmers, chip.base, own)
    off = np.exp(1j * (found + own - chip.phase_rad[chip.attenuators]))
    np.testing.assert_allclose(off, 1.0, atol=1e-9)
