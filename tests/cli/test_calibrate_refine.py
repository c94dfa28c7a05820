"""`lumina calibrate CONFIG refine`: single matrices bettered on the chip, for the lab book."""

from pathlib import Path

import pytest

from tests.cli.test_calibrate import bench_in, calibrated


@pytest.mark.soak
def test_refined_matrices_are_told_stored_and_reported(tmp_path: Path) -> None:
    config = bench_in(tmp_path)
    document = calibrated(config, "mesh", "refine")
    refined = document["calibrations"]["npu"]["routines"]["refine"]
    assert 0.0 <= refined["error_after"] < refined["error_before"] < 0.02
    assert refined["bench_s"] < 10.0
    assert "Routine refine on npu" in Path(document["report"]).read_text()
