"""What a controller believes of the plant that it keeps at a temperature.

    load -> die -[resistance]- carrier -[TEC]- sink -[air, fan]- inlet air

`ThermalModel` is at once the section `thermal_model` of a lab config, what the control law
computes with, and what an identification hands back. It is never read from a plant: a twin
has parameters of its own, from which these may differ as a data sheet does from a part.
"""

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["ThermalModel"]


class ThermalModel(BaseModel):
    """Beliefs about one plant; the defaults are what data sheets and drawings say.

    Every value is checked against its range whenever a model is made:

        ThermalModel(**{**model.model_dump(), "carrier_capacity_j_per_k": 40.0})
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    die_capacity_j_per_k: float = Field(1.08, gt=0, le=1e3, description="heat of the die, J/K")
    die_resistance_k_per_w: float = Field(
        0.14, gt=0, le=100, description="thermal resistance from die to carrier, K/W"
    )
    heater_resistance_ohm: float = Field(
        800.0, gt=0, le=1e6, description="a phase shifter's heater, to count its power, ohm"
    )
    meter_gain: float = Field(
        1.0, ge=0.1, le=10, description="true compute power per metered compute power"
    )
    meter_delay_s: float = Field(
        0.010, ge=0, le=1, description="by how much metered compute power is late, s"
    )
    carrier_capacity_j_per_k: float = Field(
        43.0, gt=0, le=1e5, description="heat of the carrier, J/K"
    )
    tec_seebeck_v_per_k: float = Field(0.053, gt=0, le=1, description="Seebeck coefficient, V/K")
    tec_resistance_ohm: float = Field(
        0.75, gt=0, le=100, description="electrical resistance of the TEC, ohm"
    )
    tec_conductance_w_per_k: float = Field(
        0.85, gt=0, le=100, description="thermal conductance of the TEC, W/K"
    )
    sink_capacity_j_per_k: float = Field(150.0, gt=0, le=1e6, description="heat of the sink, J/K")
    still_air_k_per_w: float = Field(
        1.1, gt=0, le=100, description="sink to inlet air with the fan at rest, K/W"
    )
    full_speed_k_per_w: float = Field(
        0.16, gt=0, le=100, description="sink to inlet air at full speed, K/W"
    )
    full_speed_rpm: float = Field(4000.0, ge=100, le=4000, description="full speed, RPM")
    fan_exponent: float = Field(
        0.75, ge=0.3, le=1.0, description="forced convection grows as speed to this power"
    )
    fan_spin_up_s: float = Field(0.6, ge=0.001, le=60, description="time constant of the speed, s")
    fan_full_power_w: float = Field(
        6.0, ge=0, le=200, description="electrical power of the fan at full speed, W"
    )
    carrier_lag_s: float = Field(0.21, ge=0, le=60, description="lag of the carrier's sensors, s")
    die_lag_s: float = Field(0.21, ge=0, le=60, description="lag of the die's sensor, s")
    sink_lag_s: float = Field(0.21, ge=0, le=60, description="lag of the sink's sensor, s")
