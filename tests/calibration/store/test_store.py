"""A store keeps every version, tells damage from absence, and refuses what does not fit."""

import json
import resource
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from calibration.findings import Findings
from calibration.store import (
    CalibrationStore,
    Chip,
    FreshnessRules,
    Provenance,
    Section,
    Surroundings,
    changes_between,
    why_stale,
)
from calibration.store._codec import decode, encode
from lumina.errors import CalibrationError, StoreError, UsageError
from tests.store.children import child, finished_child

NOON = datetime(2026, 7, 11, 12, 0, tzinfo=UTC)
CHIP = Chip(manufacturer="Lumina", model="NPU-4", serial="0A1B2C3D")
OTHER = Chip(manufacturer="Lumina", model="NPU-4", serial="FFFFFFFF")
PROVENANCE = Provenance(
    measured=NOON, run="runs/x", carrier_c=45.0, die_c=46.1, backend="twin", config_sha256="00"
)


def some_findings(seed: int = 0, routine: str = "mesh") -> Findings:
    rng = np.random.default_rng(seed)
    return Findings(
        routine=routine,
        schema=2,
        values={"gain": 0.5 - 0.1j, "ports": 4, "kind": "svd", "noise": 2e-3, "nothing": None},
        tables={
            "shifters": {"phi0_rad": rng.standard_normal(5), "good": np.ones(5, bool)},
            "faults": {"channel": np.array([3]), "reason": np.array(["heater open"])},
        },
        arrays={"crosstalk": rng.standard_normal((5, 5))},
    )


def section(seed: int = 0, routine: str = "mesh", **provenance: Any) -> Section:
    return Section(some_findings(seed, routine), PROVENANCE.model_copy(update=provenance))


@pytest.fixture
def store(tmp_path: Path) -> CalibrationStore:
    return CalibrationStore(tmp_path, "bench", "npu")


def test_what_is_stored_comes_back_bit_for_bit(store: CalibrationStore) -> None:
    stored = store.add(CHIP, {"mesh": section()}, NOON)
    again = store.read(stored.version)
    assert (again.version, again.chip, again.created) == (1, CHIP, NOON)
    assert again.sections["mesh"].provenance == PROVENANCE
    assert again.sections["mesh"].findings.same_as(some_findings())


def test_a_new_version_keeps_history_and_carries_over_what_was_not_measured(
    store: CalibrationStore,
) -> None:
    store.add(CHIP, {"mesh": section(1), "thermal": section(2, "thermal")}, NOON)
    later = NOON + timedelta(days=1)
    store.add(CHIP, {"mesh": section(3, measured=later)}, later)
    assert store.versions() == [1, 2]
    newest, problems = store.newest(CHIP)
    assert newest is not None
    assert (newest.version, problems) == (2, [])
    assert newest.sections["mesh"].findings.same_as(some_findings(3))
    assert newest.sections["thermal"].findings.same_as(some_findings(2, "thermal"))
    assert newest.sections["thermal"].provenance.measured == NOON
    assert store.read(1).sections["mesh"].findings.same_as(some_findings(1))


def test_people_can_read_a_channel_off_its_line(store: CalibrationStore) -> None:
    text = store.add(CHIP, {"mesh": section()}, NOON).path.read_text()
    value = float(some_findings().tables["shifters"]["phi0_rad"][3])
    assert f"[3, {value!r}, true]" in text
    assert max(map(len, text.splitlines())) < 120


def test_a_board_that_comes_back_finds_its_own_calibration(store: CalibrationStore) -> None:
    store.add(CHIP, {"mesh": section(1)}, NOON)
    store.add(OTHER, {"mesh": section(2)}, NOON)
    for chip, version in ((CHIP, 1), (OTHER, 2)):
        newest, _ = store.newest(chip)
        assert newest is not None
        assert newest.version == version
    third = Chip(manufacturer="Lumina", model="NPU-4", serial="00000000")
    assert store.newest(third) == (None, [])


