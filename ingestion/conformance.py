"""Reading a folder of contracts, and holding them to the ones that ship with the project.

dbt reads the tables, columns and types of the shipped contracts. An institution's contract may say
anything about how its files look; what comes out must be the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from ingestion.contracts import Feed, FeedField
from tellerline.documents import read_document
from tellerline.errors import ConfigurationError

_SAME = ("key", "ordered_by", "destination")


@dataclass(frozen=True, slots=True)
class Contracts:
    """The contracts in force.

    Args:
        feeds: By feed name, in alphabetical order.
        faults: What is wrong with the contracts that could not be used, one error each.
    """

    feeds: dict[str, Feed]
    faults: tuple[ConfigurationError, ...]


def load_contracts(folder: Path, reference: Path) -> Contracts:
    """Return the contracts in `folder`, held to those of the same feed in `reference`.

    A contract with a fault does not hold up the others.

    Args:
        folder: The institution's contracts, `*.yml`.
        reference: The contracts that ship with the project; may be the same folder.

    Raises:
        ConfigurationError: The folder holds no contract, or a shipped contract is faulty.
    """
    paths = sorted(folder.glob("*.yml"))
    if not paths:
        raise ConfigurationError(
            str(folder), "holds no feed contract.", "Put one YAML file a feed there."
        )
    same = folder.resolve() == reference.resolve()
    shipped = {} if same else _read_shipped(reference)
    feeds: dict[str, Feed] = {}
    faults: list[ConfigurationError] = []
    for path in paths:
        try:
            feed = _read(path)
            fitted = conform(feed, shipped.get(feed.feed), str(path))
        except ConfigurationError as error:
            faults.append(error)
            continue
        if feed.feed in feeds:
            problem = f"describes the feed {feed.feed} once more."
            faults.append(ConfigurationError(str(path), problem, "Keep one contract a feed."))
        else:
            feeds[feed.feed] = fitted
    return Contracts(dict(sorted(feeds.items())), tuple(faults))


def _read_shipped(folder: Path) -> dict[str, Feed]:
    feeds = [_read(path) for path in sorted(folder.glob("*.yml"))]
    return {feed.feed: feed for feed in feeds}


def _read(path: Path) -> Feed:
    """Read one contract; a file that did not change is not parsed again by the same process."""
    status = path.stat()
    return _parse(path, (status.st_dev, status.st_ino, status.st_size, status.st_ctime_ns))


@lru_cache(maxsize=256)
def _parse(path: Path, _identity: tuple[int, ...]) -> Feed:
    return read_document(path, Feed)


def conform(feed: Feed, shipped: Feed | None, subject: str) -> Feed:
    """Return `feed` with the columns of `shipped` in their order, then its own further ones.

    A field that the institution lacks becomes a column of NULLs, unless it is required. Rules that
    it does not mention (allowed values, pattern, length, required, scrubbing, corrections) hold as
    shipped.

    Args:
        feed: The institution's contract.
        shipped: The project's contract of the same feed; None leaves `feed` as it is.
        subject: The file, for errors.

    Raises:
        ConfigurationError: What would be loaded does not fit what dbt reads.
    """
    if shipped is None:
        return feed
    faults = [
        f"{name} must be {getattr(shipped, name)}"
        for name in _SAME
        if getattr(feed, name) != getattr(shipped, name)
    ]
    own = {field.name: field for field in feed.fields}
    fields: list[FeedField] = []
    for model in shipped.fields:
        field = own.pop(model.name, None)
        if field is None:
            field = model.model_copy(
                update={"absent": True, "required": False, "required_with": ()}
            )
        faults += _misfits(field, model)
        fields.append(_inherit(field, model))
    is_own = "corrections" in feed.model_fields_set
    corrections = feed.corrections if is_own else shipped.corrections
    if corrections not in {"refuse", shipped.corrections}:
        faults.append(f"corrections must be {shipped.corrections}")
    if faults:
        raise ConfigurationError(
            subject,
            f"does not fit the feed {feed.feed} of the project: {'; '.join(faults)}.",
            "Map the institution's fields to the project's.",
        )
    fields += own.values()
    delivered = {field.name for field in fields if not field.absent}
    known = tuple(_asks_of(field, delivered) for field in fields)
    return feed.model_copy(update={"fields": known, "corrections": corrections})


def _asks_of(field: FeedField, delivered: set[str]) -> FeedField:
    """Return the field that asks only for what comes together with fields that do come."""
    asked = tuple(name for name in field.required_with if name in delivered)
    return field.model_copy(update={"required_with": asked})


def _misfits(field: FeedField, model: FeedField) -> list[str]:
    if field.absent:
        return [f"{field.name} is required"] if model.required or model.required_with else []
    faults = []
    if field.type != model.type:
        faults.append(f"{field.name} must be of type {model.type}")
    if field.token != model.token:
        faults.append(f"{field.name} must have token {model.token}")
    unknown = sorted(set(field.allowed or ()) - set(model.allowed or field.allowed or ()))
    if field.mapping:
        allowed = set(model.allowed or field.mapping.values())
        unknown += sorted(set(field.mapping.values()) - allowed)
    if field.by_sign and model.allowed:
        unknown += sorted({field.by_sign.negative, field.by_sign.positive} - set(model.allowed))
    if unknown:
        faults.append(f"{field.name} may not become {', '.join(dict.fromkeys(unknown))}")
    return faults


def _inherit(field: FeedField, model: FeedField) -> FeedField:
    if field.absent:
        return field
    lengths = [n for n in (field.maximum_length, model.maximum_length) if n is not None]
    least = [n for n in (field.minimum, model.minimum) if n is not None]
    most = [n for n in (field.maximum, model.maximum) if n is not None]
    extra = tuple(rule for rule in model.scrub if rule not in field.scrub)
    return field.model_copy(
        update={
            "required": field.required or model.required,
            "required_with": field.required_with or model.required_with,
            "allowed": field.allowed or model.allowed,
            "pattern": field.pattern or model.pattern,
            "maximum_length": min(lengths, default=None),
            "minimum": max(least, default=None),
            "maximum": min(most, default=None),
            "scrub": field.scrub + extra,
            "is_business_date": field.is_business_date or model.is_business_date,
        }
    )
