"""YAML documents that people edit, read without surprises.

A key twice, an unknown key, an alias, a wrong type or an oversized file is an error that names the
file and the place, because a silently dropped line in a governance file is a hole in a control.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from tellerline.errors import ConfigurationError

MAX_BYTES = 1_000_000
MAX_DEPTH = 100


class Document(BaseModel):
    """A part of a document: unknown keys are refused, and nothing changes after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


T = TypeVar("T", bound=Document)


# libyaml's loader is several times faster than the one in Python, and in every wheel of PyYAML.
_Loader: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _StrictLoader(_Loader):  # type: ignore[misc, valid-type] # one of two, both safe
    """YAML's safe subset without a key twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} stands twice", key_node.start_mark
                )
            seen.add(key)
        mapping: dict[Any, Any] = super().construct_mapping(node, deep=deep)
        return mapping


def read_yaml(path: Path) -> Any:  # noqa: ANN401 - YAML is any value
    """Return what the YAML file `path` holds.

    Raises:
        ConfigurationError: The file is missing, too large, not UTF-8 or not strict YAML.
    """
    return parse_yaml(read_bytes(path), str(path))


def read_bytes(path: Path) -> bytes:
    """Return the bytes of a document, for whoever states their hash beside what they say.

    Raises:
        ConfigurationError: The file is missing or too large.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise ConfigurationError(str(path), "is missing.", "Create it.") from None
    if len(data) > MAX_BYTES:
        raise ConfigurationError(str(path), f"is larger than {MAX_BYTES} bytes.")
    return data


def parse_yaml(data: bytes, subject: str) -> Any:  # noqa: ANN401 - YAML is any value
    """Return what the YAML in `data` holds.

    Raises:
        ConfigurationError: It is not UTF-8 or not strict YAML.
    """
    try:
        text = data.decode("utf-8")
        _check_shape(text)
        return yaml.load(text, Loader=_StrictLoader)  # noqa: S506 - a subclass of SafeLoader
    except UnicodeDecodeError:
        raise ConfigurationError(subject, "is not UTF-8.") from None
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise ConfigurationError(f"{subject}{line}", f"{error.problem}.") from None
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        raise ConfigurationError(subject, f"is not YAML: {type(error).__name__}.") from None


def _check_shape(text: str) -> None:
    """Refuse aliases, and nesting so deep that the loader's own recursion could not follow."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.AliasEvent):
            problem = "aliases are not allowed here"
        elif depth > MAX_DEPTH:
            problem = f"is nested more than {MAX_DEPTH} levels deep"
        else:
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            continue
        mark: Any = event.start_mark
        raise yaml.composer.ComposerError(None, None, problem, mark)


def read_document(path: Path, model: type[T]) -> T:
    """Return the YAML file `path` as `model`.

    Raises:
        ConfigurationError: The file is not strict YAML or does not fit the model; every misfit is
            named with its place.
    """
    return check_document(read_yaml(path), model, str(path))


def check_document(value: object, model: type[T], subject: str) -> T:
    """Return `value` as `model`.

    Raises:
        ConfigurationError: It does not fit; every misfit is named with its place in `subject`.
    """
    try:
        return model.model_validate(value)
    except ValidationError as error:
        misfits = "; ".join(
            f"{'.'.join(str(part) for part in fault['loc']) or 'the document'}: {fault['msg']}"
            f"{_allowed_keys(model, fault)}"
            for fault in error.errors(include_url=False, include_input=False)
        )
        raise ConfigurationError(subject, f"{misfits}.", "Correct the file.") from None


def _allowed_keys(model: type[BaseModel], fault: ErrorDetails) -> str:
    """Return which keys may stand where one stands that may not; nothing where it is not known."""
    if fault["type"] != "extra_forbidden":
        return ""
    found: type[BaseModel] = model
    for part in fault["loc"][:-1]:
        field = found.model_fields.get(str(part))
        kind = None if field is None else field.annotation
        if not isinstance(kind, type) or not issubclass(kind, BaseModel):
            return ""
        found = kind
    return f" (the keys here are {', '.join(sorted(found.model_fields))})"
