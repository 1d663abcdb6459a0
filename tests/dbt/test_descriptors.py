"""Descriptors that no transaction has any more."""

from __future__ import annotations

from pathlib import Path

from tests.dbt.sessions import DbtSession

MODEL = "dim_merchant_descriptors"


def test_what_other_rules_made_of_a_descriptor_is_forgotten(
    built: DbtSession, tmp_path: Path
) -> None:
    home = built.copied_to(tmp_path)
    descriptors = f"from core.{MODEL} order by descriptor_key"
    before = home.rows(descriptors)
    with home.connect(read_only=False) as connection:
        for key, checksum in ((-1, "'other rules'"), (-2, "rules_checksum")):
            connection.execute(
                f"insert into core.{MODEL} by name (select * replace ({key} as descriptor_key, "
                f"{checksum} as rules_checksum) from core.{MODEL} limit 1)"
            )
    home.invoke("run", "--select", MODEL)
    after = home.rows(descriptors)
    assert [row[0] for row in after if row[0] < 0] == [-2]
    assert [row for row in after if row[0] >= 0] == before