def test_a_calibration_of_another_chip_is_refused(store: CalibrationStore) -> None:
    stored = store.add(CHIP, {"mesh": section()}, NOON)
    stored.require(CHIP)
    with pytest.raises(CalibrationError, match=r"0001\.json is of another chip: .* 0A1B2C3D, not"):
        stored.require(OTHER)


def test_damage_is_named_and_the_version_before_it_stays_in_use(store: CalibrationStore) -> None:
    store.add(CHIP, {"mesh": section(1)}, NOON)
    path = store.add(CHIP, {"mesh": section(2)}, NOON).path
    whole = path.read_bytes()
    edited = whole.replace(b'"svd"', b'"dsv"')
    for content in (b"", b"{}", b"[]", whole[: len(whole) // 2], edited, b"\xff" * 90):
        path.write_bytes(content)
        with pytest.raises(StoreError, match=r"0002\.json: damaged"):
            store.read(2)
        newest, problems = store.newest(CHIP)
        assert newest is not None
        assert newest.version == 1
        assert len(problems) == 1
        assert "0002.json" in problems[0]


def test_a_damaged_or_missing_array_is_named(store: CalibrationStore) -> None:
    store.add(CHIP, {"mesh": section()}, NOON)
    (array,) = (store.folder / "arrays").iterdir()
    content = array.read_bytes()
    array.write_bytes(content[:-1] + b"\x01")
    with pytest.raises(StoreError, match=f"{array.name}: damaged"):
        store.read(1)
    array.unlink()
    with pytest.raises(StoreError, match=f"{array.name}: cannot be read: No such file"):
        store.read(1)


def test_another_layout_is_refused(store: CalibrationStore) -> None:
    stored = store.add(CHIP, {"mesh": section()}, NOON)
    document = json.loads(stored.path.read_bytes())
    from calibration.store import _codec

    document["schema"] = 2
    del document["sha256"]
    document["sha256"] = _codec._digest(document)
    stored.path.write_text(json.dumps(document))
    with pytest.raises(CalibrationError, match=r"layout 2 \(allowed: 1\)"):
        store.read(1)


def test_a_missing_version_is_named(store: CalibrationStore) -> None:
    with pytest.raises(StoreError, match=r"0007\.json: cannot be read: No such file"):
        store.read(7)
    assert store.versions() == []


def test_a_time_without_a_zone_is_refused(store: CalibrationStore) -> None:
    with pytest.raises(UsageError, match="time zone"):
        store.add(CHIP, {"mesh": section()}, NOON.replace(tzinfo=None))


def test_equal_arrays_are_kept_once(store: CalibrationStore) -> None:
    store.add(CHIP, {"mesh": section(1)}, NOON)
    store.add(CHIP, {"mesh": section(1)}, NOON)
    assert len(list((store.folder / "arrays").iterdir())) == 1


STORE_ONE = """
    import sys
    from tests.calibration.store.test_store import CHIP, NOON, CalibrationStore, section
    store = CalibrationStore(folder, "bench", "npu")
    for seed in map(int, sys.argv[1:] or [2]):
        print(store.add(CHIP, {"mesh": section(seed)}, NOON).version, flush=True)
"""


def test_a_full_disk_is_told_and_costs_nothing(store: CalibrationStore, tmp_path: Path) -> None:
    store.add(CHIP, {"mesh": section(1)}, NOON)
    before = sorted(path.name for path in store.folder.rglob("*"))
    program = f"""
    import resource, signal
    from lumina.errors import StoreError
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (150, {resource.RLIM_INFINITY}))
    try:
        {STORE_ONE.strip().replace(chr(10), chr(10) + "    ")}
    except StoreError as error:
        print(error)
    """
    told = finished_child(tmp_path, program)
    assert "cannot be written: File too large" in told
    assert sorted(path.name for path in store.folder.rglob("*")) == before
    newest, problems = store.newest(CHIP)
    assert newest is not None
    assert (newest.version, problems) == (1, [])


def test_two_that_store_at_once_get_versions_of_their_own(
    store: CalibrationStore, tmp_path: Path
) -> None:
    both = [child(tmp_path, STORE_ONE.replace("[2]", "range(20)")) for _ in range(2)]
    outputs = [one.communicate()[0].split() for one in both]
    assert sorted(int(version) for output in outputs for version in output) == [*range(1, 41)]
    assert store.versions() == [*range(1, 41)]


def test_a_kill_at_any_moment_leaves_only_whole_versions(
    store: CalibrationStore, tmp_path: Path
) -> None:
    endless = STORE_ONE.replace("[2]", "range(10**6)")
    with child(tmp_path, endless) as process:
        assert process.stdout is not None
        for _ in range(7):
            process.stdout.readline()
        process.kill()
    assert len(store.versions()) >= 7
    for version in store.versions():
        store.read(version)


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**53), 2**53),
    st.floats(allow_nan=True),
    st.complex_numbers(),
    st.text('ab\u00e9\u6f22"\\\n', max_size=8),
)
COLUMNS = st.integers(0, 4).flatmap(
    lambda size: st.dictionaries(
        st.text("abc", min_size=1, max_size=2),
        hnp.arrays(
            st.sampled_from([np.dtype("f8"), np.dtype("i8"), np.dtype("c16"), np.dtype("?")]), size
        ),
        max_size=3,
    )
)


