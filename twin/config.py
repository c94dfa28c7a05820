"""What a plant is made of: one validated section per part of the bench.

The defaults are the reference plant: its thermal figures, sensors and metering are those
on which the control's accuracy is quoted. Sources of defaults: [P] public paper or data
sheet, [D] derived, [T] textbook value, [R] the reference plant's definition.
"""

from collections.abc import Iterator
from typing import Literal, Self

from pydantic import Field, model_validator

from lumina.frames import MAX_RAILS
from lumina.theory.heat import AMBIENT, HeatNetwork
from lumina.theory.peltier import PeltierParameters
from lumina.theory.thermistor import ThermistorLaw
from twin.config_instruments import InstrumentsConfig
from twin.config_optics import ChipConfig, LaserConfig, ReceiverConfig, Section, WiringConfig

__all__ = [
    "ComputeConfig",
    "EnvironmentConfig",
    "FanConfig",
    "HeatLinkConfig",
    "HeatNodeConfig",
    "PlantConfig",
    "PlantRailConfig",
    "RegulatorConfig",
    "SensorConfig",
    "SensorsConfig",
    "SteinhartHartConfig",
    "TecConfig",
    "ThermalConfig",
]


class HeatNodeConfig(Section):
    """A lump of matter at one temperature."""

    capacity_j_per_k: float = Field(
        ge=0, le=1e6, description="heat capacity, J/K; 0 follows its neighbours at once"
    )


class HeatLinkConfig(Section):
    """A thermal resistance between two nodes, or a node and the ambient."""

    between: tuple[str, str] = Field(description='names of two nodes, or of a node and "ambient"')
    resistance_k_per_w: float = Field(gt=0, le=1e6, description="thermal resistance, K/W")


class ThermalConfig(Section):
    """The passive thermal network. TEC and fan join it at nodes of their own sections."""

    nodes: dict[str, HeatNodeConfig] = Field(
        default_factory=lambda: {
            "die": HeatNodeConfig(capacity_j_per_k=1.0),
            "carrier": HeatNodeConfig(capacity_j_per_k=40.0),
            "sink": HeatNodeConfig(capacity_j_per_k=140.0),
        },
        min_length=1,
        max_length=64,
        description="nodes by name [R]",
    )
    links: tuple[HeatLinkConfig, ...] = Field(
        (HeatLinkConfig(between=("die", "carrier"), resistance_k_per_w=0.15),),
        description="passive links [R]",
    )
    die: str = Field("die", description="node that heaters and compute load warm")

    @model_validator(mode="after")
    def _known_nodes(self) -> Self:
        if AMBIENT in self.nodes:
            raise ValueError(f'"{AMBIENT}" is the boundary and cannot be a node')
        for link in self.links:
            for name in link.between:
                if name not in self.nodes and name != AMBIENT:
                    raise ValueError(f"link {link.between}: no node {name!r}")
        return self


class RegulatorConfig(Section):
    """PI regulator inside a stand-alone TEC controller."""

    # k' = S T_c / C = 0.4 K/s per A; crossover at 1 rad/s leaves 60 degrees with the lag.
    kp_a_per_k: float = Field(2.5, gt=0, le=1000, description="proportional gain, A/K [D]")
    ki_a_per_k_s: float = Field(0.5, ge=0, le=1000, description="integral gain, A/(K s) [D]")


class TecConfig(Section):
    """Peltier module between two nodes, and the driver that feeds it."""

    cold_node: str = Field("carrier", description="node that positive current cools")
    hot_node: str = Field("sink", description="node that takes the heat")
    seebeck_v_per_k: float = Field(0.05, gt=0, le=1, description="Seebeck coefficient, V/K [R]")
    resistance_ohm: float = Field(0.8, gt=0, le=100, description="electrical resistance, ohm [R]")
    conductance_w_per_k: float = Field(0.9, gt=0, le=100, description="K of the module, W/K [R]")
    seebeck_tempco_per_k: float = Field(
        0.0, ge=-0.01, le=0.01, description="relative change of S, 1/K; Bi2Te3 about 1.6e-3 [T]"
    )
    resistance_tempco_per_k: float = Field(
        0.0, ge=-0.01, le=0.01, description="relative change of R, 1/K; Bi2Te3 about 4.9e-3 [T]"
    )
    conductance_tempco_per_k: float = Field(
        0.0, ge=-0.01, le=0.01, description="relative change of K, 1/K; Bi2Te3 about -1.8e-3 [T]"
    )
    reference_c: float = Field(
        25.0, ge=-40, le=150, description="mean temperature at which S, R, K hold, C"
    )
    limit_a: float = Field(8.0, gt=0, le=50, description="largest current of the driver, A [R]")
    compliance_v: float = Field(
        12.0, gt=0, le=100, description="voltage of the driver into an open module, V [T]"
    )
    slew_a_per_s: float = Field(
        1000.0, gt=0, le=1e6, description="fastest change of the current, A/s [T]"
    )
    regulator: RegulatorConfig = Field(
        default_factory=RegulatorConfig,
        description="regulator of a stand-alone controller on this TEC",
    )

    def parameters(self) -> PeltierParameters:
        """The module for `lumina.theory.peltier`."""
        return PeltierParameters(
            self.seebeck_v_per_k,
            self.resistance_ohm,
            self.conductance_w_per_k,
            self.seebeck_tempco_per_k,
            self.resistance_tempco_per_k,
            self.conductance_tempco_per_k,
            self.reference_c,
        )


