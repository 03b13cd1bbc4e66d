# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a host remembers belongs to a store: two stores with one state directory give no false alarm."""

from __future__ import annotations

import dataclasses
import json
import os
import typing as t

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores.factory import (
    StoreSettings,
    identity,
    settings_of,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.anomalies.backup_figures import (
    Statistic,
    Statistics,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository import catalogue
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository.receipts import (
    Receipt,
    Receipts,
)

if t.TYPE_CHECKING:
    from pathlib import Path

    from sample_host import SampleHost

FIRST, SECOND = "file:///first", "file:///second"


def receipt(token: str = "1", **values: t.Any) -> Receipt:
    backup_id = f"backup-20261120T030000Z-{token * 16}"
    made = Receipt("shop", "main/shop", backup_id, "0" * 64, "full", "scheduled", "2026-11-20T03:00:00+00:00", 1, 1)
    return dataclasses.replace(made, **values)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (StoreSettings("/srv/a"), StoreSettings("file:///srv//b/../a/"), True),
        (StoreSettings("/srv/a"), StoreSettings("/srv/b"), False),
        (StoreSettings("s3://bucket/a"), StoreSettings("s3://bucket/a/"), True),
        (StoreSettings("s3://bucket/a"), StoreSettings("s3://bucket/b"), False),
        (StoreSettings("s3://buc", endpoint="http://ONE:9/"), StoreSettings("s3://buc", endpoint="http://one:9"), True),
        (StoreSettings("s3://buc", endpoint="https://one"), StoreSettings("s3://buc", endpoint="https://two"), False),
        (StoreSettings("nonsense"), StoreSettings("nonsense"), True),
    ],
)  # fmt: skip
def test_a_store_is_known_however_it_is_written(one: StoreSettings, other: StoreSettings, same: bool) -> None:
    assert (identity(one) == identity(other)) is same


def test_an_endpoint_of_the_environment_is_a_store_of_its_own() -> None:
    """One bucket's name at two endpoints is two stores, whose trust files have serials of their own."""
    written = identity(StoreSettings("s3://bucket", endpoint="https://one"))
    for variable in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        for endpoint, same in (("https://one", True), ("https://two", False)):
            assert (identity(settings_of({"url": "s3://bucket"}, {variable: endpoint})) == written) is same


def test_the_trust_file_that_root_saw_is_known_to_the_directorys_owner(tmp_path: Path) -> None:
    """A validation runs as root, and a backup that did not know of it would take an older trust file."""
    os.chown(tmp_path, 12345, 12346)
    Receipts(str(tmp_path), FIRST).saw_trust("shop", 7)
    (path,) = tmp_path.iterdir()
    assert path.stat().st_uid == 12345
    assert Receipts(str(tmp_path), FIRST).trust_serial("shop") == 7


def test_a_second_store_misses_nothing_of_the_first(sample: SampleHost) -> None:
    sample.back_up()
    (sample.home / "second").mkdir()
    settings = dataclasses.replace(sample.settings, store=StoreSettings(f"{sample.home}/second"))
    Receipts(settings.state_dir, sample.settings.place).add(receipt())
    opened = catalogue.open_repository(settings, sample.world())
    assert opened.backups() == []
    assert opened.problems == []
    first = catalogue.open_repository(sample.settings, sample.world())
    first.backups()
    assert [problem.name for problem in first.problems] == [receipt().backup_id]


def test_lines_without_a_store_count_while_there_is_but_one(tmp_path: Path) -> None:
    line = {key: value for key, value in dataclasses.asdict(receipt()).items() if key != "store"}
    (tmp_path / "receipts.jsonl").write_text(json.dumps(line) + "\n")
    first, second = Receipts(str(tmp_path), FIRST), Receipts(str(tmp_path), SECOND)
    assert len(first.of("shop")) == 1
    first.add(receipt("2"))
    assert len(first.of("shop")) == 2
    assert second.of("shop") == []
    second.add(receipt("3"))
    assert [found.backup_id[-1] for found in first.of("shop")] == ["2"]


def test_what_one_store_let_go_is_not_let_go_by_another(tmp_path: Path) -> None:
    first, second = Receipts(str(tmp_path), FIRST), Receipts(str(tmp_path), SECOND)
    first.forget("shop", ["backup"])
    assert first.expired("shop") == {"backup"}
    assert second.expired("shop") == set()


def test_the_trust_of_one_store_is_not_that_of_another(tmp_path: Path) -> None:
    first, second = Receipts(str(tmp_path), FIRST), Receipts(str(tmp_path), SECOND)
    assert first.trust_serial("shop") == 0
    first.saw_trust("shop", 5)
    assert first.trust_serial("shop") == 5
    assert second.trust_serial("shop") == 0
    second.saw_trust("shop", 1)
    assert (first.trust_serial("shop"), second.trust_serial("shop")) == (5, 1)


def test_figures_of_one_store_are_not_compared_with_those_of_another(tmp_path: Path) -> None:
    figures = Statistic("shop", "main/shop", "a", "full", "scheduled", "2026-11-20T03:00:00+00:00", 1, 1)
    Statistics(str(tmp_path), FIRST).add(figures)
    Statistics(str(tmp_path)).add(dataclasses.replace(figures, backup_id="b"))
    assert [known.backup_id for known in Statistics(str(tmp_path), FIRST).of("shop")] == ["a", "b"]
    assert [known.backup_id for known in Statistics(str(tmp_path), SECOND).of("shop")] == ["b"]
    assert len(Statistics(str(tmp_path)).of("shop")) == 2
