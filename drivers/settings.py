"""What has been set on an instrument, so that it can be set again after a power cycle."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

__all__ = ["Difference", "PowerCycle", "Settings"]

Apply = Callable[[], Awaitable[object]]
Read = Callable[[], Awaitable[object]]

SAME = 1e-3
"""Two numbers that differ by less than this, relatively, are one setting rounded."""


@dataclass(frozen=True)
class Difference:
    """One setting that an instrument had lost.

    Attributes:
        key: the setting's name.
        wanted: what had been set.
        found: what it was after the power cycle; None when it cannot be read.
        restored: whether it has been set again. An output is not switched on again.
    """

    key: str
    wanted: object
    found: object
    restored: bool

    def __str__(self) -> str:
        found = "" if self.found is None else f", found {self.found}"
        left = "" if self.restored else ", left so"
        return f"{self.key}: {self.wanted}{found}{left}"


@dataclass(frozen=True)
class PowerCycle:
    """An instrument lost its power, and what that had changed."""

    differences: tuple[Difference, ...]

    def __str__(self) -> str:
        if not self.differences:
            return "power-cycled, nothing of what had been set was lost"
        return f"power-cycled; set again: {'; '.join(map(str, self.differences))}"


@dataclass(frozen=True)
class _Setting:
    value: object
    apply: Apply
    read: Read | None
    restore: bool


class Settings:
    """Settings in the order in which they were first made."""

    def __init__(self) -> None:
        self._settings: dict[str, _Setting] = {}

    def remember(
        self, key: str, apply: Apply, value: object, read: Read | None, restore: bool
    ) -> None:
        """Keep one setting; the same key replaces it and keeps its place."""
        self._settings[key] = _Setting(value, apply, read, restore)

    def forget(self, key: str) -> None:
        """Do not set this again."""
        self._settings.pop(key, None)

    async def reapply(self) -> PowerCycle:
        """Set again what was lost; what cannot be read is set in any case."""
        differences = []
        for key, setting in list(self._settings.items()):
            found = None if setting.read is None else await setting.read()
            if setting.read is not None and _same(setting.value, found):
                continue
            if setting.restore:
                await setting.apply()
            else:
                self.forget(key)
            differences.append(Difference(key, setting.value, found, setting.restore))
        return PowerCycle(tuple(differences))


def _same(wanted: object, found: object) -> bool:
    if isinstance(wanted, int | float) and isinstance(found, int | float):
        return abs(wanted - found) <= SAME * max(abs(wanted), abs(found))
    return wanted == found
