"""The first calibration of a chip: from a data sheet to a model that programs matrices.

    first looks   offsets, noise, whether there is light
    sweeps        every heater over a turn: where it sits, its drive law, whether it works
    walk          phases and coupler errors read off along the mesh (`calibration.mesh.walk`)
    settings      a few dozen random settings
    close         on a large chip, a few close to where the sweeps stood
    warm          a few more on a warmer carrier, for the phase per kelvin of every shifter
    fit           the whole model fitted to all settings (`calibration.mesh.refine`)
    check         settings that no fit has seen

Where a chip has taps inside its mesh, neither sweeps nor their walk are needed: the random
settings come first, and the taps tell of all heaters at once (`calibration.mesh.tapped`).

Nothing is known beforehand but the data sheet; nothing is asked of the chip but what
`calibration.chip.ChipUnderTest` lists. How often each is measured follows from the noise; more
settings are taken until the phases are known well enough.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from calibration.chip import ChipUnderTest, mesh_of
from calibration.faults import ChannelFault, Fault, Part
from calibration.heaters import own_phases_rad
from calibration.mesh.measuring import HIGHEST_PHASE_RAD, Progress, Surveyor, Vicinity
from calibration.mesh.options import CalibrationOptions
from calibration.mesh.parameters import Block
from calibration.mesh.placing import Placed, placed
from calibration.mesh.reconstruct import attenuator_places
from calibration.mesh.refine import Fit, Snapshot, relative_error
from calibration.mesh.start import Start
from calibration.mesh.sweeping import Survey, survey
from calibration.mesh.tapped import AstrayError, survey_by_taps
from calibration.neighbours import Neighbours
from calibration.result import CalibrationQuality, ChipCalibration
from lumina.background import in_background
from lumina.errors import CalibrationError

__all__ = ["CalibrationOptions", "Progress", "calibrate_chip"]

_AT_ONE_TEMPERATURE = tuple(block for block in Block if block is not Block.TEMPCO)

_FEW_SETTINGS = 12
"""Settings that bring the guess into reach of the whole fit, at a third of its cost."""

_WITHIN_REACH = 0.5
"""Relative error of the transfer on random settings up to which fits find their way by steps."""

_CLOSE_SETTINGS, _CLOSE, _CLOSE_STEPS = 4, 0.125, 3
"""Settings taken where that is exceeded, the share of the way to them, and steps on them."""

_WORST_ERROR = 0.1
"""Relative error of the transfer on unseen settings above which the model is not this chip."""


async def calibrate_chip(
    chip: ChipUnderTest,
    *,
    rng: Generator,
    progress: Progress,
    options: CalibrationOptions | None = None,
) -> ChipCalibration:
    """Learn a chip through its own interfaces.

    Args:
        chip: brought up and at its carrier set point; left there, with its heaters at the
            last setting measured.
        rng: picks the random settings.
        progress: told how far each stage is.
        options: how much to measure.

    Returns:
        The chip, with the quality of what was found, and what is wrong with its channels.

    Raises:
        CalibrationError: no light, an unstable temperature, too many heaters without a fringe
            or some that fit nowhere (`channels` names them), or a chip that the model does
            not describe.
    """
    return await _Calibration(chip, rng, progress, options or CalibrationOptions()).run()


class _Calibration:
    """One calibration in the making."""

    def __init__(
        self, chip: ChipUnderTest, rng: Generator, progress: Progress, options: CalibrationOptions
    ) -> None:
        self._chip, self._progress, self._options = chip, progress, options
        self._rng = rng
        self._mesh = mesh_of(chip)
        self._surveyor = Surveyor(chip, rng, progress)
        self._repeats = 1

    async def run(self) -> ChipCalibration:
        """All stages in turn."""
        start = await self._start()
        warm = await self._warm_settings(start.guess)
        fit = await self._fitted(start.guess, start.settings, warm)
        unseen = await self._settings("check", fit.calibration, self._options.check_settings)
        return self._judged(fit, start, unseen)

    async def _start(self) -> Start:
        """By the taps inside the mesh, where it has any that tell of it; else by the outputs."""
        if not self._chip.taps:
            return await self._by_outputs()
        try:
            return await self._by_taps()
        except AstrayError as error:
            self._surveyor.forget()
            start = await self._by_outputs()
            return start._replace(faults=(*start.faults, *error.faults))

    async def _by_taps(self) -> Start:
        surveyor, options = self._surveyor, self._options
        start = await survey_by_taps(self._chip, surveyor, options, self._rng, self._progress)
        self._know_light(start.guess)
        if relative_error(start.guess, start.settings, self._snapshot_noise()) > _WITHIN_REACH:
            raise AstrayError(f"{self._chip.name}: its outputs are not what its taps say")
        return start

    async def _by_outputs(self) -> Start:
        """One heater after the other is swept, and seen at the outputs."""
        swept, place = await self._swept()
        guess = place.calibration
        self._know_light(guess)
        cool = await self._settings("settings", guess, self._options.settings)
        if relative_error(guess, cool, self._snapshot_noise()) > _WITHIN_REACH:
            guess = await self._with_crosstalk(guess, swept.base)
        fringes = swept.fringes
        return Start(guess, place.faults, cool, np.abs(fringes.phasor), fringes.visibility)

    def _know_light(self, guess: ChipCalibration) -> None:
        """Which receiver sees what, and how often a setting has to be seen."""
        self._surveyor.receiver = guess.receiver
        self._repeats = self._options.setting_repeats(self._surveyor.noise, abs(guess.gain))

    async def _swept(self) -> tuple[Survey, Placed]:
        """What sweeps and walk tell.

        Raises:
            CalibrationError: channels that fit nowhere in the layout.
        """
        swept, start = await self._read_off(None)
        channel, dimmers = start.calibration.channel, attenuator_places(self._mesh)
        if np.any(channel[dimmers] != dimmers):
            # Swept behind attenuators that were set by others' wires: once more, all open.
            swept, start = await self._read_off(channel)
        if start.homeless:
            names = ", ".join(map(str, start.homeless))
            raise CalibrationError(
                f"{self._chip.name}: not where the layout has them: shifters {names}; "
                "swapped wires?",
                start.homeless,
            )
        return swept, start

    async def _read_off(self, channel: NDArray[np.int64] | None) -> tuple[Survey, Placed]:
        swept = await survey(self._chip, self._surveyor, self._options, channel)
        offset = self._surveyor.offset.copy()
        return swept, await in_background(partial(placed, self._chip, swept, offset))

    async def _settings(
        self, stage: str, known: ChipCalibration, count: int, within: Vicinity | None = None
    ) -> list[Snapshot]:
        return await self._surveyor.random_settings(stage, known, count, self._repeats, within)

    async def _warm_settings(self, known: ChipCalibration) -> list[Snapshot]:
        """Random settings on a warmer carrier, which is back where it was afterwards."""
        options = self._options
        await self._chip.set_carrier_c(options.carrier_c + options.warm_k)
        try:
            return await self._settings("warm", known, options.warm_settings)
        finally:
            await self._chip.set_carrier_c(options.carrier_c)

    async def _with_crosstalk(self, guess: ChipCalibration, base: Snapshot) -> ChipCalibration:
        """The guess with crosstalk, as a few settings close to the sweeps' base tell it.

        What the chip's own warming turns is common to all shifters: it grows with the heaters,
        N^2 of them, and adds up along a path of N. At 64 ports the light of a random setting
        is whole turns away from where a guess without crosstalk has it, and no step leads
        back. Close to the base it is a fraction of a turn.

        Args:
            guess: the chip without crosstalk.
            base: what the guess was read off.
        """
        base_own_rad = own_phases_rad(guess, base.drive_v)
        vicinity = Vicinity(base_own_rad, _CLOSE)
        close = await self._settings("close", guess, _CLOSE_SETTINGS, vicinity)
        neighbours = Neighbours.of(self._mesh, guess.channel)
        fit = Fit(guess, neighbours, self._snapshot_noise(), base_own_rad)
        for _ in range(_CLOSE_STEPS):
            await in_background(partial(fit.step, close, (Block.CROSSTALK,)))
        return fit.calibration

    async def _fitted(
        self, guess: ChipCalibration, cool: Sequence[Snapshot], warm: Sequence[Snapshot]
    ) -> Fit:
        """The whole model, in steps that each come within reach of the next.

        More settings are taken until the phases are known as well as the options ask.
        """
        options = self._options
        neighbours = Neighbours.of(self._mesh, guess.channel)
        centre_rad = np.where(self._surveyor.idle, 0.0, 0.5 * HIGHEST_PHASE_RAD)
        fit = Fit(guess, neighbours, self._snapshot_noise(), centre_rad)
        few, everything = cool[:_FEW_SETTINGS], [*cool, *warm]
        plan = [
            *[(few, _AT_ONE_TEMPERATURE)] * 3,
            *[(warm, (Block.TEMPCO,))] * 2,
            *[(everything, tuple(Block)), (warm, (Block.TEMPCO,))] * 3,
        ]
        for number, (snapshots, blocks) in enumerate(plan):
            await in_background(partial(fit.step, snapshots, blocks))
            self._progress("fit", (number + 1) / len(plan))
        for _ in range(options.batches - 1):
            if self._known_to_rad(fit) <= options.phase_uncertainty_rad:
                break
            everything += await self._settings("more", fit.calibration, options.settings)
            await in_background(partial(fit.step, everything, tuple(Block)))
        return fit

    def _known_to_rad(self, fit: Fit) -> float:
        return float(np.median(fit.phase_uncertainty_rad[~self._surveyor.idle]))

    def _judged(self, fit: Fit, start: Start, unseen: Sequence[Snapshot]) -> ChipCalibration:
        """With its quality attached.

        Raises:
            CalibrationError: the model fails on settings that it has not seen.
        """
        surveyor, mesh = self._surveyor, self._mesh
        found = surveyor.in_full_light(fit.calibration)
        error = relative_error(fit.calibration, unseen, self._snapshot_noise())
        if error > _WORST_ERROR:
            raise CalibrationError(
                f"{self._chip.name}: the transfer is predicted to {error:.0%} only "
                f"(allowed: {_WORST_ERROR:.0%}): unstable temperature, or another kind of chip"
            )
        quality = CalibrationQuality(
            fringe_amplitude=start.fringe_amplitude,
            visibility=start.visibility,
            phase_uncertainty_rad=fit.phase_uncertainty_rad,
            noise=surveyor.noise,
            transfer_error=error,
            residual_rad=error / np.sqrt(mesh.meshes * mesh.ports),
            measurements=surveyor.measurements,
        )
        faults = (*start.faults, *self._saturated(found))
        return replace(found, quality=quality, faults=faults)

    def _saturated(self, found: ChipCalibration) -> Iterator[ChannelFault]:
        """Receivers that full inputs would drive beyond their range."""
        for receiver in np.flatnonzero(self._surveyor.strong).tolist():
            output = int(np.flatnonzero(found.receiver == receiver)[0])
            gain = float(found.output_gain[output] / np.median(found.output_gain))
            reason = f"reads {gain:.1f} times what the others do; was measured in dimmed light"
            yield ChannelFault(Part.OUTPUT, receiver, Fault.SATURATED, reason)

    def _snapshot_noise(self) -> float:
        return self._surveyor.noise / float(np.sqrt(self._repeats))
