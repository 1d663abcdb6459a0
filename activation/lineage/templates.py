"""The templates (Jinja) from which dbt makes SQL, as far as lineage must know them.

Lineage reads what dbt compiled. This module tells what a template could do that the compiled text
of one build does not show: which names of dbt's context it uses, and which words only later builds
of an incremental model have. Macros of the project are followed into their own text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import cached_property

from jinja2 import Environment, meta, nodes
from jinja2.exceptions import TemplateSyntaxError

from tellerline.errors import ContractError

CONFIG, IS_INCREMENTAL, THIS = "config", "is_incremental", "this"
# Of what dbt offers below these names, only this does not depend on data or on the day.
_PARTS = {"adapter": "dispatch", "modules": "re"}
PREFIXES = ("", "default__", "duckdb__")
_WORD = re.compile(r"[a-z_][a-z0-9_]*")
_COMMENT = re.compile(r"--.*")
_DELETE = "delete from"


@dataclass(frozen=True, slots=True)
class Template:
    """What one template could do, its macros included.

    Args:
        names: The names of dbt's context that it uses; a dot and a part where only a part of one
            may be used, such as `adapter.execute`.
        later: The words that only later builds have, and those that may become part of them.
        words: All of its words.
        first: Those that a first build may have.
        strays: Whether `is_incremental()` is used in another way than as the whole of an `if`.
    """

    names: frozenset[str]
    later: frozenset[str]
    words: frozenset[str]
    first: frozenset[str]
    strays: bool


class _Text:
    """One template or macro by itself; each of its facts is found once."""

    def __init__(self, tree: nodes.Template) -> None:
        self.tree = tree

    @cached_property
    def only_later(self) -> set[int]:
        """The ids of the nodes that only later builds come to."""
        return {
            id(node)
            for part in _later_parts(self.tree)
            for statement in part.body
            for node in (statement, *statement.find_all(nodes.Node))
        }

    @cached_property
    def dispatched(self) -> frozenset[str]:
        """What `adapter.dispatch` is asked for; nothing stands for a name not written out."""
        firsts = (call.args[0] if call.args else None for call in _dispatches(self.tree))
        return frozenset(
            str(first.value) if isinstance(first, nodes.Const) else "" for first in firsts
        )

    @cached_property
    def undeclared(self) -> frozenset[str]:
        """The names that it uses and does not set."""
        return frozenset(meta.find_undeclared_variables(self.tree))

    @cached_property
    def called(self) -> frozenset[str]:
        """The names that may be those of macros which it calls."""
        return self.undeclared | self._implementations

    @cached_property
    def called_at_first(self) -> frozenset[str]:
        """Those of `called` that a first build may come to."""
        named = {
            node.name for node in self.tree.find_all(nodes.Name) if id(node) not in self.only_later
        }
        return (self.called & named) | self._implementations

    @cached_property
    def _implementations(self) -> frozenset[str]:
        return frozenset(f"{prefix}{name}" for name in self.dispatched for prefix in PREFIXES)

    @cached_property
    def words(self) -> frozenset[str]:
        """All of its words."""
        return frozenset(_words([self.tree]))

    @cached_property
    def first_words(self) -> frozenset[str]:
        """The words that a first build may have."""
        return frozenset(_words([self.tree], but=self.only_later))

    @cached_property
    def later_words(self) -> frozenset[str]:
        """The words that only later builds have."""
        return frozenset(_words(_later_parts(self.tree)))

    @cached_property
    def handed_over(self) -> frozenset[str]:
        """The words that it hands to macros, but for its settings: dbt tells of these itself."""
        settings = [call for call in self.tree.find_all(nodes.Call) if _called(call) == CONFIG]
        left_out = {id(node) for call in settings for node in call.find_all(nodes.Const)}
        return frozenset(
            _words(node for node in self.tree.find_all(nodes.Const) if id(node) not in left_out)
        )

    @cached_property
    def parts(self) -> tuple[str, ...]:
        """What it uses of the names of which only a part may be used, and names of Python's own."""
        whole = [node.name for node in self.tree.find_all(nodes.Name) if node.name in _PARTS]
        found = []
        for node in self.tree.find_all(nodes.Getattr):
            if node.attr.startswith("_"):
                found.append(node.attr)
            if isinstance(node.node, nodes.Name) and node.node.name in _PARTS:
                whole.remove(node.node.name)
                found.append(f"{node.node.name}.{node.attr}")
        return (*found, *whole)

    @cached_property
    def strays(self) -> bool:
        """Whether `is_incremental()` is used in another way than as the whole of an `if`."""
        used = sum(node.name == IS_INCREMENTAL for node in self.tree.find_all(nodes.Name))
        return used != len(list(_later_parts(self.tree)))


