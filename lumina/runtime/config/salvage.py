"""Looking on past the first faults of a lab config, so that all are told at once.

Rules about several fields can only be checked on a whole config. Where single fields are
wrong, what is wrong is left out and the rest is checked again; of what that finds, only
rules about names and sizes are told: the others would judge by values that nobody wrote.
"""

from collections.abc import Callable, Iterable
from copy import deepcopy
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from lumina.runtime.config.cross_checks import NAME_RULE, VALUE_RULE

__all__ = ["further_findings"]

ROUNDS = 4
"""Leaving one thing out can bring up another; a config is given up after so many rounds."""


def further_findings(
    values: dict[str, Any], error: ValidationError, validate: Callable[[dict[str, Any]], object]
) -> list[ErrorDetails]:
    """What rules about names find in the part of the config that is sound.

    Args:
        values: the config.
        error: what is wrong with its fields.
        validate: checks values, raises a `ValidationError`.
    """
    rest = deepcopy(values)
    for _ in range(ROUNDS):
        _leave_out(rest, error.errors(include_url=False))
        try:
            validate(rest)
        except ValidationError as next_error:
            error = next_error
        else:
            return []
        found = error.errors(include_url=False)
        if all(detail["type"] in (NAME_RULE, VALUE_RULE) for detail in found):
            return [detail for detail in found if detail["type"] == NAME_RULE]
    return []


def _leave_out(values: dict[str, Any], details: Iterable[ErrorDetails]) -> None:
    """Remove what is wrong; of a list the whole, of a key that is missing its mapping."""
    values.setdefault("name", "unnamed")
    for detail in details:
        path = [str(part) for part in detail["loc"]]
        if detail["type"] == "missing":
            path.pop()
        node = values
        for key in path[:-1]:
            below = node.get(key)
            if not isinstance(below, dict):
                node.pop(key, None)
                break
            node = below
        else:
            if path:
                node.pop(path[-1], None)
