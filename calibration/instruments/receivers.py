"""A board's modulators and receivers: dark reading, and the bows of both converters.

Assumptions

- Converters bow by the smooth third-order curve that dominates in real ones,
  inl (3 sqrt(3) / 2) x (1 - x^2); what is finer is not looked for.
- Small signals through one input use the whole range of its modulator and little of the
  receivers'. All inputs together, turned so that they add up at one output, use little of each
  modulator and the whole range of that receiver. So the two bows come apart: the path between is
  linear, and light superposes.
- Gains are not told here: what is between modulator and receiver is in them. `mesh` finds them,
  facets and all (`output_gain`, `input_gain`); it also finds the offsets with the light on.
- The heaters' converters are seen through the phases alone, where offset and bow look like the
  cubic drive term and the self-heating that `mesh` fits: they are in those, and not told apart.

- A modulator's own steps hide a bow of less than half a step at the codes themselves: levels lie
  between them, at random.

Cost: 8 readings in the dark; 8 transfer matrices of 64; and for every input and output 6 to 24
readings of 512 levels, until the bow is known to a tenth of a step.
"""

from collections.abc import Awaitable, Callable

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from calibration.chip import ChipUnderTest
from calibration.faults import ChannelFault, Fault
from calibration.instruments.fits import fitted
from calibration.instruments.result import Measured, Quantity
from calibration.mesh.measuring import Progress

__all__ = ["calibrate_receivers", "cost"]

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]

BOW = 1.5 * np.sqrt(3.0)

READINGS, REPEATS, DARK_REPEATS = 8, 64, 512

LEVELS, LEAST, MOST, WANTED_LSB = 512, 6, 24, 0.1

LIT = 0.02
"""Of full scale: an output whose light is less, with all inputs on, is dark."""

REACH = 0.85
"""Part of a receiver's range that is used."""


def cost(ports: int) -> int:
    """Readings at least, each of many vectors."""
    return 2 * READINGS + 2 * LEAST * ports


class _Bench:
    """The board as it is read here: counts, and spreads levels between the codes."""

    def __init__(self, chip: ChipUnderTest, bits: int, rng: Generator) -> None:
        self.chip, self.rng = chip, rng
        self.lsb = 2.0 ** (1 - bits)
        self.readings = 0

    async def read(self, fields: ComplexArray, repeats: int) -> ComplexArray:
        """Readings whose scatter tells the noise, shape (READINGS, outputs, batch)."""
        self.readings += READINGS
        return np.stack(
            [await self.chip.measure_readings(fields, repeats) for _ in range(READINGS)]
        )

    async def bow(
        self, inputs: ComplexArray, seen_as: Callable[[ComplexArray], FloatArray], range_: float
    ) -> tuple[float, float]:
        """Coefficient of x^3 of what is seen while all inputs go through x, and its sigma.

        Args:
            inputs: shape (ports,), what is sent at x = 1.
            seen_as: from readings of shape (outputs, LEVELS) to the one that bows.
            range_: size of a bow of 1, to judge what is known well enough.
        """
        third: list[float] = []
        while len(third) < LEAST or (len(third) < MOST and _sigma(third) > WANTED_LSB * range_):
            spread = self.rng.uniform(-0.5, 0.5, LEVELS) * 2.0 / LEVELS
            x = np.linspace(-1.0, 1.0, LEVELS) * (1.0 - 1.0 / LEVELS) + spread
            x = np.clip(x, -1.0, 1.0)
            seen = seen_as(await self.chip.measure_readings(inputs[:, None] * x))
            design = np.stack([np.ones_like(x), x, x**2, x**3], axis=1)
            third.append(float(fitted(design, seen, np.ones_like(x)).values[3]))
            self.readings += 1
        return float(np.mean(third)), _sigma(third)


