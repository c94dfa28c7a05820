"""The wall clock, for dates on records and the age of calibrations. A bench never reads it."""

from datetime import UTC, datetime

__all__ = ["utc_now"]


def utc_now() -> datetime:
    """The present date and time."""
    return datetime.now(UTC)  # noqa: TID251 - dates of records are the one use of it
