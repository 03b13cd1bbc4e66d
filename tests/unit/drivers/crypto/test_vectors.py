# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The published vectors, read by the engine: every case ends as its index says."""

from __future__ import annotations

import hashlib
import json
import typing as t
from pathlib import Path

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.crypto import (
    keys,
    lbx,
    opener,
    trust,
    wraps,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground import codec
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import KeyRefused, Tampered

VECTORS = Path(__file__).resolve().parents[3] / "vectors"
INDEX = json.loads((VECTORS / "index.json").read_bytes())
NAMES = {"files": "case", "records": "file"}


def cases(kind: str) -> t.Any:
    return [pytest.param(item, id=item[NAMES[kind]]) for item in INDEX[kind]]


def opening_key(name: str) -> keys.OpeningKey:
    if name in INDEX["opening_keys"]:
        return keys.OpeningKey(bytes.fromhex(INDEX["opening_keys"][name]["secret"]))
    return keys.RecoveryKey.from_hex(INDEX["recovery_keys"][name]["hex"]).opening


def data_of(case: dict[str, t.Any]) -> bytes:
    return b"".join((VECTORS / file).read_bytes()[start:end] for file, start, end in case["parts"])


def signers_of(case: dict[str, t.Any]) -> frozenset[bytes]:
    roots = frozenset(bytes.fromhex(root) for root in case["roots"])
    if "trust" not in case:
        return roots
    return trust.verify((VECTORS / case["trust"]).read_bytes(), roots, "shop").allowed("main/shop")


def opener_of(case: dict[str, t.Any]) -> opener.KeyOpener:
    stored = {}
    for file in case.get("handovers", []):
        data = (VECTORS / file).read_bytes()
        stored[INDEX["recovery_keys"]["owner"]["recipient_kid"]] = data

    def side_wraps(head: lbx.Head) -> list[wraps.Wrap]:
        found = [wraps.parse_side_wraps((VECTORS / file).read_bytes()) for file in case.get("side_wraps", [])]
        return [item[head.sha256] for item in found if head.sha256 in item]

    return opener.KeyOpener([opening_key(case["key"])], side_wraps, stored.get)


def read(case: dict[str, t.Any], data: bytes) -> bytes:
    expected = lbx.Expected(case["name"], signers_of(case), sha256=case.get("sha256"))
    return b"".join(lbx.open_file([data], expected, opener_of(case)))


@pytest.mark.parametrize("case", cases("files"))
def test_a_file_ends_as_the_index_says(case: dict[str, t.Any]) -> None:
    data = data_of(case)
    if case["outcome"] in {"opens", "bad-content"}:
        content = read(case, data)
        assert hashlib.sha256(content).hexdigest() == case["stream_sha256"]
        if case["outcome"] == "bad-content":
            with pytest.raises(Tampered):
                list(codec.decompress([content]))
        else:
            plain = b"".join(codec.decompress([content]))
            assert hashlib.sha256(plain).hexdigest() == case["plain_sha256"]
    else:
        with pytest.raises({"tampered": Tampered, "key-refused": KeyRefused}[case["outcome"]]):
            read(case, data)


@pytest.mark.parametrize("record", cases("records"))
def test_a_record_ends_as_the_index_says(record: dict[str, t.Any]) -> None:
    envelope = (VECTORS / record["file"]).read_bytes()
    roots = [bytes.fromhex(root) for root in record["roots"]]
    if record["outcome"] == "accepted":
        assert trust.verify(envelope, roots, record["application"]).application == "shop"
    else:
        with pytest.raises(Tampered):
            trust.verify(envelope, roots, record["application"])


@pytest.mark.parametrize("name", list(INDEX["recovery_keys"]))
def test_a_seed_gives_the_listed_keys(name: str) -> None:
    listed = INDEX["recovery_keys"][name]
    key = keys.RecoveryKey.from_paper(listed["paper"])
    assert key == keys.RecoveryKey.from_hex(listed["hex"])
    assert key.opening.recipient.public.hex() == listed["recipient"]
    assert key.opening.recipient.kid == listed["recipient_kid"]
    assert (key.root.public.hex(), key.root.kid) == (listed["root"], listed["root_kid"])
    assert key.digest_key.hex() == listed["digest_key"]


def test_every_published_file_is_used() -> None:
    used = {part[0] for case in INDEX["files"] for part in case["parts"]}
    used |= {record["file"] for kind in ("records", "manifests") for record in INDEX[kind]}
    used |= {file for recovery in INDEX["recoveries"] for file in recovery["files"]}
    used |= {file for case in INDEX["files"] for kind in ("handovers", "side_wraps") for file in case.get(kind, [])}
    assert used | {"index.json"} == {path.name for path in VECTORS.iterdir() if path.suffix in {".lbx", ".json"}}
