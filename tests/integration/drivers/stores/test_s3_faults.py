# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A network and a server that fail: every write either is there whole or failed loudly and left nothing."""

from __future__ import annotations

import time
import typing as t

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores import factory
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores.settings import Patience
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import (
    AccessDenied,
    AlreadyExists,
    NotFound,
    StoreError,
)
from faultproxy import Fault, told

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores.base import Store
    from faultproxy import FaultProxy

MIB = 1 << 20
PART = 5 * MIB
DATA = b"".join(number.to_bytes(8, "big") for number in range(12 * MIB // 8))
"""Three parts of different content."""

BUSY = (503, b"<Error><Code>SlowDown</Code></Error>")
BROKEN = (500, b"<Error><Code>InternalError</Code></Error>")


def put(store: Store) -> int:
    return store.put("a/b", [DATA[:MIB], DATA[MIB:]], part_size=PART)


def read(store: Store, name: str = "a/b") -> bytes:
    return b"".join(store.get(name))


def uploads(s3: t.Any, store: Store) -> list[t.Any]:
    """List what unfinished uploads left in the bucket, unseen and paid for."""
    answer = s3.client().list_multipart_uploads(Bucket=s3.bucket, Prefix=store.url.split("/", 3)[3])
    found: list[t.Any] = answer.get("Uploads", [])
    return found


@pytest.mark.parametrize(
    "fault",
    [
        Fault("^PUT .*partNumber=2", times=1, cut_request=MIB),
        Fault("^PUT .*partNumber=2", times=1, cut_request=MIB, how="fin"),
        Fault("^PUT .*partNumber=3", times=1, cut_request=0, how="stall"),
        Fault("^PUT .*partNumber=1", times=2, answer=BUSY),
        Fault("^PUT .*partNumber=1", times=2, answer=BROKEN),
        Fault("^PUT .*partNumber=2", times=1, swallow=True),
        Fault(r"^POST .*\?uploads", times=1, answer=BUSY),
        Fault("^POST .*uploadId", times=1, swallow=True),
        Fault("^POST .*uploadId", times=1, swallow=True, how="stall"),
        Fault("^POST .*uploadId", times=1, answer=(200, BROKEN[1])),
        Fault("^HEAD ", times=1, swallow=True),
        Fault("^HEAD ", times=2, answer=(503, b"")),
    ],
    ids=lambda fault: f"{fault.where} {fault.how} {fault.answer and fault.answer[0]}",
)
def test_a_passing_fault_is_overcome(
    fault: Fault, behind_proxy: Store, direct: Store, proxy: FaultProxy, s3: t.Any
) -> None:
    proxy.add(fault)
    assert put(behind_proxy) == len(DATA)
    assert proxy.struck
    proxy.reset()
    assert read(direct) == DATA
    assert uploads(s3, direct) == []


@pytest.mark.parametrize(
    "fault",
    [
        Fault("^PUT .*partNumber=2", cut_request=MIB),
        Fault("^PUT .*partNumber=2", answer=BUSY),
        Fault("^PUT .*partNumber=2", answer=(400, b"<Error><Code>BadDigest</Code></Error>")),
        Fault(r"^POST .*\?uploads", answer=BROKEN),
        Fault("^POST .*uploadId", answer=BROKEN),
        Fault("^POST .*uploadId", answer=(404, b"<Error><Code>NoSuchUpload</Code></Error>")),
    ],
    ids=lambda fault: f"{fault.where} {fault.answer and fault.answer[0]}",
)
def test_a_lasting_fault_fails_clean(
    fault: Fault, behind_proxy: Store, direct: Store, proxy: FaultProxy, s3: t.Any
) -> None:
    proxy.add(fault)
    with pytest.raises(StoreError, match="Writing a/b failed at s3://"):
        put(behind_proxy)
    assert list(direct.list("")) == []
    assert uploads(s3, direct) == []
    proxy.reset()
    assert put(behind_proxy) == len(DATA)


def test_an_upload_that_the_store_forgot_after_completing_it_is_recognised(
    behind_proxy: Store, direct: Store, proxy: FaultProxy
) -> None:
    # The first answer is lost; to the repeated request the store says that it knows no such upload.
    proxy.add(Fault("^POST .*uploadId", times=1, swallow=True))
    proxy.add(Fault("^POST .*uploadId", times=1, answer=(404, b"<Error><Code>NoSuchUpload</Code></Error>")))
    assert put(behind_proxy) == len(DATA)
    assert read(direct) == DATA


def test_an_older_object_is_not_taken_for_the_one_that_failed(
    behind_proxy: Store, direct: Store, proxy: FaultProxy
) -> None:
    direct.put("a/b", [bytes(len(DATA))])
    proxy.add(Fault("^POST .*uploadId", answer=(404, b"<Error><Code>NoSuchUpload</Code></Error>")))
    with pytest.raises(StoreError, match="lost the upload"):
        put(behind_proxy)
    assert read(direct) == bytes(len(DATA))


@pytest.mark.parametrize("how", ["rst", "stall"])
def test_a_small_object_whose_answer_is_lost_is_sent_again(
    how: t.Any, behind_proxy: Store, direct: Store, proxy: FaultProxy
) -> None:
    proxy.add(Fault("^PUT ", times=1, swallow=True, how=how))
    assert behind_proxy.put("a", [b"small"]) == 5
    assert read(direct, "a") == b"small"


def test_a_store_that_shows_less_than_it_took_is_an_error(
    behind_proxy: Store, direct: Store, proxy: FaultProxy
) -> None:
    proxy.add(Fault("^PUT ", times=1, answer=(200, b"")))
    with pytest.raises(StoreError, match="accepted 5 bytes of a, but shows nothing"):
        behind_proxy.put("a", [b"small"])
    direct.put("a", [b"older"])
    direct.put("a", [b"other size"])
    proxy.add(Fault("^PUT ", times=1, answer=(200, b"")))
    with pytest.raises(StoreError, match="accepted 5 bytes of a, but shows 10 bytes"):
        behind_proxy.put("a", [b"small"])
    assert read(direct, "a") == b"other size"


@pytest.mark.parametrize("how", ["rst", "fin", "stall"])
def test_a_create_only_write_whose_answer_is_lost_is_ours(
    how: t.Any, behind_proxy: Store, direct: Store, proxy: FaultProxy
) -> None:
    proxy.add(Fault("^PUT ", times=1, swallow=True, how=how))
    behind_proxy.put_new("m.json", b"{}")
    assert read(direct, "m.json") == b"{}"
    with pytest.raises(AlreadyExists):
        behind_proxy.put_new("m.json", b"{}")


def test_a_create_only_write_that_never_arrived_is_sent_again(
    behind_proxy: Store, direct: Store, proxy: FaultProxy
) -> None:
    proxy.add(Fault("^PUT ", times=1, cut_request=1))
    behind_proxy.put_new("m.json", b"{}")
    assert read(direct, "m.json") == b"{}"


def test_a_create_only_write_that_met_anothers_is_not_ours(
    behind_proxy: Store, direct: Store, proxy: FaultProxy
) -> None:
    direct.put_new("m.json", b"{}")
    proxy.add(Fault("^PUT ", times=1, cut_request=1))
    with pytest.raises(AlreadyExists):
        behind_proxy.put_new("m.json", b"{}")


def test_a_create_only_write_is_repeated_within_reason(behind_proxy: Store, direct: Store, proxy: FaultProxy) -> None:
    proxy.add(Fault("^PUT ", cut_request=0))
    with pytest.raises(StoreError, match=r"Writing m\.json failed"):
        behind_proxy.put_new("m.json", b"{}")
    assert list(direct.list("")) == []


def test_an_error_behind_a_stored_create_only_write_does_not_deny_it(
    behind_proxy: Store, direct: Store, proxy: FaultProxy
) -> None:
    # The store has it, the answer is lost, and what the client sends again meets our own object.
    proxy.add(Fault("^PUT ", times=1, swallow=True))
    proxy.add(Fault("^GET .*m.json", times=4, answer=BROKEN))
    behind_proxy.put_new("m.json", b"{}")
    assert read(direct, "m.json") == b"{}"


@pytest.mark.parametrize("how", ["rst", "fin", "stall"])
def test_a_cut_download_goes_on(how: t.Any, behind_proxy: Store, proxy: FaultProxy) -> None:
    put(behind_proxy)
    proxy.add(Fault("^GET ", times=2, cut_response=3 * MIB, how=how))
    assert read(behind_proxy) == DATA


def test_a_download_that_is_always_cut_fails(behind_proxy: Store, proxy: FaultProxy) -> None:
    put(behind_proxy)
    proxy.add(Fault("^GET ", cut_response=1000))
    with pytest.raises(StoreError, match="Reading a/b failed"):
        read(behind_proxy)


def test_an_object_replaced_in_the_middle_of_a_download_is_noticed(behind_proxy: Store, direct: Store) -> None:
    put(behind_proxy)
    chunks = behind_proxy.get("a/b", 0)
    direct.put("a/b", [bytes(30 * MIB)])
    first = next(chunks)  # what is asked for now is the new object, whole
    direct.put("a/b", [DATA])
    with pytest.raises(StoreError, match="replaced"):
        first += b"".join(chunks)


def test_a_listing_that_breaks_off_is_an_error(behind_proxy: Store, proxy: FaultProxy) -> None:
    for number in range(5):
        behind_proxy.put(f"many/{number}", [b"x"])
    proxy.add(Fault("^GET .*list-type=2", cut_response=200))
    with pytest.raises(StoreError, match="Listing many/ failed"):
        list(behind_proxy.list("many/"))
    proxy.reset()
    proxy.add(Fault("^GET .*list-type=2", times=2, answer=BUSY))
    assert len(list(behind_proxy.list("many/"))) == 5


def test_a_listing_whose_second_page_fails_is_an_error(behind_proxy: Store, proxy: FaultProxy) -> None:
    page = (
        b'<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><IsTruncated>true</IsTruncated>'
        b"<NextContinuationToken>more</NextContinuationToken><Contents><Key>%s/a</Key>"
        b"<LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>&quot;x&quot;</ETag><Size>1</Size>"
        b"</Contents></ListBucketResult>"
    )
    prefix = behind_proxy.url.split("/", 3)[3].encode()
    proxy.add(Fault("^GET .*continuation-token=more", answer=BROKEN))
    proxy.add(Fault("^GET .*list-type=2", answer=(200, page % prefix)))
    with pytest.raises(StoreError, match="Listing"):
        list(behind_proxy.list(""))
    assert proxy.struck >= 2


def test_deleting_survives_a_lost_answer(behind_proxy: Store, direct: Store, proxy: FaultProxy) -> None:
    behind_proxy.put("a", [b"x"])
    proxy.add(Fault("^DELETE ", times=1, swallow=True))
    behind_proxy.delete("a")
    assert list(direct.list("")) == []


SKEWED = (403, b"<Error><Code>RequestTimeTooSkewed</Code><Message>The difference is too large</Message></Error>")


@pytest.mark.parametrize(
    "attempt",
    [
        lambda store: store.put("a", [b"x"]),
        lambda store: store.put_new("a", b"x"),
        lambda store: next(store.get("a")),
        lambda store: store.head("a"),
        lambda store: list(store.list("")),
        lambda store: store.delete("a"),
    ],
    ids=["put", "put_new", "get", "head", "list", "delete"],
)
def test_a_wrong_clock_is_called_one(
    attempt: Callable[[Store], object], behind_proxy: Store, proxy: FaultProxy
) -> None:
    proxy.add(Fault("^HEAD", answer=(403, b"")))
    proxy.add(Fault(".", answer=SKEWED))
    with pytest.raises(StoreError, match="clocks of this host and of the store differ") as caught:
        attempt(behind_proxy)
    assert not isinstance(caught.value, AccessDenied)


def test_an_expired_token_is_called_one(behind_proxy: Store, proxy: FaultProxy) -> None:
    proxy.add(Fault("partNumber=2", answer=(400, b"<Error><Code>ExpiredToken</Code></Error>")))
    with pytest.raises(AccessDenied, match="session token has expired"):
        put(behind_proxy)


def test_all_parts_but_the_last_are_of_one_size(behind_proxy: Store, s3: t.Any) -> None:
    data = [b"x" * 999_983] * 17
    behind_proxy.put("a", iter(data), part_size=PART)
    key = behind_proxy.url.split("/", 3)[3] + "/a"
    client = s3.client()
    count = client.head_object(Bucket=s3.bucket, Key=key, PartNumber=1)["PartsCount"]
    sizes = [client.head_object(Bucket=s3.bucket, Key=key, PartNumber=n)["ContentLength"] for n in range(1, count + 1)]
    assert sizes == [PART, PART, PART, 17 * 999_983 - 3 * PART]


def test_a_stalled_store_is_given_up_in_time(s3: t.Any, proxy: FaultProxy) -> None:
    patience = Patience(connect=1, request=1, retries=1, retrying=10)
    store = factory.open_store(s3.settings("x", endpoint=proxy.endpoint), environ={}, patience=patience)
    proxy.add(Fault(".", swallow=True, how="stall"))
    began = time.monotonic()
    with pytest.raises(StoreError, match="does not respond in time"):
        store.head("a")
    assert time.monotonic() - began < 10


def test_a_store_without_ranges_is_read_like_any_other(behind_proxy: Store, proxy: FaultProxy) -> None:
    proxy.add(Fault("bytes=", lie=lambda head, body: told(head, body, status=200)))
    put(behind_proxy)
    behind_proxy.put_new("m.json", b"{}")
    assert read(behind_proxy) == DATA
    assert read(behind_proxy, "m.json") == b"{}"
    for start, length in [(0, 5), (7 * MIB + 1, 3 * MIB), (len(DATA) - 3, 100), (len(DATA) + 5, 10), (11, 0)]:
        assert b"".join(behind_proxy.get("a/b", start, length)) == DATA[start : start + length]
    assert max(map(len, behind_proxy.get("a/b"))) <= MIB
    with pytest.raises(NotFound):
        next(behind_proxy.get("nothing", 3, 4))


def test_ranges_that_cease_in_the_middle_of_a_download_do_not_end_it(behind_proxy: Store, proxy: FaultProxy) -> None:
    put(behind_proxy)
    proxy.add(Fault("bytes=4194304-", lie=lambda head, body: told(head, body, status=200)))
    assert read(behind_proxy) == DATA
    assert proxy.struck


def test_what_can_not_be_read_back_was_not_written(behind_proxy: Store, direct: Store, proxy: FaultProxy) -> None:
    """A backup exists only where a reader would find it."""
    proxy.add(Fault("^GET .*/(a|b|c)[ ?]", lie=lambda head, body: told(head, bytes(len(body)))))
    with pytest.raises(StoreError, match="accepted b, but returns other bytes"):
        behind_proxy.put("b", [b"small"])
    with pytest.raises(StoreError, match="accepted c, but returns other bytes"):
        behind_proxy.put_new("c", b"create-only")
    proxy.add(Fault("^GET .*/a/b[ ?]", lie=lambda head, body: told(head, bytes(len(body)))))
    with pytest.raises(StoreError, match="accepted a/b, but returns other bytes"):
        put(behind_proxy)
    assert list(direct.list("")) == []


def test_the_end_of_what_was_written_is_read_back_too(behind_proxy: Store, direct: Store, proxy: FaultProxy) -> None:
    at_the_end = rf"^GET .*\r\n(?s:.*)bytes={len(DATA) - (64 << 10)}-"
    proxy.add(Fault(at_the_end, lie=lambda head, body: told(head, body[:-1] + b"?")))
    with pytest.raises(StoreError, match="returns other bytes"):
        put(behind_proxy)
    assert proxy.struck
    assert list(direct.list("")) == []


LIES: dict[str, t.Any] = {
    "a range elsewhere": lambda head, body: told(head, body, content_range=b"bytes 1-9/100"),
    "a range shorter": lambda head, body: told(head, body[:-1], content_range=b"bytes 0-3/%d" % len(DATA)),
    "a range, unsaid": lambda head, body: told(head, body, content_range=None),
    "a range of unknown": lambda head, body: told(head, body, content_range=b"bytes 0-4/*"),
    "less than it says": lambda head, body: told(head, body[:-1], content_length=b"%d" % len(body)),
    "less than the range": lambda head, body: told(head, body[:-1]),
    "an error as a range": lambda head, body: told(head, BROKEN[1]),
    "no length": lambda head, body: told(head, body, content_length=None),
    "a circle": lambda head, body: told(head, b"", status=302, location=b"/somewhere"),
    "elsewhere, unsaid": lambda head, body: told(head, b"", status=301),
    "not modified": lambda head, body: told(head, b"", status=304),
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_a_false_answer_is_an_error_that_says_so(lie: t.Any, behind_proxy: Store, proxy: FaultProxy) -> None:
    put(behind_proxy)
    proxy.add(Fault("^GET ", lie=lie))
    with pytest.raises(StoreError) as caught:
        read(behind_proxy)
    assert "The connection to" not in caught.value.cause
    assert caught.value.remedy


def test_more_than_was_asked_for_is_cut(behind_proxy: Store, proxy: FaultProxy) -> None:
    put(behind_proxy)
    proxy.add(Fault("^GET ", lie=lambda head, body: told(head, body + bytes(1000))))
    assert read(behind_proxy) == DATA


def test_a_tag_that_changes_tells_of_another_object(behind_proxy: Store, proxy: FaultProxy) -> None:
    put(behind_proxy)
    proxy.add(Fault("bytes=4194304-", lie=lambda head, body: told(head, body, etag=b'"other"')))
    with pytest.raises(StoreError, match="replaced while it was read"):
        read(behind_proxy)
    proxy.reset()
    proxy.add(Fault("bytes=4194304-", lie=lambda head, body: told(head, body, etag=None)))
    assert read(behind_proxy) == DATA
    proxy.reset()
    proxy.add(Fault("^GET ", lie=lambda head, body: told(head, body, etag=b'W/"weak"')))
    assert read(behind_proxy) == DATA
