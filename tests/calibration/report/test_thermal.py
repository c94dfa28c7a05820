"""What a report says of an identified thermal plant."""

from calibration.report._thermal import thermal_sections, thermal_tiles
from lumina.store.report._figure import plotting
from lumina.store.report.kit import join
from tests.calibration.thermal.identified import some_identification
from tests.store.test_report import Page


def test_parameters_margins_swings_and_residuals_are_shown() -> None:
    found = some_identification()
    with plotting():
        page = Page(join(*thermal_sections("npu", found)))
    page.assert_harmless()
    for shown in ("Carrier capacity", "37 J/K", "as believed", "35.0 dB", "151", "Found against"):
        assert shown in page.text, shown


def test_the_tiles_show_the_least_margins() -> None:
    tiles = {name: value for value, name, _ in thermal_tiles(some_identification(fan_swing=False))}
    assert tiles == {"gain margin": "35 dB", "phase margin": "73°", "maximum sensitivity": "1.14"}
