"""The bench's life: configs, bring-up, supervision, virtual time, the main job."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lumina.runtime.bench import Bench, open_bench

__all__ = ["Bench", "open_bench"]


def __getattr__(name: str) -> Any:
    # Late: opening a bench brings numba and the twin, which configs and clocks do without.
    if name in __all__:
        from lumina.runtime import bench

        return getattr(bench, name)
    raise AttributeError(f"module {__name__} has no attribute {name}")
