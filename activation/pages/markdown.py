"""Markdown as dbt docs shows it: doc blocks, tables, and links between its pages."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import date

from tellerline.errors import ContractError

PACKAGE = "tellerline"
HEADER = "<!-- Written by `tellerline dictionary pages --write`: do not edit. -->\n"
# dbt would take them for its own.
_MARKS = re.compile(r"\{[{%#]|[}%#]\}")


def block(name: str, parts: Iterable[str]) -> str:
    """Return a doc block of paragraphs and tables.

    Raises:
        ContractError: A text holds marks of dbt's templates.
    """
    text = "\n\n".join(filter(None, parts))
    if found := _MARKS.search(text):
        raise ContractError(
            f"the page {name.strip('_')}",
            f"would hold {found[0]}, which dbt takes for a template.",
            "Take it out of the seed's or the model's text.",
        )
    return f"{{% docs {name} %}}\n{text}\n{{% enddocs %}}\n"


def page_name(page: str) -> str:
    """Return the name of the doc block that dbt docs shows as a page of its own.

    Its address is `#!/overview/<page>`: dbt docs looks there for the overview of a package, and
    takes the block that is called so from whichever package has it.
    """
    return f"__{page}__"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; empty when it has no rows."""
    lines = [f"| {' | '.join(map(_cell, row))} |" for row in rows]
    if not lines:
        return ""
    ruler = f"| {' | '.join('---' for _ in header)} |"
    return "\n".join([f"| {' | '.join(header)} |", ruler, *lines])


def page_link(text: str, page: str) -> str:
    """Return a link to a page of its own."""
    return f"[{text}](#!/overview/{page})"


def node_link(text: str, kind: str, name: str) -> str:
    """Return a link to the page of a node: a model, a seed or an exposure."""
    return f"[{text}](#!/{kind}/{kind}.{PACKAGE}.{name})"


def graph_link(text: str, name: str, steps: str = "") -> str:
    """Return a link to a model's lineage: so many steps either way, or all when absent."""
    return f"[{text}](#!/model/model.{PACKAGE}.{name}?g_v=1&g_i={steps}%2B{name}%2B{steps})"


def code(word: str) -> str:
    """Return an id as it is spelled."""
    return f"`{word}`"


def in_words(word: str) -> str:
    """Return a name of the project as people write it."""
    return word.replace("_", " ")


def day(value: date) -> str:
    """Return a day as people write it."""
    return f"{value.day} {value:%B %Y}"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
