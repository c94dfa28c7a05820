"""Reading a lab config: every problem in it is told at once, with its line."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from drivers.registry import Backend
from lumina.errors import ConfigError, ConfigProblem, UsageError
from lumina.runtime.config.explain import explain
from lumina.runtime.config.files import read_config_files
from lumina.runtime.config.models import BenchConfig
from lumina.runtime.config.salvage import further_findings
from lumina.runtime.config.yaml_lines import Document

__all__ = ["backend_problems", "load_config"]


def load_config(
    path: Path | str,
    overrides: Mapping[str, Any] | None = None,
    *,
    backend: Backend | None = None,
    to_run: bool = False,
) -> BenchConfig:
    """Read and check a lab config, with every file that it extends.

    Args:
        path: the YAML file.
        overrides: dotted path -> value, laid over the file: ``{"record.rate_hz": 10}``.
        backend: who answers for every instrument, whatever the file says.
        to_run: also ask that every instrument's driver has the backend it is set to.

    Raises:
        ConfigError: with every problem found, each with its line and the allowed values.
    """
    document = read_config_files(Path(path), overrides or {}, backend)
    config = _validated(document)
    if config is not None and to_run:
        for problem in backend_problems(config):
            document.add(tuple(problem.field.split(".")), problem.message)
    if config is None or document.problems:
        raise ConfigError(path, document.problems_in_order())
    return config


def backend_problems(config: BenchConfig) -> list[ConfigProblem]:
    """Why this bench cannot be opened: instruments whose drivers lack their backend."""
    problems = []
    for name, instrument in config.instruments.items():
        try:
            instrument.entry.factory(instrument.backend)
        except UsageError as error:
            problems.append(ConfigProblem(f"instruments.{name}.backend", str(error)))
    return problems


def _validated(document: Document) -> BenchConfig | None:
    """The model of the values; None, with the problems noted, where they make none.

    They are checked as JSON, strictly: "5" is no number, a list becomes a tuple.
    """
    values = document.values
    if values is None:
        return None
    try:
        return _from_values(values)
    except ValidationError as error:
        schema = BenchConfig.model_json_schema()
        explain(error.errors(include_url=False), document, schema)
        explain(further_findings(values, error, _from_values), document, schema)
        return None


def _from_values(values: dict[str, Any]) -> BenchConfig:
    return BenchConfig.model_validate_json(json.dumps(values), strict=True)
