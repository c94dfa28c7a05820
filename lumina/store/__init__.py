"""Run folders: what a run leaves behind, and how to find and read it again.

Recorded rows are in `lumina.store.frames` and reports in `lumina.store.report`; both
load heavy libraries and are imported where they are used.
"""

from lumina.store._catalogue import RunRecord, list_runs, open_run
from lumina.store._columns import TELEMETRY, channel_columns, rail_columns
from lumina.store._events import Event, EventLog
from lumina.store._files import canonical_json, plain, write_atomic, write_once
from lumina.store._incidents import FaultSpan, Incident, find_faults, find_incidents
from lumina.store._manifest import Manifest
from lumina.store._run_folder import RunFolder
from lumina.store._trace import TraceHasher

__all__ = [
    "TELEMETRY",
    "Event",
    "EventLog",
    "FaultSpan",
    "Incident",
    "Manifest",
    "RunFolder",
    "RunRecord",
    "TraceHasher",
    "canonical_json",
    "channel_columns",
    "find_faults",
    "find_incidents",
    "list_runs",
    "open_run",
    "plain",
    "rail_columns",
    "write_atomic",
    "write_once",
]
