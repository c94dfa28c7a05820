"""``run.json``: what was run, with what, by which code, and how it ended."""

import hashlib
import os
import platform
import subprocess
from collections.abc import Mapping
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

import lumina
from lumina.errors import StoreError
from lumina.store._files import canonical_json

__all__ = [
    "GitRevision",
    "Manifest",
    "Status",
    "config_sha256",
    "git_revision",
    "machine",
    "parse_manifest",
    "versions",
]

Status = Literal["running", "done", "failed", "interrupted"]

_PACKAGES = ("numpy", "scipy", "numba", "llvmlite", "h5py", "pydantic", "scikit-learn")


class _Record(BaseModel):
    # A later version of the product may add fields; this one reads past them.
    model_config = ConfigDict(frozen=True, extra="ignore")


class GitRevision(_Record):
    """The commit that the product's own code was at."""

    revision: str = Field(description="full commit hash")
    dirty: bool = Field(description="whether tracked files differed from the commit")

    def __str__(self) -> str:
        return self.revision + ("+" if self.dirty else "")


class Manifest(_Record):
    """The content of ``run.json``."""

    schema_version: Literal[1] = Field(1, description="version of this layout")
    id: str = Field(description="name of the run folder")
    status: Status = Field(description="running until an end record is written")
    started: datetime = Field(description="wall-clock start, with time zone")
    ended: datetime | None = Field(None, description="wall-clock end, with time zone")
    command: tuple[str, ...] = Field((), description="command line of the run")
    seed: int | None = Field(None, description="seed of all noise")
    chip_seed: int | None = Field(None, description="identity of the chip and the plant")
    config: dict[str, Any] = Field(description="the lab config in force, defaults filled in")
    config_sha256: str = Field(description="SHA-256 of the config as canonical JSON")
    versions: dict[str, str] = Field(default_factory=dict, description="package -> version")
    machine: dict[str, Any] = Field(default_factory=dict, description="where it ran")
    git: GitRevision | None = Field(None, description="none outside a git checkout")
    results: dict[str, Any] = Field(default_factory=dict, description="figures of the run")
    trace_hash: str | None = Field(None, description="SHA-256 of all recorded rows and events")
    error: str | None = Field(None, description="why the run failed")


def parse_manifest(content: bytes, path: Path) -> Manifest:
    """Read the content of a ``run.json``.

    Raises:
        StoreError: it is not one; the message says where it goes wrong.
    """
    try:
        return Manifest.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise StoreError(path, f"corrupt: {where + ': ' if where else ''}{first['msg']}") from error


def config_sha256(config: Mapping[str, Any]) -> str:
    """SHA-256 of a plain config, whatever the order of its keys."""
    return hashlib.sha256(canonical_json(config)).hexdigest()


def versions() -> dict[str, str]:
    """Versions of Lumina, Python and the packages that results may depend on."""
    found = {"lumina": lumina.__version__, "python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def machine() -> dict[str, Any]:
    """Operating system, processor kind and cores."""
    return {
        "system": platform.platform(),
        "processor": platform.machine(),
        "cores": os.cpu_count(),
    }


def git_revision() -> GitRevision | None:
    """The commit of the checkout that Lumina runs from; None where it is installed."""
    home = Path(lumina.__file__).parent
    # An installed copy may lie inside somebody else's checkout: only tracked code counts.
    if _git(home, "ls-files", "--error-unmatch", "__init__.py") is None:
        return None
    revision = _git(home, "rev-parse", "HEAD")
    if revision is None:
        return None
    changes = _git(home, "status", "--porcelain", "--untracked-files=no")
    return GitRevision(revision=revision, dirty=bool(changes))


def _git(folder: Path, *arguments: str) -> str | None:
    """The output of a git command in that folder; None where it fails."""
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
