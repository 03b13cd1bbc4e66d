# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Objects in a cloud as a store, whichever cloud it is: the one home of obstore.

Uploads go in parts of one size, few at a time, so memory stays bounded; downloads go in ranges, so that a reader who
takes his time holds no connection open and a cut one costs one range; a store without ranges is read in one go. No
answer is believed alone: a write is done when the store gives back what it took, and a token in an object's metadata
tells whether it is ours. What differs between clouds is a dialect's business.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import secrets
import typing as t
from datetime import timedelta

from ...ground.errors import MissingLibrary, NotFound, StoreError
from . import base, failures, uploading
from .downloading import cut_out, download, same_object
from .uploading import REFUSALS, SMALL, Source, Written

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from obstore import ObjectMeta
    from obstore.store import ObjectStore as Client

    from .dialect import Dialect
    from .settings import Patience

try:
    import obstore
    import obstore.store
    from obstore.exceptions import AlreadyExistsError, BaseError
except ImportError:
    obstore = None  # type: ignore[assignment]

PARTS_IN_FLIGHT = 2
"""Parts of one upload that are under way at once; more gains little and costs memory."""


class ObjectStore(base.PlainStore):
    """The objects below a container's prefix."""

    def __init__(self, dialect: Dialect, patience: Patience) -> None:
        self.url = dialect.url
        self._dialect = dialect
        self._root = dialect.root
        self._client = _client(dialect, patience)
        self._lasting = functools.cache(functools.partial(_client, dialect, patience, lasting=True))
        self._judge = failures.Judge(dialect.url, dialect.endpoint, self._dialect.codes, self._dialect.marks)
        self._ranges = True

    def put(self, name: str, chunks: Iterable[bytes], *, part_size: int = base.PART_SIZE) -> int:
        key, part = self._key(name), max(part_size, self._dialect.smallest_part)
        token = secrets.token_hex(16)
        source = Source(chunks, part * self._dialect.most_parts)
        try:
            self._upload(key, source.small(part), token, part)
        except _raised_by_obstore() as exc:
            if source.failed:
                raise
            if not source.ended or not self._is_ours(key, token):
                raise self._judge.explain(exc, f"Writing {name}", name) from exc
        self._confirm(name, token, source.written)
        return source.size

    def put_new(self, name: str, data: bytes) -> None:
        token, lost = secrets.token_hex(16), None
        for _attempt in range(uploading.ATTEMPTS):
            lost = self._create(name, data, token, lost)
            if lost is None:
                self._confirm(name, token, Written(len(data), data, b""))
                return
        raise t.cast("StoreError", lost)

    def get(self, name: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        key = self._key(name)
        ranged = functools.partial(self._range, name, key)
        yield from download(name, ranged, functools.partial(self._whole, name, key), start, length)

    def head(self, name: str) -> base.ObjectInfo:
        key = self._key(name)
        try:
            return self._info(obstore.head(self._client, key))
        except _raised_by_obstore() as exc:
            if failures.status(exc) in REFUSALS:
                # An answer to HEAD has no body that says why, or whether the bucket is missing; one to GET has.
                with self._reading(name):
                    return self._info(obstore.get(self._client, key).meta)
            raise self._judge.explain(exc, f"Looking at {name}", name) from exc

    def list(self, prefix: str, after: str = "") -> Iterator[base.ObjectInfo]:
        whole, beyond = self._root + base.check_prefix(prefix), self._root + after
        # obstore lists directories, and what names itself after the offset. Of dots alone it makes no name.
        begin = max("" if whole.endswith("/") else whole[:-1], beyond if after else "").rstrip("./")
        try:
            batches = obstore.list(self._client, whole.rpartition("/")[0] or None, offset=begin or None)
            for meta in _in_order(batches, whole, self.url):
                if meta["path"] > beyond:
                    yield self._info(meta)
        except _raised_by_obstore() as exc:
            raise self._judge.explain(exc, f"Listing {prefix or 'everything'}") from exc

    def delete(self, name: str) -> None:
        key = self._key(name)
        for left in reversed(range(uploading.ATTEMPTS)):
            try:
                obstore.delete(self._client, key)
                return
            except _raised_by_obstore() as exc:
                if isinstance(exc, FileNotFoundError) and failures.code(exc) != self._dialect.no_container:
                    return
                # Nothing is lost by asking again, which obstore does not do by itself when an answer got lost.
                if not left or failures.status(exc) in REFUSALS:
                    raise self._judge.explain(exc, f"Removing {name}", name) from exc

    def locked_until(self, name: str) -> datetime | None:
        self._key(name)
        return None

    def _upload(self, key: str, body: bytes | Iterator[bytes], token: str, part: int) -> None:
        obstore.put(
            self._client,
            key,
            body,
            attributes={self._dialect.token: token},
            use_multipart=not isinstance(body, bytes),
            chunk_size=part,
            max_concurrency=PARTS_IN_FLIGHT,
        )

    def _create(self, name: str, data: bytes, token: str, earlier: StoreError | None) -> StoreError | None:
        """Send a create-only write once. Return the error when its answer got lost and it may not be stored."""
        key = self._key(name)
        try:
            obstore.put(self._client, key, data, attributes={self._dialect.token: token}, mode="create")
        except _raised_by_obstore() as exc:
            if isinstance(exc, AlreadyExistsError):
                ours = functools.partial(self._is_ours, key, token, data if earlier else None, certain=True)
                uploading.settle(self.url, name, ours, earlier)
                return None
            error = self._judge.explain(exc, f"Writing {name}", name)
            if failures.status(exc) in REFUSALS:
                raise error from exc
            return None if self._is_ours(key, token, data) else error
        return None

    def _range(
        self, name: str, key: str, start: int, size: int, expected: ObjectMeta | None = None
    ) -> tuple[memoryview, ObjectMeta] | None:
        """Fetch one range, cut at the object's end; None when the object ends before it. Raise NoRange as it comes."""
        options: dict[str, t.Any] = {"range": (start, start + max(size, 1))}
        if expected and failures.is_strong(expected["e_tag"]):
            options["if_match"] = expected["e_tag"]
        try:
            with self._reading(name):
                result = obstore.get(self._client, key, options=t.cast("t.Any", options))
                # The first piece is as large as was asked for, or all that comes: a liar fills no memory.
                data = memoryview(next(iter(result.stream(max(size, 1))), b""))[:size]
        except failures.NoRange:
            self._ranges = False
            raise
        except StoreError as exc:
            if exc.details.get("status") == 416:
                return None
            raise
        same_object(name, result.meta, expected)
        if len(data) != max(0, min(size, result.meta["size"] - start)):
            raise StoreError(f"{self.url} returned only a part of {name}.", "Run again.", name=name)
        return data, result.meta

    def _whole(
        self, name: str, key: str, start: int, length: int | None, expected: ObjectMeta | None = None
    ) -> Iterator[bytes]:
        """Yield a part of an object, of a store that knows no ranges: all of it is read, in one go."""
        with self._reading(name):
            result = obstore.get(self._lasting(), key)
            same_object(name, result.meta, expected)
            yield from cut_out(name, result.stream(base.BLOCK), result.meta["size"], start, length)

    @contextlib.contextmanager
    def _reading(self, name: str) -> Iterator[None]:
        try:
            yield
        except _raised_by_obstore() as exc:
            if failures.status(exc) == 412:
                raise StoreError(f"{name} was replaced while it was read.", "Run again.", name=name) from exc
            raise self._judge.explain(exc, f"Reading {name}", name) from exc

    def _is_ours(self, key: str, token: str, data: bytes | None = None, *, certain: bool = False) -> bool:
        """
        Whether this very attempt stored the object. With `certain`, not being able to tell is an error.

        A store that drops metadata shows no token; there the bytes themselves decide, where they are at hand.
        """
        try:
            result = obstore.get(self._client, key)
            attributes = t.cast("Mapping[str, str]", result.attributes)
            if self._dialect.token not in attributes and data is not None:
                return result.meta["size"] == len(data) and bytes(result.bytes()) == data
        except _raised_by_obstore() as exc:
            error = self._judge.explain(exc, "Reading back")
            if certain and not isinstance(error, NotFound):
                raise error from exc
            return False
        return attributes.get(self._dialect.token) == token

    def _confirm(self, name: str, token: str, written: Written) -> None:
        try:
            uploading.confirm(
                self,
                name,
                written,
                whole=lambda: self._ranges or written.size <= SMALL,
                right=self._dialect.right_to_list,
            )
        except StoreError:
            # What we left broken goes; what somebody else left stays.
            if self._is_ours(self._key(name), token):
                with contextlib.suppress(StoreError):
                    self.delete(name)
            raise

    def _key(self, name: str) -> str:
        return base.check_name(self._root + base.check_name(name))

    def _info(self, meta: ObjectMeta) -> base.ObjectInfo:
        return base.ObjectInfo(meta["path"].removeprefix(self._root), meta["size"], meta["last_modified"])


def _in_order(batches: Iterable[Sequence[ObjectMeta]], prefix: str, url: str) -> Iterator[ObjectMeta]:
    """
    Yield what begins with `prefix` of a listing that may begin before.

    Only its order tells when it is complete: raise StoreError when it is in none.
    """
    previous = ""
    for meta in itertools.chain.from_iterable(batches):
        path = meta["path"]
        if path <= previous:
            if meta["size"] == 0 and path + "/" > previous:
                continue  # a folder's marker, made by a web console; obstore drops its last slash
            raise StoreError(f"{url} lists its objects out of order.", "Use another store.")
        previous = path
        if path.startswith(prefix):
            yield meta
        elif path > prefix:
            return


def _raised_by_obstore() -> tuple[type[BaseException], ...]:
    # A missing object is the builtin FileNotFoundError, a refused path ValueError.
    return (BaseError, OSError, ValueError)


def _client(dialect: Dialect, patience: Patience, *, lasting: bool = False) -> Client:
    """Connect to it. Requests that are `lasting` may take as long as somebody reads; only silence ends them."""
    if obstore is None:
        raise MissingLibrary("obstore", f"to reach {dialect.url}")
    options: dict[str, t.Any] = {
        "allow_http": dialect.endpoint.startswith("http://"),
        "connect_timeout": timedelta(seconds=patience.connect),
        "read_timeout" if lasting else "timeout": timedelta(seconds=patience.request),
    }
    if dialect.ca_cert:
        options["root_certificate"] = dialect.ca_cert
    made = getattr(obstore.store, dialect.client)(
        dialect.container,
        config=dialect.config,
        client_options=options,
        retry_config={"max_retries": patience.retries, "retry_timeout": timedelta(seconds=patience.retrying)},
        credential_provider=dialect.credentials,
    )
    return t.cast("Client", made)
