"""A campaign on real twins: safe where the guard is as shipped, told where it is not."""

import json
from pathlib import Path

import pytest
import typer

from drivers.registry import Backend
from lumina.cli.campaign import campaign
from lumina.errors import UsageError
from lumina.runtime.campaign import invariants
from lumina.runtime.campaign.running import run_campaign
from lumina.runtime.campaign.trial import draw_trial, run_trial

ROOT = Path(__file__).parents[3]
SMALL = ROOT / "lab_configs" / "small.yaml"


def test_the_same_trial_ends_the_same_way() -> None:
    trial = draw_trial(SMALL, 5, 26.0)
    assert run_trial(trial) == run_trial(trial)


def test_a_few_seeds_break_nothing() -> None:
    seen: list[int] = []
    found = run_campaign(SMALL, range(2), 0.01, told=lambda o: seen.append(o.trial.seed))
    assert found["failed"] == []
    assert seen == [0, 1]
    assert found["ticks_checked"] > 2 * 30_000
    assert found["worst_die_c"] < found["die_limit_c"]


def test_a_schedule_that_breaks_an_invariant_is_told_shortened_and_can_be_run_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(invariants, "DIE_LIMIT_C", 55.0)  # a neighbour's heat is enough
    faults = ["heater_open@14", "heat_pump:carrier=60@16", "fan_stall@16", "tec_open@15.5"]
    with pytest.raises(typer.Exit) as left:
        campaign(SMALL, seeds=1, from_seed=2, hours=40 / 3600, fault=faults, as_json=True)
    assert left.value.exit_code == 1
    (failure,) = json.loads(capsys.readouterr().out)["failed"]
    assert (failure["seed"], failure["broken"]) == (2, "die_hot")
    shortest = failure["shortest"]["schedule"]
    assert any(fault.startswith("heat_pump:carrier=60@16") for fault in shortest)
    assert not any(fault.startswith("heater_open") for fault in shortest)
    assert failure["shortest"]["t_s"] < 40.0
    assert "--from-seed 2 --seeds 1" in failure["again"]


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_a_thousand_seeds_break_nothing() -> None:
    found = run_campaign(SMALL, range(1000), 0.05)
    assert found["failed"] == []


@pytest.mark.soak  # half a minute of compiling a board, a wire and a loop into one
def test_with_wires_a_seed_breaks_nothing() -> None:
    found = run_campaign(SMALL, range(1), 0.008, backend=Backend.FIRMWARE)
    assert found["failed"] == []
    assert found["ticks_checked"] > 20_000


def test_real_hardware_is_not_broken_on_purpose() -> None:
    with pytest.raises(UsageError, match="a twin or firmware"):
        run_campaign(SMALL, range(1), 0.01, backend=Backend.HARDWARE)
