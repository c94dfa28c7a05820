"""The identity of a chip: what the chip seed decides, and nobody outside may know."""

from dataclasses import dataclass

import numpy as np
import scipy.sparse
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from lumina.theory.architecture import ChipArchitecture
from lumina.theory.rings import Rings, WeightBank
from twin.config_optics import NOMINAL_WAVELENGTH_M, ChipConfig, LossConfig, ReceiverConfig

__all__ = ["Chip", "build_chip", "path_transmission", "spread_factors"]

FloatArray = NDArray[np.float64]

NEGLIGIBLE = 1e-6
"""Crosstalk, relative to a heater's own effect, below which only the floor counts."""

STREAMS = (0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11)
"""Streams under the chip seed; 5 is that of the parts around the chip."""


@dataclass(frozen=True)
class Chip:
    """One manufactured chip.

    Attributes:
        architecture: its mesh, or its bank of rings.
        phi0_rad: phases without drive at the reference temperature, shape (shifters,).
        pi_power_w: heater power for a phase of pi, shape (shifters,).
        resistance_ohm: cold heater resistance, shape (shifters,).
        imbalance_m: arm imbalance seen by each shifter, or the way around each ring, shape
            (shifters,).
        splitter_error_rad: angle errors of the couplers, shape (splitters,).
        interferometer_amplitude: field transmission of each MZI, shape (interferometers,).
        facet_amplitude: field transmission of each port's facets relative to the mean ones,
            inputs and outputs, shape (2, ports).
        converter_bow: INL of each heater's converter, of its largest, shape (shifters,).
        receiver_gain: gain of each output's receiver relative to its design, shape (ports,).
        receiver_offset: dark reading of each, of full scale, shape (ports,), complex.
        tap_gain: gain of each tap inside the mesh relative to its design, shape (taps,).
        crosstalk: C less its uniform floor, (shifters, shifters), by diagonals, of which a
            regular layout has few. C_ii is 1 with the floor.
        floor: uniform part of C.
        rings: its rings; none on a mesh.
    """

    architecture: ChipArchitecture
    phi0_rad: FloatArray
    pi_power_w: FloatArray
    resistance_ohm: FloatArray
    imbalance_m: FloatArray
    splitter_error_rad: FloatArray
    interferometer_amplitude: FloatArray
    facet_amplitude: FloatArray
    converter_bow: FloatArray
    receiver_gain: FloatArray
    receiver_offset: NDArray[np.complex128]
    tap_gain: FloatArray
    crosstalk: scipy.sparse.dia_array
    floor: float
    rings: Rings


def build_chip(config: ChipConfig, chip_seed: int, receivers: ReceiverConfig | None = None) -> Chip:
    """Draw a chip. Each property has a generator of its own, so none shifts another's.

    Args:
        config: the chip's section.
        chip_seed: its identity.
        receivers: those it is bonded to; ideal ones by default.
    """
    architecture, heater = config.architecture(), config.heater
    streams = [np.random.default_rng([chip_seed, stream]) for stream in STREAMS]
    phases, powers, resistances, imbalances, splitters, *flaws = streams
    losses, facets, converters, detectors, widths, monitors = flaws
    count, receivers = architecture.shifters, receivers or ReceiverConfig()
    return Chip(
        architecture=architecture,
        phi0_rad=phases.uniform(0.0, 2.0 * np.pi, count),
        pi_power_w=heater.pi_power_w * spread_factors(powers, heater.pi_power_spread, count),
        resistance_ohm=heater.resistance_ohm
        * spread_factors(resistances, heater.resistance_spread, count),
        imbalance_m=_imbalance_m(config, architecture, imbalances),
        splitter_error_rad=splitters.normal(0.0, config.splitter_sigma_rad, architecture.splitters),
        interferometer_amplitude=_interferometers(losses, config, architecture.interferometers),
        facet_amplitude=10.0
        ** (-facets.normal(0.0, config.loss.facet_spread_db, (2, architecture.ports)) / 20.0),
        converter_bow=converters.uniform(-1.0, 1.0, count),
        receiver_gain=spread_factors(detectors, receivers.responsivity_spread, architecture.ports),
        receiver_offset=receivers.offset_share
        * (detectors.normal(size=(architecture.ports, 2)) @ np.array([1.0, 1.0j])),
        tap_gain=spread_factors(monitors, config.taps.responsivity_spread, config.tap_count),
        crosstalk=_crosstalk(architecture.shifter_sites(), config),
        floor=config.crosstalk.floor,
        rings=_rings(config, architecture, widths),
    )


