"""An identification as it might come out, for tests of what is done with one."""

from calibration.thermal.quality import ChannelFit
from calibration.thermal.relay import RelaySwing
from calibration.thermal.result import ThermalIdentification
from calibration.thermal.tuning import LoopMargins, Tuning
from lumina.control.config import ControlConfig
from lumina.control.linear import Actuator
from lumina.theory.feedback import Margins
from lumina.theory.thermal_model import ThermalModel
from tests.calibration.thermal.believed_plant import TRUTH

__all__ = ["some_identification"]


def some_identification(fan_swing: bool = True) -> ThermalIdentification:
    control = ControlConfig()
    swing = RelaySwing(0.65, 0.003, 9, -1.1, 3.4, 0.066, -151.0, 58.0)
    return ThermalIdentification(
        model=TRUTH,
        sigma={"carrier_capacity_j_per_k": 0.001, "tec_seebeck_v_per_k": 0.002},
        believed=ThermalModel(),
        tuning=Tuning(
            tec=control.tec.pid,
            fan=control.fan.pid,
            closed_loop_s=0.3,
            margins=(
                LoopMargins(Actuator.TEC, 0.0, Margins(True, 35.0, float("inf"), 73.0, 1.14, 3.6)),
                LoopMargins(Actuator.FAN, 30.0, Margins(True, 49.0, 60.0, 88.0, 1.02, 0.02)),
            ),
        ),
        channels={
            "carrier_c": ChannelFit(1.6e-4, 1.6e-4, 3e-4, 0.95),
            "tec_voltage_v": ChannelFit(2e-5, 2e-4, 5e-6, 0.0),
        },
        tec_swing=swing,
        fan_swing=swing if fan_swing else None,
        carrier_c=45.0,
        inlet_c=25.0,
        air_offset_k=0.01,
        duration_s=150.0,
    )