@dataclass
class Templates:
    """Reads templates of one project.

    Args:
        macros: The text of each macro of the project, by name.
    """

    macros: Mapping[str, str]
    _read: dict[str, _Text] = field(default_factory=dict)

    def read(self, text: str, subject: str) -> Template:
        """Return what a template could do.

        Args:
            text: The template.
            subject: The file that it stands in, for errors.

        Raises:
            ContractError: It is no template that can be read.
        """
        found = list(self._reached(text, subject))
        first = self._reached(text, subject, is_first=True)
        return Template(
            names=frozenset(name for item in found for name in self._names(item)),
            # What a template hands to macros may end up in a later build.
            later=found[0].handed_over.union(*(item.later_words for item in found)),
            words=frozenset[str]().union(*(item.words for item in found)),
            first=frozenset[str]().union(*(item.first_words for item in first)),
            strays=any(item.strays for item in found),
        )

    def called_alone(self, hook: str, subject: str) -> str:
        """Return the name of the macro when a hook is one call of it; else an empty text."""
        return _call_alone(self._parse(hook, subject).tree)

    def only_deletes(self, hook: str, subject: str) -> bool:
        """Say whether a hook is one call of a macro that only deletes rows of the model itself."""
        called = self.called_alone(hook, subject)
        if called not in self.macros:
            return False
        (macro,) = self._parse(self.macros[called], called).tree.find_all(nodes.Macro)
        body = _without_blanks(macro.body)
        if len(body) != 1 or not isinstance(body[0], nodes.If) or body[0].else_ or body[0].elif_:
            return False
        statement = _without_blanks(body[0].body)
        parts = statement[0].nodes if statement and isinstance(statement[0], nodes.Output) else []
        texts = [node.data for node in body[0].find_all(nodes.TemplateData)]
        return (
            _is_incremental(body[0].test)
            and len(parts) > 1
            and isinstance(parts[0], nodes.TemplateData)
            and parts[0].data.strip() == _DELETE
            and isinstance(parts[1], nodes.Name)
            and parts[1].name == THIS
            and not any(";" in text for text in texts)
        )

    def _reached(self, text: str, subject: str, is_first: bool = False) -> Iterator[_Text]:
        """Yield a template and each macro of the project that it may call, once.

        Args:
            text: The template.
            subject: The file that it stands in, for errors.
            is_first: Leave out what only later builds call.
        """
        seen: set[str] = set()
        open_ends = [(subject, text)]
        while open_ends:
            place, code = open_ends.pop()
            found = self._parse(code, place)
            yield found
            called = found.called_at_first if is_first else found.called
            for name in sorted(called & self.macros.keys() - seen):
                seen.add(name)
                open_ends.append((f"macro {name}", self.macros[name]))

    def _names(self, found: _Text) -> Iterator[str]:
        yield from found.undeclared - self.macros.keys() - _PARTS.keys()
        yield from found.parts
        for called in found.dispatched:
            if not any(f"{prefix}{called}" in self.macros for prefix in PREFIXES):
                yield f"adapter.dispatch({called!r})"

    def _parse(self, text: str, subject: str) -> _Text:
        if text not in self._read:
            try:
                tree = Environment(extensions=["jinja2.ext.do"]).parse(text)  # noqa: S701
            except TemplateSyntaxError as error:
                raise ContractError(
                    subject,
                    f"is no template that lineage can read ({error.message}).",
                    "Write it with the tags of Jinja and nothing else.",
                ) from None
            self._read[text] = _Text(tree)
        return self._read[text]


def allowed_parts() -> frozenset[str]:
    """Return the parts of dbt's context that may be used, as `Template.names` has them."""
    return frozenset(f"{name}.{part}" for name, part in _PARTS.items())


def _words(trees: Iterable[nodes.Node], but: AbstractSet[int] = frozenset()) -> Iterator[str]:
    for tree in trees:
        # What is dispatched is the name of a macro, and no word of SQL.
        names = {id(node) for call in _dispatches(tree) for node in call.find_all(nodes.Const)}
        names |= but
        for node in (tree, *tree.find_all((nodes.TemplateData, nodes.Const))):
            if id(node) in names:
                continue
            text = node.data if isinstance(node, nodes.TemplateData) else ""
            if isinstance(node, nodes.Const) and isinstance(node.value, str):
                text = node.value
            yield from _WORD.findall(_COMMENT.sub("", text.lower()))


def _later_parts(tree: nodes.Template) -> Iterator[nodes.If]:
    return (node for node in tree.find_all(nodes.If) if _is_incremental(node.test))


def _is_incremental(test: nodes.Node) -> bool:
    return _called(test) == IS_INCREMENTAL


def _called(node: nodes.Node) -> str:
    """Return the name that is called, if a node is a call of one."""
    if isinstance(node, nodes.Call) and isinstance(node.node, nodes.Name):
        return str(node.node.name)
    return ""


def _dispatches(tree: nodes.Node) -> Iterator[nodes.Call]:
    for call in tree.find_all(nodes.Call):
        if isinstance(call.node, nodes.Getattr) and call.node.attr == "dispatch":
            yield call


def _call_alone(tree: nodes.Template) -> str:
    """Return the name of the macro when a template is one call and nothing else."""
    body = _without_blanks(tree.body)
    if len(body) != 1 or not isinstance(body[0], nodes.Output):
        return ""
    parts = _without_blanks(body[0].nodes)
    return _called(parts[0]) if len(parts) == 1 else ""


def _without_blanks(found: Iterable[nodes.Node]) -> list[nodes.Node]:
    return [node for node in found if not _is_blank(node)]


def _is_blank(node: nodes.Node) -> bool:
    if isinstance(node, nodes.Output):
        return all(map(_is_blank, node.nodes))
    return isinstance(node, nodes.TemplateData) and not node.data.strip()
