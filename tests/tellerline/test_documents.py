"""Documents that people edit are read strictly, and every misfit is named with its place."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tellerline.documents import MAX_BYTES, Document, check_document, read_document, read_yaml
from tellerline.errors import ConfigurationError


class Limit(Document):
    maximum: int
    window_days: int


class Policy(Document):
    title: str
    owners: list[str]
    limit: Limit


GOOD = "title: ' Caps '\nowners: [team-a]\nlimit: {maximum: 3, window_days: 7}\n"


def write(folder: Path, text: str | bytes) -> Path:
    path = folder / "policy.yml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_a_good_document_is_read_and_cannot_change(tmp_path: Path) -> None:
    policy = read_document(write(tmp_path, GOOD), Policy)
    assert policy == Policy(title="Caps", owners=["team-a"], limit=Limit(maximum=3, window_days=7))
    with pytest.raises(ValueError, match="frozen"):
        policy.title = "other"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (GOOD + "title: again\n", r"line 4: the key 'title' stands twice"),
        (GOOD.replace("maximum: 3", "maximum: 3, maximum: 4"), "'maximum' stands twice"),
        ("a: &x 1\nb: *x\n", "line 2: aliases are not allowed"),
        ("a: &x {b: 1}\nc:\n  <<: *x\n", "aliases are not allowed"),
        ("a: !!python/object:os.system ls\n", "could not determine a constructor"),
        ("a: [1\n", "line 2"),
        ("a: 1\n---\nb: 2\n", "line 2"),
        ("? [1, 2]\n: 3\n", "policy.yml"),
        ("a: \x01\n", "is not YAML"),
        (b"a: \xff\n", "is not UTF-8"),
        ("[" * 5000, "nested more than"),
        ("- " * 400_000, "policy.yml"),
        ("a:\n" + "".join(" " * n + "- \n" for n in range(1, 200)), "nested more than"),
        ("x" * (MAX_BYTES + 1), "larger than"),
    ],
)
def test_what_is_not_strict_yaml_is_refused(
    tmp_path: Path, text: str | bytes, message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message) as refusal:
        read_yaml(write(tmp_path, text))
    assert "policy.yml" in str(refusal.value)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (GOOD.replace("title", "titel"), "titel: Extra inputs are not permitted"),
        (GOOD.replace("title", "titel"), "title: Field required"),
        (GOOD.replace("maximum: 3", "maximum: many"), "limit.maximum: "),
        (GOOD.replace("[team-a]", "team-a"), "owners: "),
        (GOOD.replace("[team-a]", "[{a: 1}]"), "owners.0: "),
        ("", "the document: "),
        ("[1]", "the document: "),
    ],
)
def test_a_misfit_is_named_with_its_place(tmp_path: Path, text: str, place: str) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        read_document(write(tmp_path, text), Policy)
    assert place in str(refusal.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"nowhere\.yml: is missing"):
        read_document(tmp_path / "nowhere.yml", Policy)


def test_an_error_does_not_repeat_a_value() -> None:
    with pytest.raises(ConfigurationError) as refusal:
        check_document({"title": 1, "owners": "canary", "limit": {}}, Policy, "policy")
    assert "canary" not in str(refusal.value)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=80) | st.binary(max_size=80))
def test_any_file_is_read_or_refused(tmp_path: Path, text: str | bytes) -> None:
    path = tmp_path / "policy.yml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "replace"))
    problem = ""
    try:
        read_yaml(path)
    except ConfigurationError as refusal:
        problem = str(refusal)
    assert not problem or "policy.yml" in problem
