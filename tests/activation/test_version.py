"""What the ledger says of the code that ran."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from activation.version import code_version


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=Ann", "-c", "user.email=ann@example.com"]
    done = subprocess.run(
        ["git", *identity, *arguments], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    made = tmp_path / "house"
    made.mkdir()
    git(made, "init", "-q", "-b", "main")
    (made / ".gitignore").write_text("state/\n")
    (made / "model.sql").write_text("select 1\n")
    git(made, "add", ".")
    git(made, "commit", "-qm", "Begin")
    return made


def test_a_checkout_is_known_by_its_commit(checkout: Path) -> None:
    commit = git(checkout, "rev-parse", "HEAD")
    assert code_version(checkout) == f"git:{commit}"
    git(checkout, "pack-refs", "--all")
    assert code_version(checkout) == f"git:{commit}"
    git(checkout, "checkout", "-q", "--detach")
    assert code_version(checkout) == f"git:{commit}"


@pytest.mark.parametrize("branch", ["other", "--detach"])
def test_so_is_another_working_tree_of_it(checkout: Path, tmp_path: Path, branch: str) -> None:
    tree = tmp_path / "a tree"
    name = [branch] if branch == "--detach" else ["-b", branch]
    git(checkout, "worktree", "add", "-q", *name, str(tree))
    (tree / "model.sql").write_text("select 2\n")
    git(tree, "commit", "-qam", "Change")
    assert code_version(tree) == f"git:{git(tree, 'rev-parse', 'HEAD')}"
    assert code_version(tree) != code_version(checkout)


@pytest.mark.parametrize("name", ["model.sql", "new.sql"])
def test_what_no_commit_has_is_marked(checkout: Path, name: str) -> None:
    (checkout / "state").mkdir()
    (checkout / "state" / "ledger.jsonl").write_text("{}\n")
    assert not code_version(checkout).endswith("+changed")
    (checkout / name).write_text("select 3\n")
    assert code_version(checkout) == f"git:{git(checkout, 'rev-parse', 'HEAD')}+changed"


def test_without_a_checkout_it_is_the_release(tmp_path: Path) -> None:
    assert code_version(tmp_path).startswith("tellerline:")
    (tmp_path / ".git").write_text("gitdir: nowhere\n")
    assert code_version(tmp_path).startswith("tellerline:")
