"""The lab config: one validated file describes a bench.

- plants: what the twins act on, one heat and light model per photonic board;
- control: what each board's 1 kHz loop is told;
- instruments: which drivers there are, and who answers for each;
- job: the main job, digits read in the light, undisturbed and disturbed;
- calibration: where calibrations are kept, and how long they hold;
- record: what the run folder keeps;
- facility: the room's cooling, which is told of heat and tells of air.
"""

from lumina.runtime.config.loading import backend_problems, load_config
from lumina.runtime.config.models import (
    BenchConfig,
    CalibrationConfig,
    DisturbanceConfig,
    JobConfig,
    RecordConfig,
)

__all__ = [
    "BenchConfig",
    "CalibrationConfig",
    "DisturbanceConfig",
    "JobConfig",
    "RecordConfig",
    "backend_problems",
    "load_config",
]