class FanConfig(Section):
    """Fan on the heat sink: how speed turns into conductance to the ambient air."""

    node: str = Field("sink", description="node that the fan cools")
    still_air_k_per_w: float = Field(
        1.04, gt=0, le=100, description="sink to ambient at rest, K/W [R]"
    )
    full_speed_k_per_w: float = Field(
        0.15, gt=0, le=100, description="sink to ambient at full speed, K/W [R]"
    )
    full_speed_rpm: float = Field(
        4000.0, ge=100, le=4000, description="full speed, RPM; also the speed limit [R]"
    )
    exponent: float = Field(
        0.8, ge=0.3, le=1.0, description="forced convection grows as speed to this power [T]"
    )
    spin_up_s: float = Field(0.5, ge=0.001, le=60, description="time constant of the speed, s [T]")

    @model_validator(mode="after")
    def _fan_helps(self) -> Self:
        if self.full_speed_k_per_w > self.still_air_k_per_w:
            raise ValueError("full_speed_k_per_w cannot exceed still_air_k_per_w")
        return self


class SteinhartHartConfig(Section):
    """A thermistor that departs from the beta law by which it is linearised."""

    a: float = Field(gt=0, le=0.01, description="constant term, 1/K")
    b: float = Field(gt=0, le=0.01, description="coefficient of ln(R / ohm), 1/K")
    c: float = Field(ge=0, le=1e-5, description="coefficient of ln(R / ohm)^3, 1/K")


class SensorConfig(Section):
    """NTC thermistor on one node, in a ratiometric divider read by a 24-bit converter."""

    node: str = Field(description="node that the thermistor touches")
    resistance_25c_ohm: float = Field(10e3, gt=0, le=1e7, description="resistance at 25 C, ohm [P]")
    beta_k: float = Field(3435.0, ge=1000, le=10000, description="beta, K [P]")
    steinhart_hart: SteinhartHartConfig | None = Field(None, description="in place of the beta law")
    reference_ohm: float = Field(10e3, gt=0, le=1e7, description="divider's fixed resistor, ohm")
    lag_s: float = Field(0.2, ge=0, le=60, description="first-order lag, s [R]")
    noise_k: float = Field(
        0.001, ge=0, le=10, description="equivalent rms noise of one sample at 1 kHz, K [R]"
    )
    excitation_v: float = Field(
        0.0, ge=0, le=5, description="voltage across the divider, which warms the bead, V; 0 none"
    )
    dissipation_w_per_k: float = Field(
        1.5e-3, gt=0, le=1, description="dissipation constant of the bead, W/K; 1-2 mW/K [T]"
    )

    def law(self) -> ThermistorLaw:
        """Resistance against temperature."""
        if self.steinhart_hart is not None:
            return ThermistorLaw(**self.steinhart_hart.model_dump())
        return ThermistorLaw.from_beta(self.resistance_25c_ohm, self.beta_k)


class SensorsConfig(Section):
    """The four thermistors of the sensor frame."""

    carrier_a: SensorConfig = Field(default_factory=lambda: SensorConfig(node="carrier"))
    carrier_b: SensorConfig = Field(default_factory=lambda: SensorConfig(node="carrier"))
    die: SensorConfig = Field(default_factory=lambda: SensorConfig(node="die"))
    sink: SensorConfig = Field(default_factory=lambda: SensorConfig(node="sink"))

    def in_frame_order(self) -> tuple[SensorConfig, ...]:
        """carrier_a, carrier_b, die, sink."""
        return (self.carrier_a, self.carrier_b, self.die, self.sink)


class ComputeConfig(Section):
    """The electrical compute load on the die, and how its power is metered."""

    limit_w: float = Field(200.0, gt=0, le=1000, description="largest load, W")
    meter_gain_error: float = Field(
        0.05, ge=-0.5, le=0.5, description="relative gain error of the metered power [R]"
    )
    meter_delay_s: float = Field(0.010, ge=0, le=1, description="delay of the metering, s [R]")