async def calibrate_receivers(
    name: str,
    chip: ChipUnderTest,
    bits: int,
    set_light: Callable[[float], Awaitable[None]],
    *,
    rng: Generator,
    progress: Progress,
) -> Measured:
    """Measure the fast converters of a board; its light is left at full.

    Args:
        name: the board's.
        chip: it can be read.
        bits: resolution of its converters.
        set_light: sets its attenuator: 0 is dark, 1 is full.
        rng: spreads the levels between the codes.
        progress: told how far it is.

    Raises:
        DeviceError: the board failed.
    """
    bench, ports = _Bench(chip, bits, rng), chip.architecture.ports
    await set_light(0.0)
    try:
        seen = await bench.read(np.zeros((ports, 1), complex), DARK_REPEATS)
    finally:
        await set_light(1.0)
    found = offsets(name, seen[:, :, 0], bench.lsb)
    transfer = (await bench.read(np.eye(ports, dtype=complex), REPEATS)).mean(axis=0)
    faults = dark_outputs(name, transfer)
    dark = {fault.channel for fault in faults}
    inputs = []
    for port in range(ports):
        inputs.append(await modulator(name, bench, transfer, port))
        progress("modulators", (port + 1) / ports)
    common = mean_of(inputs) * bench.lsb
    outputs = []
    for output in (k for k in range(ports) if k not in dark):
        outputs.append(await receiver(name, bench, transfer, output, common))
        progress("receivers", (output + 1) / ports)
    return Measured((*found, *inputs, *outputs), tuple(faults), bench.readings)


def offsets(name: str, seen: ComplexArray, lsb: float) -> list[Quantity]:
    """Dark readings of both quadratures, of full scale; shape (READINGS, outputs)."""
    found = []
    for quantity, part in (("dark_in_phase", seen.real), ("dark_quadrature", seen.imag)):
        mean, sigma = part.mean(axis=0), part.std(axis=0, ddof=1) / np.sqrt(len(part))
        # Noise that does not reach a step of the converter does not show, nor what it hides.
        sigma = np.maximum(sigma, lsb / np.sqrt(12.0) / np.where(sigma > 0.02 * lsb, 20.0, 1.0))
        found += [
            Quantity(name, k, quantity, float(mean[k]), float(sigma[k])) for k in range(len(mean))
        ]
    return found


def dark_outputs(name: str, transfer: ComplexArray) -> list[ChannelFault]:
    """Outputs that no light reaches."""
    reach = np.abs(transfer).sum(axis=1)
    return [
        ChannelFault(name, k, Fault.DARK, f"reads {reach[k]:.2g} of full scale with all inputs on")
        for k in np.flatnonzero(reach < LIT).tolist()
    ]


async def modulator(name: str, bench: _Bench, transfer: ComplexArray, port: int) -> Quantity:
    """Bow of one input's modulator, in LSB, at all the outputs that it reaches."""
    path = transfer[:, port]
    turned_back = path.conj() / np.sum(np.abs(path) ** 2)  # what bows is real then
    inputs = np.zeros(len(transfer), complex)
    inputs[port] = 1.0
    size = BOW * bench.lsb
    third, sigma = await bench.bow(inputs, lambda seen: (turned_back @ seen).real, size)
    return Quantity(name, port, "modulator_inl_lsb", -third / size, sigma / size)


async def receiver(
    name: str, bench: _Bench, transfer: ComplexArray, output: int, modulator_inl: float
) -> Quantity:
    """Bow of one output's receiver, in LSB, in phase, with the modulators' taken off."""
    path = transfer[output]
    scale = min(1.0, REACH / float(np.abs(path).sum()))
    inputs = scale * path.conj() / np.abs(path)
    reach = scale * float(np.abs(path).sum())
    size = BOW * reach**3 * bench.lsb
    third, sigma = await bench.bow(inputs, lambda seen: seen[output].real, size)
    # What the modulators bend of it: each quadrature of each input by its own size.
    bent = float((path * (inputs.real**3 + 1.0j * inputs.imag**3)).sum().real)
    own = -third - BOW * modulator_inl * bent
    return Quantity(name, output, "receiver_inl_lsb", own / size, sigma / size)


def _sigma(values: list[float]) -> float:
    """Standard error of a mean."""
    return float(np.std(values, ddof=1) / np.sqrt(len(values)))


def mean_of(found: list[Quantity]) -> float:
    """Weighted mean of the values: one type of converter, whose single bows are noisier."""
    weights = np.array([one.sigma**-2.0 for one in found])
    return float(np.average([one.value for one in found], weights=weights))
