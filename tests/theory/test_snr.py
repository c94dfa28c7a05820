import pytest

from lumina.theory.snr import CHANNELS, SCENARIOS, SnrScenario, channel_matrix, published_snr_db


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_the_published_table_follows_from_its_definition(scenario: SnrScenario) -> None:
    outputs = channel_matrix(scenario.crosstalk, scenario.loss_db)

    assert outputs.shape == (CHANNELS, CHANNELS)
    assert published_snr_db(outputs) == pytest.approx(scenario.snr_db, abs=0.05)


def test_the_figure_is_crosstalk_alone_loss_hardly_enters_it() -> None:
    with_loss = published_snr_db(channel_matrix(0.05, 3.0))
    without = published_snr_db(channel_matrix(0.05, 0.0))

    assert with_loss == pytest.approx(without, abs=1e-3)


def test_an_inner_channel_keeps_its_power_sum_and_an_edge_channel_loses_its_outer_leak() -> None:
    outputs = channel_matrix(0.02, 0.0)

    assert outputs[:, 5].sum() == pytest.approx(1.0)
    assert outputs[:, 0].sum() == pytest.approx(0.99)