class PlantRailConfig(Section):
    """One power rail of the board. A part below 90 % of its rail's nominal does not work."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=32, description="rail name")
    voltage_v: float = Field(gt=0, le=60, description="nominal voltage, V")
    powers: Literal["laser", "heaters", "detectors", "tec", "none"] = Field(
        "none", description="part that needs the rail; heater and TEC power are drawn from it"
    )
    idle_w: float = Field(
        0.5, ge=0, le=200, description="fixed-power load at nominal voltage, W [T]"
    )
    time_constant_s: float = Field(
        0.002, ge=1e-4, le=1, description="regulator's response to its set point, s [T]"
    )
    capacitance_f: float = Field(
        470e-6, ge=0, le=1, description="capacitance charged by the ramp, F [T]"
    )
    short_ohm: float = Field(
        0.02, ge=1e-3, le=10, description="loop resistance when shorted by a fault, ohm [T]"
    )


class EnvironmentConfig(Section):
    """The room."""

    ambient_c: float = Field(25.0, ge=-40, le=85, description="air and start temperature, C [R]")


class PlantConfig(Section):
    """One photonic board with its chip, cooling, light and power: the reference plant."""

    spread: float = Field(
        0.0,
        ge=0,
        le=0.25,
        description="relative sigma of thermal parts, TEC, fan and sensor lags from board to "
        "board, drawn by the chip seed; 0 builds every board as written",
    )
    thermal: ThermalConfig = Field(default_factory=ThermalConfig)
    tec: TecConfig = Field(default_factory=TecConfig)
    fan: FanConfig = Field(default_factory=FanConfig)
    sensors: SensorsConfig = Field(default_factory=SensorsConfig)
    chip: ChipConfig = Field(default_factory=ChipConfig)
    laser: LaserConfig = Field(default_factory=LaserConfig)
    receivers: ReceiverConfig = Field(default_factory=ReceiverConfig)
    rails: tuple[PlantRailConfig, ...] = Field(
        (), max_length=MAX_RAILS, description="board rails; parts without a rail need the supply"
    )
    compute: ComputeConfig = Field(default_factory=ComputeConfig)
    environment: EnvironmentConfig = Field(default_factory=EnvironmentConfig)
    wiring: WiringConfig = Field(default_factory=WiringConfig)
    instruments: InstrumentsConfig = Field(default_factory=InstrumentsConfig)

    @model_validator(mode="after")
    def _wires_exist(self) -> Self:
        mesh, (heater, output, tap) = self.chip.architecture(), self.wiring.largest()
        if heater >= mesh.shifters:
            raise ValueError(f"wiring: no heater {heater} (allowed: 0 .. {mesh.shifters - 1})")
        if output >= mesh.ports:
            raise ValueError(f"wiring: no output {output} (allowed: 0 .. {mesh.ports - 1})")
        if tap >= self.chip.tap_count:
            allowed = f"0 .. {self.chip.tap_count - 1}" if self.chip.tap_count else "none"
            raise ValueError(f"wiring: no tap {tap} (allowed: {allowed})")
        return self

    @model_validator(mode="after")
    def _light_is_seen(self) -> Self:
        if (self.chip.kind == "rings") != (self.receivers.detection == "balanced"):
            raise ValueError(
                f"a chip of kind {self.chip.kind!r} with receivers.detection "
                f"{self.receivers.detection!r}: a bank of rings is read balanced, a mesh "
                "coherent or direct"
            )
        return self

    @model_validator(mode="after")
    def _nodes_exist(self) -> Self:
        for where, name in self._node_references():
            if name not in self.thermal.nodes:
                raise ValueError(f"{where}: no thermal node {name!r} among {[*self.thermal.nodes]}")
        # TEC and fan act by the temperatures at the start of each 1 ms step, which is
        # stable and accurate only on nodes that are slow against it.
        for where, name in (
            ("tec.cold_node", self.tec.cold_node),
            ("tec.hot_node", self.tec.hot_node),
            ("fan.node", self.fan.node),
        ):
            if self.thermal.nodes[name].capacity_j_per_k < 0.5:
                raise ValueError(f"{where}: node {name!r} needs a capacity of 0.5 J/K or more")
        return self

    @model_validator(mode="after")
    def _all_heat_leaves(self) -> Self:
        network = self.heat_network()
        if not all(network.reaches_ambient()):
            raise ValueError("thermal: some node has no way to the ambient: its heat never leaves")
        return self

    def _node_references(self) -> Iterator[tuple[str, str]]:
        """(field, node name) wherever a section names a node."""
        yield "thermal.die", self.thermal.die
        yield "tec.cold_node", self.tec.cold_node
        yield "tec.hot_node", self.tec.hot_node
        yield "fan.node", self.fan.node
        for name in ("carrier_a", "carrier_b", "die", "sink"):
            yield f"sensors.{name}.node", getattr(self.sensors, name).node

    def heat_network(self) -> HeatNetwork:
        """The linear part of the heat flow: links, K of the TEC and still air at the sink."""
        links = [(*link.between, 1.0 / link.resistance_k_per_w) for link in self.thermal.links]
        links.append((self.tec.cold_node, self.tec.hot_node, self.tec.conductance_w_per_k))
        links.append((self.fan.node, AMBIENT, 1.0 / self.fan.still_air_k_per_w))
        nodes = {name: node.capacity_j_per_k for name, node in self.thermal.nodes.items()}
        return HeatNetwork.build(nodes, links)