@given(
    values=st.dictionaries(st.text("xyz", min_size=1, max_size=2), VALUES, max_size=4),
    table=COLUMNS,
)
def test_any_findings_survive_the_file(values: dict[str, Any], table: dict[str, Any]) -> None:
    findings = Findings("any", 1, values, {"channels": table} if table else {})
    version = replace(
        CalibrationStoreless.version(), sections={"any": Section(findings, PROVENANCE)}
    )
    content = encode(version, keep=lambda array: pytest.fail("no array here"))
    again = decode(content, version.path, find=lambda name: pytest.fail("no array here"))
    assert again.sections["any"].findings.same_as(findings)


class CalibrationStoreless:
    @staticmethod
    def version() -> Any:
        from calibration.store import StoredCalibration

        return StoredCalibration(Path("0001.json"), 1, "bench", "npu", CHIP, NOON, {})


@given(st.binary(max_size=60))
def test_any_bytes_are_refused_as_damage(content: bytes) -> None:
    with pytest.raises(StoreError, match="damaged"):
        decode(content, Path("0001.json"), find=lambda name: np.empty(0))


@pytest.mark.parametrize(
    ("age_h", "carrier_c", "reasons"),
    [(1.0, 45.0, 0), (25.0, 45.0, 1), (1.0, 45.6, 1), (1.0, 44.6, 0), (30.0, 50.0, 2)],
)
def test_findings_go_stale_with_age_and_temperature(
    age_h: float, carrier_c: float, reasons: int
) -> None:
    around = Surroundings(NOON + timedelta(hours=age_h), carrier_c)
    assert len(why_stale(PROVENANCE, FreshnessRules(24.0, 0.5), around)) == reasons


def test_a_comparison_names_the_channel_that_moved(store: CalibrationStore) -> None:
    old = store.add(CHIP, {"mesh": section()}, NOON)
    moved = some_findings()
    moved.tables["shifters"]["phi0_rad"][3] += 0.25
    moved = replace(moved, values={**moved.values, "kind": "unitary"})
    new = store.add(CHIP, {"mesh": Section(moved, PROVENANCE)}, NOON)
    kind, phi0 = changes_between(old, new)
    assert (kind.quantity, kind.of, kind.largest) == ("kind", "value", None)
    assert (phi0.routine, phi0.quantity, phi0.of, phi0.channel) == (
        *("mesh", "phi0_rad", "shifters"),
        3,
    )
    assert phi0.largest == pytest.approx(0.25)
    assert phi0.rms == pytest.approx(0.25 / np.sqrt(5))
    assert changes_between(new, new) == []


def test_a_routine_that_was_run_for_the_first_time_has_changed_nothing(
    store: CalibrationStore,
) -> None:
    old = store.add(CHIP, {"mesh": section()}, NOON)
    new = store.add(CHIP, {"mesh": section(), "fidelity": section()}, NOON)
    assert changes_between(old, new) == []
