"""The routine thermal in a calibration run: before the lock, then used by every bring-up."""

import json
from dataclasses import replace
from pathlib import Path

from lumina.runtime.bench import open_bench
from lumina.runtime.calibrating import CalibrationPlan, run_calibration, run_check
from lumina.runtime.config import load_config
from lumina.runtime.stored import Calibrations
from lumina.runtime.virtual_time import run_virtual
from lumina.runtime.wall_clock import utc_now

SMALL = Path(__file__).parents[3] / "lab_configs/small.yaml"


def test_the_plant_is_identified_before_the_mesh_and_used_at_the_next_bring_up(
    tmp_path: Path,
) -> None:
    config = tmp_path / "boards.yaml"
    config.write_text(f"extends: {SMALL}\nname: boards\nplants: {{main: {{spread: 0.1}}}}\n")
    plan = CalibrationPlan(
        config=config,
        backend=None,
        virtual=True,
        seed=3,
        chip_seed=4,
        root=tmp_path / "runs",
        calibrations=tmp_path / "calibrations",
        command=("lumina", "calibrate"),
        routines=("mesh", "thermal"),
    )
    done = run_calibration(plan, utc_now)
    routines = done["calibrations"]["npu"]["routines"]
    assert list(routines) == ["thermal", "mesh"]
    json.dumps(routines, allow_nan=False)
    thermal = routines["thermal"]
    assert thermal["tec_idle_phase_margin_deg"] > 45.0
    assert thermal["tec_loaded_gain_margin_db"] > 6.0

    async def believed() -> float:
        calibrations = Calibrations(plan.store, utc_now())
        settings = load_config(config)
        async with open_bench(settings, chip_seed=4, calibrations=calibrations) as bench:
            return bench.device.loop.thermal_model.carrier_capacity_j_per_k

    assert run_virtual(believed()) == thermal["carrier_capacity_j_per_k"]
    checked = run_check(replace(plan, routines=()), utc_now)["checks"]["npu"]["routines"]
    assert checked["thermal"]["holds"]
    assert checked["mesh"]["holds"]
