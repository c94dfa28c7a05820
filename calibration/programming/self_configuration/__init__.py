"""A unitary matrix set up on a mesh that nobody has calibrated, by nulling light."""

from calibration.programming.self_configuration._options import SelfConfigurationOptions
from calibration.programming.self_configuration._procedure import (
    SelfConfiguration,
    self_configured,
)

__all__ = ["SelfConfiguration", "SelfConfigurationOptions", "self_configured"]