def _imbalance_m(
    config: ChipConfig, architecture: ChipArchitecture, generator: np.random.Generator
) -> FloatArray:
    """What a shifter's light travels further than the light it meets: a ring's is a round."""
    if isinstance(architecture, WeightBank):
        round_m = NOMINAL_WAVELENGTH_M**2 / config.group_index / config.rings.free_spectral_range_m
        return np.full(architecture.shifters, round_m)
    return generator.normal(0.0, config.imbalance_sigma_m, architecture.shifters)


def _rings(
    config: ChipConfig, architecture: ChipArchitecture, generator: np.random.Generator
) -> Rings:
    if not isinstance(architecture, WeightBank):
        return Rings(0.0, np.empty(0), np.empty(0), np.empty(0))
    count, rings = architecture.shifters, config.rings
    width_rad = architecture.width_rad * spread_factors(generator, rings.width_spread, count)
    peak, dip = np.full(count, rings.peak_drop), np.full(count, rings.dip)
    return Rings(architecture.spacing_rad, width_rad, peak, dip)


def spread_factors(generator: np.random.Generator, sigma: float, count: int) -> FloatArray:
    """Factors about 1, cut at 3 sigma as a maker sorts out worse parts."""
    return 1.0 + sigma * np.clip(generator.normal(size=count), -3.0, 3.0)


def _interferometers(losses: np.random.Generator, config: ChipConfig, count: int) -> FloatArray:
    """Field transmission of every MZI with its taps; none amplifies."""
    spread_db = config.loss.interferometer_spread_db
    drawn_db = config.interferometer_db + spread_db * losses.normal(size=count)
    # One by one: numpy's powers of an array depend on its length in the last bit.
    return np.array([10.0 ** (-max(loss_db, 0.0) / 20.0) for loss_db in drawn_db.tolist()])


def _crosstalk(sites: FloatArray, config: ChipConfig) -> scipy.sparse.dia_array:
    """exp(-d / L) between sites in units of the pitch, without negligible entries."""
    count, neighbour, floor = len(sites), config.crosstalk.neighbour, config.crosstalk.floor
    own = scipy.sparse.diags_array(np.full(count, 1.0 - floor))
    if neighbour == 0.0:
        return own
    decay = -1.0 / np.log(neighbour)  # L, in pitches
    pairs = cKDTree(sites).query_pairs(-decay * np.log(NEGLIGIBLE), output_type="ndarray")
    distance = np.linalg.norm(sites[pairs[:, 0]] - sites[pairs[:, 1]], axis=1)
    half = scipy.sparse.coo_array(
        (np.exp(-distance / decay), (pairs[:, 0], pairs[:, 1])), shape=(count, count)
    )
    return scipy.sparse.dia_array(own + half + half.T)


def path_transmission(loss: LossConfig, architecture: ChipArchitecture) -> float:
    """Amplitude of light that crosses the whole chip, without its interferometers' loss."""
    columns = float(architecture.shifter_sites()[:, 0].max()) + 1.0
    length_cm = 100.0 * columns * loss.shifter_pitch_m
    loss_db = loss.waveguide_db_per_cm * length_cm + 2.0 * loss.facet_db
    return float(10.0 ** (-loss_db / 20.0))
