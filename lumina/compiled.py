"""The one place where Numba is switched on.

Every compiled function of the product is declared with one of the decorators below, so
that caching, the GIL and floating-point rules are decided once.

Machine code is cached on disk. Numba itself notices when a function's own file changes
but not when a function or constant that it was compiled with does, and would go on with
stale code; so the cache folder is named after a digest of every source that takes part.
"""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numba
from numba.core import types
from numba.extending import intrinsic

__all__ = ["compiled", "compiled_fast", "compiled_tick", "entry_point", "memory_fence"]

F = TypeVar("F", bound=Callable[..., Any])

ROOMS = ("lumina", "twin", "drivers", "firmware_sim", "calibration")
MARK = b"lumina.compiled"


def compiled_sources(root: Path) -> list[Path]:
    """Every source of a folder that declares compiled code, and of the package itself."""
    files = [path for room in ROOMS for path in sorted((root / room).rglob("*.py"))]
    folders = {root / "lumina"} | {path.parent for path in files if MARK in path.read_bytes()}
    return [path for path in files if path.parent in folders]


def cache_folder() -> Path:
    """Where machine code for exactly these sources is kept."""
    digest = hashlib.blake2b(digest_size=8)
    for path in compiled_sources(Path(__file__).resolve().parents[1]):
        digest.update(path.read_bytes())
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "lumina" / f"compiled-{digest.hexdigest()}"


numba_config: Any = numba.config
if not numba_config.CACHE_DIR:
    numba_config.CACHE_DIR = str(cache_folder())


compile_lazily: Any = numba.njit

RULES: dict[str, Any] = {"nogil": True, "cache": True, "error_model": "numpy"}
"""What holds for all. Each decorator also says fastmath, forceinline and _nrt outright, because
Numba would have a function inherit them from the caller that happens to compile it."""


def compiled(function: F) -> F:
    """Compile without the GIL, cached on disk, in IEEE arithmetic (NaN survives)."""
    result: F = compile_lazily(function, **RULES, fastmath=False, forceinline=False, _nrt=True)
    return result


def compiled_tick(function: F) -> F:
    """As `compiled`, for what runs every tick: without counting references to arrays.

    Its callers own every array; the function may use them, but neither make nor return one
    (Numba refuses to compile it otherwise). A third of the twin's tick went into counting.
    """
    result: F = compile_lazily(function, **RULES, fastmath=False, forceinline=False, _nrt=False)
    return result


def compiled_fast(function: F) -> F:
    """As `compiled`, but sums may be reordered and fused so that loops vectorise.

    For linear algebra on finite numbers only: never for code that must notice NaN.

    Each caller gets a copy of its own. A shared one would be reordered and fused in the way
    of whoever compiled it first, and a process that finds machine code on disk would come to
    other last digits than the one that had left it there.
    """
    loose = {"reassoc", "contract", "nsz"}
    result: F = compile_lazily(function, **RULES, fastmath=loose, forceinline=True, _nrt=True)
    return result


def entry_point(function: Callable[..., Any], *arguments: Any) -> Callable[..., Any]:
    """The machine code of a compiled function for arguments of just these types.

    Numba works out the types of all arguments at every call: 20 us for the records of the
    1 kHz loop, seven times the call itself. Whoever calls with the same records every time
    can have that done once. The result must not be called with other types.
    """
    dispatcher: Any = function
    type_of: Any = numba.typeof
    signature = tuple(type_of(argument) for argument in arguments)
    dispatcher.compile(signature)
    machine_code: Callable[..., Any] = dispatcher.overloads[signature].entry_point
    return machine_code


def generate_fence(typing_context: Any) -> Any:
    """Numba's way of emitting one instruction of the compiler's own language."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        builder.fence("seq_cst")
        return context.get_dummy_value()

    return types.void(), generate


memory_fence: Any = intrinsic(generate_fence)
"""Order memory accesses before and after the call, for compiler and processor alike."""
