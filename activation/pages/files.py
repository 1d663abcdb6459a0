"""The pages as files of the project."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

from activation.generated import GeneratedFiles
from activation.governance.register import Register
from activation.pages.audiences import audience_block, audiences_block, destination_block
from activation.pages.indicators import assigned_blocks, families_block, family_block
from activation.pages.markdown import HEADER
from activation.pages.sources import Sources

FOLDER = Path("models") / "dictionary" / "pages"


def render_pages(project: Path, register: Register) -> GeneratedFiles:
    """Return the pages as the project's files have them: seeds, YAML and the register.

    Args:
        project: The project folder.
        register: The register of destinations.

    Raises:
        ContractError: A seed is missing, or an indicator or law tag is not known.
        ConfigurationError: A YAML file, or the facts of a segment, cannot be read.
    """
    blocks: dict[str, list[str]] = {}
    for name, text in _blocks(Sources(project, register)):
        blocks.setdefault(name, []).append(text)
    return GeneratedFiles(
        folder=FOLDER,
        pattern="*.md",
        contents={FOLDER / f"{name}.md": _file(texts) for name, texts in sorted(blocks.items())},
        remedy="Run `tellerline dictionary pages --write` and commit models/dictionary/pages.",
    )


def _blocks(sources: Sources) -> Iterator[tuple[str, str]]:
    """Yield every block with the name of the file that it stands in."""
    yield "indicators", families_block(sources)
    for item in sources.indicators.values():
        if not item.parent:
            yield f"indicators_{item.kli_id}", family_block(sources, item)
    for folder, text in assigned_blocks(sources):
        yield f"assigned_{folder}", text
    yield "audiences", audiences_block(sources)
    for audience in sources.audiences:
        yield f"audiences_{audience.goal}", audience_block(sources, audience)
    for name, entry in sources.register.destinations.items():
        yield "destinations", destination_block(sources, name, entry)


def _file(blocks: Iterable[str]) -> bytes:
    return "\n".join(chain((HEADER,), blocks)).encode("utf-8")
