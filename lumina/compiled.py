"""The one place where Numba is switched on.

Every compiled function of the product is declared with one of the decorators
below, so that caching, the GIL and floating-point rules are decided once.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import numba
from numba.core import types
from numba.extending import intrinsic

__all__ = ["compiled", "compiled_fast", "memory_fence"]

F = TypeVar("F", bound=Callable[..., Any])


def compiled(function: F) -> F:
    """Compile without the GIL, cached on disk, in IEEE arithmetic (NaN survives)."""
    # fastmath is said to be off because Numba would inherit it from a caller that has it on.
    result: F = numba.njit(function, nogil=True, cache=True, error_model="numpy", fastmath=False)
    return result


def compiled_fast(function: F) -> F:
    """As `compiled`, but sums may be reordered and fused so that loops vectorise.

    For linear algebra on finite numbers only: never for code that must notice NaN.
    """
    result: F = numba.njit(
        function,
        nogil=True,
        cache=True,
        error_model="numpy",
        fastmath={"reassoc", "contract", "nsz"},
    )
    return result


@intrinsic
def memory_fence(typing_context: Any) -> Any:
    """Order memory accesses before and after it, for compiler and processor alike."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        builder.fence("seq_cst")
        return context.get_dummy_value()

    return types.void(), generate
