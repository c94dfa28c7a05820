"""Light of the plant: chip, laser and receivers, as validated sections.

Sources of defaults: [P] public paper or data sheet, [D] derived, [T] textbook value,
[R] the reference plant's definition.
"""

from math import log10
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from lumina.theory.architecture import ChipArchitecture, ChipKind
from lumina.theory.mesh import MeshArchitecture
from lumina.theory.rings import WeightBank, phase_of_detuning

__all__ = [
    "ChipConfig",
    "CrosstalkConfig",
    "HeaterConfig",
    "LaserConfig",
    "LossConfig",
    "ReceiverConfig",
    "RingConfig",
    "Section",
    "TapConfig",
    "WiringConfig",
]


NOMINAL_WAVELENGTH_M = 1.55e-6
"""For which data sheets give widths and spacings."""


class Section(BaseModel):
    """Base of every section: frozen, nothing unknown, nothing infinite."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class HeaterConfig(Section):
    """Thermo-optic phase shifters and the converters that drive them.

    At full drive the defaults reach 95 mW, 3.8 pi: one full turn with more than half of
    the range left for phase compensation, also on the weakest heater of a spread chip.
    """

    pi_power_w: float = Field(0.025, gt=0, le=1, description="power for a phase of pi, W [P]")
    pi_power_spread: float = Field(
        0.03, ge=0, le=0.1, description="relative sigma of pi_power_w over the chip [T]"
    )
    resistance_ohm: float = Field(800.0, gt=0, le=1e6, description="cold resistance R0, ohm [T]")
    resistance_spread: float = Field(
        0.01, ge=0, le=0.1, description="relative sigma of the resistance over the chip [T]"
    )
    resistance_tempco_per_k: float = Field(
        2e-3, ge=0, le=0.01, description="alpha of the resistance, 1/K; 1-3e-3 [T]"
    )
    resistance_follows_die: bool = Field(
        False,
        description="whether alpha counts for the die's own warming too, from the chip's "
        "reference_c on; the loop's compensation does not know of it",
    )
    # A shift of pi over 100 um of silicon at 1550 nm takes 42 K, that is 25 mW x 1670 K/W.
    thermal_k_per_w: float = Field(
        1670.0, ge=0, le=1e6, description="R_th, heater above chip, K/W [D]"
    )
    max_drive_v: float = Field(10.0, gt=0, le=100, description="converter full scale, V")
    bits: int = Field(16, ge=12, le=16, description="resolution of the heater converters [P]")
    short_a: float = Field(
        0.03, gt=0, le=1, description="current at which a channel limits into a short, A [T]"
    )
    inl_lsb: float = Field(
        0.0, ge=0, le=64, description="largest integral nonlinearity of these converters, LSB"
    )
    cubic_rad_per_v3: float = Field(
        0.0, ge=-0.01, le=0.01, description="phase beyond that by power, per cubed drive, rad/V^3"
    )

    @property
    def feedback_per_w(self) -> float:
        """alpha R_th: relative growth of the resistance per watt, in 1/W."""
        return self.resistance_tempco_per_k * self.thermal_k_per_w

    @property
    def die_tempco_per_k(self) -> float:
        """Relative growth of the resistance per kelvin of the die, in 1/K."""
        return self.resistance_tempco_per_k if self.resistance_follows_die else 0.0


class CrosstalkConfig(Section):
    """Heat of one heater in the waveguide of another: exp(-d / L) plus a uniform floor."""

    neighbour: float = Field(
        0.005, ge=0, lt=0.5, description="coupling at the distance of one pitch [P]"
    )
    floor: float = Field(
        1e-4, ge=0, le=0.05, description="coupling at any distance, by the chip's warming [T]"
    )


class LossConfig(Section):
    """Where light is lost between the modulators and the detectors."""

    waveguide_db_per_cm: float = Field(2.0, ge=0, le=20, description="propagation, dB/cm; 1-3 [T]")
    shifter_pitch_m: float = Field(
        150e-6, gt=0, le=0.01, description="waveguide per column of shifters, m [T]"
    )
    interferometer_db: float = Field(0.05, ge=0, le=3, description="excess loss of one MZI, dB [T]")
    interferometer_spread_db: float = Field(
        0.0, ge=0, le=1, description="sigma of the MZIs' excess loss over the chip, dB"
    )
    facet_db: float = Field(1.5, ge=0, le=20, description="loss of each of two facets, dB [T]")
    facet_spread_db: float = Field(
        0.0, ge=0, le=3, description="sigma of a facet's loss from port to port, dB"
    )


class RingConfig(Section):
    """Micro-rings of a weight bank, and the wavelength channels that they serve."""

    free_spectral_range_m: float = Field(
        14.4e-9, gt=1e-10, le=1e-7, description="between resonances of a ring, m; radius 6 um [D]"
    )
    channel_spacing_m: float = Field(
        1.6e-9, gt=1e-11, le=1e-8, description="between channels, m; the 200 GHz grid [T]"
    )
    quality_factor: float = Field(
        6755.0, ge=100, le=1e6, description="wavelength over FWHM of a resonance [D]"
    )
    width_spread: float = Field(
        0.03, ge=0, le=0.1, description="relative sigma of the FWHM over the bank [T]"
    )
    peak_drop: float = Field(0.9, gt=0, le=1, description="share dropped on resonance [T]")
    dip: float = Field(0.03, ge=0, lt=1, description="share that passes on resonance [T]")
    drift_m_per_k: float = Field(
        0.1e-9, ge=0, le=1e-9, description="resonance against die temperature, m/K; 74-100 pm/K [R]"
    )

    @model_validator(mode="after")
    def _no_gain(self) -> Self:
        if self.peak_drop + self.dip > 1.0:
            raise ValueError("peak_drop and dip share the light: their sum cannot exceed 1")
        return self


class TapConfig(Section):
    """Monitor photodiodes inside the mesh: a weak tap on both arms behind every interferometer.

    On both, so that what they take dims the arms alike and the interferometer stays balanced.
    One per cent by a directional coupler is usual; a contactless probe (CLIPP) takes nothing
    that can be measured, and sees -30 dBm (Morichetti et al., IEEE JSTQE 20, 8201710, 2014).
    """

    share: float = Field(
        0.0, ge=0, le=0.1, description="share of an arm's light that its tap takes; 0: no taps [T]"
    )
    excess_db: float = Field(
        0.005, ge=0, le=1, description="loss of a tap beside what it takes, dB [T]"
    )
    responsivity_a_per_w: float = Field(1.0, gt=0, le=2, description="0.8-1.1 A/W [P]")
    responsivity_spread: float = Field(
        0.05, ge=0, le=0.2, description="relative sigma of tap, diode and amplifier together [T]"
    )
    dark_current_a: float = Field(10e-9, ge=0, le=1e-3, description="0.1-100 nA [P]")
    transimpedance_ohm: float = Field(1e5, gt=0, le=1e9, description="feedback resistor, ohm")
    rate_hz: float = Field(
        1e5, ge=100, le=1e9, description="input vectors per second that all taps are read at, 1/s"
    )
    bits: int = Field(12, ge=8, le=16, description="resolution of the taps' converters")
    inl_lsb: float = Field(
        0.5, ge=0, le=64, description="integral nonlinearity of these converters, LSB peak [T]"
    )
    offset_share: float = Field(
        0.05, ge=0, le=0.5, description="reading in the dark, of full scale: noise has room [T]"
    )
    full_scale_inputs: float = Field(
        4.0, gt=0, le=64, description="light that fills a converter, in inputs at full scale"
    )
    noise_share: float = Field(
        0.0, ge=0, le=0.2, description="rms noise of a reading beside the physical, of full scale"
    )

    @property
    def loss_db(self) -> float:
        """What an interferometer loses by its taps, in dB."""
        return -10.0 * log10(1.0 - self.share) + self.excess_db if self.share else 0.0

    @property
    def bandwidth_hz(self) -> float:
        """Noise bandwidth of a matched amplifier: half the rate, in Hz."""
        return 0.5 * self.rate_hz


class ChipConfig(Section):
    """The photonic chip. What differs from chip to chip is drawn from the chip seed."""

    ports: int = Field(8, ge=2, le=64, description="inputs and outputs")
    kind: ChipKind = Field("unitary", description="a mesh of interferometers, or a bank of rings")
    rings: RingConfig = Field(default_factory=RingConfig, description="rings, where kind is rings")
    heater: HeaterConfig = Field(default_factory=HeaterConfig)
    crosstalk: CrosstalkConfig = Field(default_factory=CrosstalkConfig)
    loss: LossConfig = Field(default_factory=LossConfig)
    taps: TapConfig = Field(default_factory=TapConfig, description="monitors inside a mesh")
    splitter_sigma_rad: float = Field(
        0.02, ge=0, le=0.4, description="sigma of the couplers' angle errors, rad; 0.02-0.05 [T]"
    )
    imbalance_sigma_m: float = Field(
        100e-6, ge=0, le=0.01, description="sigma of a shifter's arm imbalance, m [R]"
    )
    thermo_optic_per_k: float = Field(
        1.86e-4, ge=0, le=1e-3, description="dn/dT of the waveguide, 1/K; silicon [T]"
    )
    group_index: float = Field(4.2, ge=1, le=6, description="n_g, for detuned light; SOI strip [T]")
    reference_c: float = Field(
        45.0, ge=-40, le=150, description="die temperature at which phases carry no drift, C [R]"
    )
    phase_walk_rad: float = Field(
        0.0, ge=0, le=1, description="sigma of the phases' random walk after an hour, rad"
    )

    @model_validator(mode="after")
    def _can_be_made(self) -> Self:
        self.architecture()
        if self.kind == "rings" and self.taps.share:
            raise ValueError("taps lie behind interferometers: a bank of rings has none")
        return self

    @property
    def interferometer_db(self) -> float:
        """Loss of one interferometer and its taps, in dB."""
        return self.loss.interferometer_db + self.taps.loss_db

    @property
    def tap_count(self) -> int:
        """Taps inside the mesh: two per interferometer, or none."""
        return 2 * self.architecture().interferometers if self.taps.share else 0

    @property
    def dispersion_per_k(self) -> float:
        """Effective dn/dT, 1/K: of the waveguide, or such that rings drift as configured.

        d lambda / dT = (lambda / n_g) dn/dT.
        """
        if self.kind != "rings":
            return self.thermo_optic_per_k
        return self.rings.drift_m_per_k * self.group_index / NOMINAL_WAVELENGTH_M

    def architecture(self) -> ChipArchitecture:
        """Ports, and what lies between them.

        Raises:
            UsageError: channels that do not fit into the rings' free spectral range.
        """
        if self.kind != "rings":
            return MeshArchitecture(self.ports, self.kind)
        rings = self.rings
        width_m = NOMINAL_WAVELENGTH_M / rings.quality_factor
        return WeightBank(
            self.ports,
            phase_of_detuning(rings.channel_spacing_m, rings.free_spectral_range_m),
            phase_of_detuning(width_m, rings.free_spectral_range_m),
        )


class LaserConfig(Section):
    """The laser whose light the board splits between modulators and local oscillators."""

    power_w: float = Field(0.01, gt=0, le=1, description="power that the receivers are set for, W")
    wavelength_m: float = Field(
        1.55e-6, ge=1.2e-6, le=1.7e-6, description="wavelength at which phases hold, m"
    )
    rin_db_per_hz: float = Field(
        -145.0, ge=-180, le=-100, description="relative intensity noise, dB/Hz; -140 .. -155 [T]"
    )
    linewidth_hz: float = Field(1e5, ge=0, le=1e9, description="linewidth, Hz; 0.1-1 MHz [T]")
    power_walk: float = Field(
        0.0, ge=0, le=0.5, description="relative sigma of the power's random walk after an hour"
    )

    @property
    def rin_per_hz(self) -> float:
        """Relative intensity noise as a ratio, in 1/Hz."""
        return float(10.0 ** (self.rin_db_per_hz / 10.0))


class ReceiverConfig(Section):
    """Modulators, detectors and their converters: the fast path, and slow monitor taps."""

    detection: Literal["coherent", "direct", "balanced"] = Field(
        "coherent",
        description="complex amplitudes by balanced I/Q receivers, powers, or (weight banks) "
        "differences of powers",
    )
    bits: int = Field(
        12, ge=8, le=16, description="resolution of modulator and receiver converters"
    )
    inl_lsb: float = Field(
        0.5, ge=0, le=64, description="integral nonlinearity of these converters, LSB peak [T]"
    )
    vector_rate_hz: float = Field(1e9, ge=1e3, le=1e11, description="vectors per second, 1/s")
    oscillator_share: float = Field(
        0.5, gt=0, lt=1, description="share of the light used as local oscillator (coherent)"
    )
    delay_mismatch_s: float = Field(
        5e-12, ge=0, le=1e-6, description="signal against oscillator, s; makes phase noise [T]"
    )
    full_scale_share: float = Field(
        0.6, ge=0.05, le=1, description="reading of a unit-transmission path, of full scale"
    )
    responsivity_a_per_w: float = Field(1.0, gt=0, le=2, description="0.8-1.1 A/W [P]")
    responsivity_spread: float = Field(
        0.0, ge=0, le=0.2, description="relative sigma of the receivers' gain, diode and amplifier"
    )
    dark_current_a: float = Field(10e-9, ge=0, le=1e-3, description="0.1-100 nA [P]")
    offset_share: float = Field(
        0.0, ge=0, le=0.1, description="sigma of the receivers' reading in the dark, of full scale"
    )
    noise_share: float = Field(
        0.0, ge=0, le=0.2, description="rms noise of a reading beside the physical, of full scale"
    )
    transimpedance_ohm: float = Field(2000.0, gt=0, le=1e9, description="feedback resistor, ohm")
    temperature_c: float = Field(45.0, ge=-40, le=150, description="of the feedback resistor, C")
    monitor_bits: int = Field(16, ge=8, le=16, description="resolution of the monitor taps")
    monitor_share: float = Field(
        0.02, gt=0, le=0.5, description="share of each output's light that the monitor taps"
    )
    monitor_ohm: float = Field(1e5, gt=0, le=1e9, description="monitor's feedback resistor, ohm")

    @property
    def bandwidth_hz(self) -> float:
        """Noise bandwidth of a matched receiver: half the vector rate, in Hz."""
        return 0.5 * self.vector_rate_hz


Channel = Annotated[int, Field(ge=0, lt=8192)]
Pair = tuple[Channel, Channel]


class WiringConfig(Section):
    """What was done wrong when the board was put together; numbers count from 0."""

    dead_heaters: tuple[Channel, ...] = Field((), description="heaters that are not connected")
    swapped_heaters: tuple[Pair, ...] = Field((), description="heaters that got each other's drive")
    swapped_outputs: tuple[Pair, ...] = Field((), description="outputs on each other's receiver")
    hot_outputs: tuple[Channel, ...] = Field(
        (), description="outputs whose receiver has four times the gain, and saturates"
    )
    dead_taps: tuple[Channel, ...] = Field((), description="taps that are not connected")
    swapped_taps: tuple[Pair, ...] = Field((), description="taps on each other's converter")
    hot_taps: tuple[Channel, ...] = Field(
        (), description="taps whose amplifier has four times the gain, and saturates"
    )

    def largest(self) -> tuple[int, int, int]:
        """Largest heater, output and tap that are named; -1 where there is none."""
        heaters = [*self.dead_heaters, *(end for pair in self.swapped_heaters for end in pair)]
        outputs = [*self.hot_outputs, *(end for pair in self.swapped_outputs for end in pair)]
        swapped_taps = [end for pair in self.swapped_taps for end in pair]
        taps = [*self.dead_taps, *swapped_taps, *self.hot_taps]
        return max(heaters, default=-1), max(outputs, default=-1), max(taps, default=-1)
