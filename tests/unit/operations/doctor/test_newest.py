# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the doctor says of the newest backup of each database, and of the next one."""

from __future__ import annotations

import typing as t

from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.crypto import trust
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.operations.doctor import doctor, host
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository import trusted_keys

if t.TYPE_CHECKING:
    import pytest
    from retention_fixtures import SampleStore
    from sample_host import SampleHost


def checks(sample: SampleStore | SampleHost, name: str) -> list[doctor.Check]:
    request = doctor.ExamineRequest(sample.settings, cluster="main", only=(name,), fail_on="never")
    return doctor.make_checks(request, sample.world(dry_run=True))


def test_one_database_that_was_backed_up_since_does_not_speak_for_the_others(sample_store: SampleStore) -> None:
    recipient, root = sample_store.key.opening.recipient, sample_store.key.root
    signer = trust.SignerEntry(root.public, ("main/*",), sample_store.now.replace(year=2020, microsecond=0))
    made = trust.TrustFile("shop", 1, sample_store.now, (recipient,), (signer,))
    sample_store.store.put_new(trusted_keys.trust_name("shop", 1), trust.sign(made, [root]))
    sample_store.make(2, "orders")
    sample_store.make(1, "shop", recipients=(recipient.kid,))
    sample_store.make(0.5, "shop", scope="partial")
    warned = [check.facts.get("component") for check in checks(sample_store, "recipients") if check.result != "ok"]
    assert [component for component in warned if component] == ["main/orders"]


def test_a_backup_of_chosen_tables_does_not_say_what_the_next_one_takes(sample: SampleHost) -> None:
    sample.back_up(hours=20, files=40)
    (before,) = checks(sample, "store_space")
    sample.back_up(hours=2, files=2, scope="partial")
    sample.back_up(hours=1, files=2, reason="emergency")
    (after,) = checks(sample, "store_space")
    assert after.facts["needed"] == before.facts["needed"] > 0


def test_a_store_in_a_directory_needs_no_library_for_clouds(
    sample: SampleHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host, "_found", lambda module: module != "obstore")
    assert [check.result for check in checks(sample, "libraries")] == ["ok"]
