"""One photonic board and all that is coupled to it, as a software twin."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lumina.errors import UsageError
from lumina.frames import ActuatorFrame, SensorFrame
from lumina.theory.architecture import ChipArchitecture
from lumina.theory.mesh_kernels import transfer
from twin.chip import build_chip
from twin.config import PlantConfig
from twin.cooling import build_cooling
from twin.heaters import build_heaters
from twin.kernel import Heat, PlantArrays, copied_at_rest, plant_ticks
from twin.optics import build_optics
from twin.parts import as_built
from twin.rails import build_rails
from twin.receivers import (
    amplitude_gain,
    build_receivers,
    check_fields,
    detect,
    modulate,
    pass_through,
)
from twin.records import PLANT_INPUTS, PLANT_STATE, SENSORS, TICK_S
from twin.rings import bank_transfer
from twin.sensors import build_sensors
from twin.taps import build_taps, tap_fields, tap_readings
from twin.wander import build_wander

__all__ = ["Plant"]

BLOCK = 2048
"""Vectors that are multiplied at a time, so that fields and noise stay in the cache."""


class Plant:
    """The coupled plant of one board: heat, phases, light, power, sensors.

    It knows no I/O and no clock. The 1 kHz loop advances it through `arrays` in compiled
    code; twin drivers and disturbances write `inputs`; everything in it is a function of
    the config, the two seeds, and what was written before which tick.

    Attributes:
        config: what it is: as given, with the parts that the chip seed decides drawn.
        chip_seed: names the chip, the parts and the instruments around it.
        chip: the truth about the chip, drawn from the chip seed.
        architecture: ports, and the interferometers or rings between them.
        arrays: the plant for compiled code.
        inputs: shape (1,), dtype PLANT_INPUTS: the outside world's words.
        sensor: the sensor frame of the last tick.
        actuator: the actuator frame in force; all zeros at first, the safe state.
    """

    def __init__(self, config: PlantConfig, *, seed: int, chip_seed: int) -> None:
        """Build a plant at ambient temperature, unlit and unloaded, at tick 0.

        Args:
            config: its parts.
            seed: names the noise of this run, 0 or more.
            chip_seed: names the chip and the parts around it, 0 or more.
        """
        self.config = config = as_built(config, chip_seed)
        self.chip_seed = chip_seed
        self.chip = build_chip(config.chip, chip_seed, config.receivers)
        self.architecture: ChipArchitecture = self.chip.architecture
        self.inputs = _initial_inputs(config)
        self.arrays = self._build_arrays(seed)
        self.sensor = SensorFrame.zeros(self.architecture.ports)
        self.actuator = ActuatorFrame.zeros(self.architecture.shifters)
        self._has_rings = self.architecture.kind == "rings"
        self._receivers = build_receivers(config, self.chip, self.arrays.optics)
        self._taps = build_taps(config, self.chip, self.arrays.optics)
        self._transfer: tuple[int, NDArray[np.complex128]] | None = None
        self._arms: tuple[int, NDArray[np.complex128]] | None = None

    def _build_arrays(self, seed: int) -> PlantArrays:
        config, ports = self.config, self.architecture.ports
        state = np.zeros(1, PLANT_STATE)
        state["seed"], state["laser_drift"] = seed, 1.0
        normals = SENSORS + ports + 1
        return PlantArrays(
            state=state,
            inputs=self.inputs,
            heat=_build_heat(config),
            cooling=build_cooling(config),
            heaters=build_heaters(config, self.chip),
            optics=build_optics(config, self.chip),
            sensors=build_sensors(config),
            rails=build_rails(config.rails),
            wander=build_wander(config, self.chip),
            noise=np.zeros(normals + normals % 2),
        )

    @property
    def tick(self) -> int:
        """Ticks since the start."""
        return int(self.arrays.state["tick"][0])

    @property
    def heater_v(self) -> NDArray[np.float64]:
        """Drive by a stand-alone heater driver, in V, shape (shifters,); write into it."""
        return self.arrays.heaters.instrument_v

    def step(self, ticks: int = 1) -> None:
        """Advance under the held actuator frame."""
        plant_ticks(self.arrays, self.actuator, self.sensor, ticks)

    def temperatures_c(self) -> dict[str, float]:
        """True temperature of every thermal node, in C."""
        values = self.arrays.heat.temperature_c.tolist()
        return dict(zip(self.config.thermal.nodes, values, strict=True))

    def heater_current_a(self) -> NDArray[np.float64]:
        """Current of every heater's driver, in A, shape (shifters,)."""
        heaters = self.arrays.heaters
        driven = heaters.drive_v > 0.0
        current_a = np.zeros_like(heaters.power_w)
        np.divide(heaters.power_w, heaters.drive_v, out=current_a, where=driven)
        shorted = int(self.inputs["heater_short"][0]) - 1
        if 0 <= shorted < current_a.size and driven[shorted]:
            current_a[shorted] = heaters.short_a
        return current_a

    def output_power_w(self) -> NDArray[np.float64]:
        """Light at every output port in the last tick, in W, shape (ports,)."""
        return self.arrays.optics.output_power_w.copy()

    def detected_power_w(self) -> NDArray[np.float64]:
        """The same as its detector sees it, stray light included, in W, shape (ports,)."""
        return self.output_power_w() + float(self.inputs["stray_light_w"][0])

    def transfer_matrix(self) -> NDArray[np.complex128]:
        """Fields out over fields in, losses included, as the chip stood in the last tick.

        Of a weight bank: difference of the powers on a row's photodiodes over power in.

        Returns:
            Shape (outputs, inputs), read-only, free of noise, modulus of 1 or less.
        """
        matrix = self._transfer_of(*self._at_rest())
        return matrix.real.astype(complex) if self._has_rings else matrix

    def seen_matrix(self) -> NDArray[np.complex128]:
        """The transfer matrix as coherent receivers without noise or converters would read it.

        Returns:
            Shape (outputs, inputs), of full scale: every receiver's gain and wiring included.
        """
        receivers = self._receivers
        scale = amplitude_gain(receivers, float(self.arrays.state["chip_power_w"][0]))
        matrix = self.transfer_matrix()[receivers.output]
        return np.multiply(scale * receivers.gain[:, None], matrix)

    def multiply(self, fields: NDArray[np.complex128]) -> NDArray[np.complex128]:
        """Send vectors through the light as the chip stands now.

        Args:
            fields: shape (ports, batch), of the modulators' full scale; more is clipped.
                Amplitudes, but powers of 0 .. 1 for a weight bank.

        Returns:
            Shape (ports, batch): amplitudes (coherent), powers (direct) or differences of
            powers (balanced) as converted, in units of the receivers' full scale. A path of
            full transmission at nominal laser power reads `receivers.full_scale_share`; so
            does a weight bank's row with all channels bright at weight 1.

        Raises:
            MatrixError: the shape is not (ports, batch), or a value is not finite.
        """
        return self.expose(fields)[0]

    def expose(self, fields: NDArray[np.complex128]) -> tuple[NDArray[np.complex128], Any]:
        """As `multiply`, with the plant's state (of dtype PLANT_STATE) at that moment."""
        check_fields(self._receivers, fields)
        state, phase_rad = self._at_rest()
        matrix = self._transfer_of(state, phase_rad)
        readings = np.empty(fields.shape, np.complex128)
        for first in range(0, fields.shape[1], BLOCK):
            self.arrays.state["operations"] += 1
            state["operations"] = self.arrays.state["operations"][0]
            block = slice(first, first + BLOCK)
            outputs = pass_through(matrix, modulate(self._receivers, fields[:, block]))
            readings[:, block] = detect(self._receivers, state, self.inputs[0], outputs)
        return readings, state

    def expose_taps(self, fields: NDArray[np.complex128]) -> tuple[NDArray[np.float64], Any]:
        """Send vectors through the light and read the taps inside the mesh.

        Args:
            fields: as of `multiply`.

        Returns:
            Powers as converted, shape (taps, batch), of the taps' full scale, dark currents
            included; and the plant's state (of dtype PLANT_STATE) at that moment.

        Raises:
            MatrixError: as of `multiply`.
            UsageError: the chip has no taps.
        """
        if not self._taps.arm.size:
            raise UsageError("the chip has no taps inside its mesh")
        check_fields(self._receivers, fields)
        state, phase_rad = self._at_rest()
        self.arrays.state["operations"] += 1
        state["operations"] = self.arrays.state["operations"][0]
        arms = pass_through(self._arms_of(state, phase_rad), modulate(self._receivers, fields))
        return tap_readings(self._taps, self.arrays.optics, state, arms), state

    def _arms_of(self, state: Any, phase_rad: NDArray[np.float64]) -> NDArray[np.complex128]:
        tick = int(state["tick"])
        if self._arms is None or self._arms[0] != tick:
            self._arms = tick, tap_fields(self._taps, self.arrays.optics, phase_rad)
        return self._arms[1]

    def _at_rest(self) -> tuple[Any, NDArray[np.float64]]:
        """State and phases as they stood between two ticks; another thread may be ticking."""
        state = np.empty(1, PLANT_STATE)
        phase_rad = np.empty_like(self.arrays.heaters.phase_rad)
        while not copied_at_rest(
            self.arrays.state, self.arrays.heaters.phase_rad, state, phase_rad
        ):
            pass
        return state[0], phase_rad

    def _transfer_of(self, state: Any, phase_rad: NDArray[np.float64]) -> NDArray[np.complex128]:
        tick = int(state["tick"])
        if self._transfer is None or self._transfer[0] != tick:
            optics = self.arrays.optics
            ends = optics.path * optics.facet[1][:, None] * optics.facet[0]
            if self._has_rings:
                matrix = ends**2 * bank_transfer(optics.bank, phase_rad)
            else:
                matrix = ends * transfer(optics.mesh, optics.couplers, phase_rad)
            matrix.flags.writeable = False
            self._transfer = tick, matrix
        return self._transfer[1]


def _initial_inputs(config: PlantConfig) -> np.ndarray[tuple[int], np.dtype[np.void]]:
    """A quiet room, the bench supply on, the laser tuned but dark."""
    inputs = np.zeros(1, PLANT_INPUTS)
    inputs["ambient_c"] = config.environment.ambient_c
    inputs["laser_power_w"] = config.laser.power_w
    inputs["laser_wavelength_m"] = config.laser.wavelength_m
    inputs["supply_on"] = 1.0
    inputs["regulator_target_c"] = config.environment.ambient_c
    inputs["regulator_limit_a"] = config.tec.limit_a
    return inputs


def _build_heat(config: PlantConfig) -> Heat:
    """The thermal network at ambient temperature."""
    nodes = [*config.thermal.nodes]
    return Heat(
        step=config.heat_network().discretise(TICK_S),
        die=nodes.index(config.thermal.die),
        compute_limit_w=config.compute.limit_w,
        temperature_c=np.full(len(nodes), config.environment.ambient_c),
        heat_w=np.zeros(len(nodes)),
        scratch=np.zeros(len(nodes)),
    )
