"""YAML documents that people edit, read without surprises.

A key twice, an unknown key, an alias, a wrong type or an oversized file is an error that names the
file and the place, because a silently dropped line in a governance file is a hole in a control.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from tellerline.errors import ConfigurationError

MAX_BYTES = 1_000_000


class Document(BaseModel):
    """A part of a document: unknown keys are refused, and nothing changes after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


T = TypeVar("T", bound=Document)


class _StrictLoader(yaml.SafeLoader):
    """YAML's safe subset without aliases and without a key twice."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:  # noqa: ANN401
        if self.check_event(yaml.events.AliasEvent):
            event = self.peek_event()  # type: ignore[no-untyped-call] # absent from the stubs
            raise yaml.composer.ComposerError(
                None, None, "aliases are not allowed here", event.start_mark
            )
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} stands twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep=deep)


def read_yaml(path: Path) -> Any:  # noqa: ANN401 - YAML is any value
    """Return what the YAML file `path` holds.

    Raises:
        ConfigurationError: The file is missing, too large, not UTF-8 or not strict YAML.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise ConfigurationError(str(path), "is missing.", "Create it.") from None
    if len(data) > MAX_BYTES:
        raise ConfigurationError(str(path), f"is larger than {MAX_BYTES} bytes.")
    try:
        # The loader is a subclass of SafeLoader.
        return yaml.load(data.decode("utf-8"), Loader=_StrictLoader)  # noqa: S506
    except UnicodeDecodeError:
        raise ConfigurationError(str(path), "is not UTF-8.") from None
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise ConfigurationError(f"{path}{line}", f"{error.problem}.") from None
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        raise ConfigurationError(str(path), f"is not YAML: {type(error).__name__}.") from None


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
            for fault in error.errors(include_url=False, include_input=False)
        )
        raise ConfigurationError(subject, f"{misfits}.", "Correct the file.") from None
