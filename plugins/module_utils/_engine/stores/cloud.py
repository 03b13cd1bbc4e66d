# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
An S3 bucket, or a prefix of one, as a store: the one home of obstore.

Uploads go in parts of one size, few at a time, so memory stays bounded; downloads go in ranges, so that a reader who
takes his time holds no connection open and a cut one costs one range; a store without ranges is read in one go. No
answer is believed alone: a write is done when the store gives back what it took, and a token in an object's metadata
tells whether it is ours.
"""

from __future__ import annotations

import contextlib
import functools
import secrets
import typing as t

from ..errors import MissingLibrary, NotFound, StoreError
from . import attempts, base, failures
from .attempts import REFUSALS, TOKEN
from .bucket import Bucket, Patience, client_settings
from .confirming import SMALL, Written, confirm
from .credentials import provider
from .downloading import cut_out, download, same_object
from .listed import in_order
from .source import Source

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from obstore import ObjectMeta

    from .credentials import Credentials

try:
    import obstore
    from obstore.exceptions import AlreadyExistsError, BaseError
    from obstore.store import S3Store
except ImportError:
    obstore = None  # type: ignore[assignment]

PARTS_IN_FLIGHT = 2
"""Parts of one upload that are under way at once; more gains little and costs memory."""

SMALLEST_PART = 5 << 20
"""S3 refuses smaller parts, except the last."""

MOST_PARTS = 10_000
"""S3 takes no more parts for one object."""


class CloudStore:
    """
    The objects below a bucket's prefix.

    `credentials` is called for each request. None leaves it to the machine: an instance's or a container's role.
    """

    def __init__(
        self,
        bucket: Bucket,
        credentials: Callable[[], Credentials] | None,
        *,
        machine: Mapping[str, str] | None = None,
        patience: Patience | None = None,
    ) -> None:
        self.url = f"s3://{bucket.name}/{bucket.prefix}".rstrip("/")
        self._prefix = f"{bucket.prefix}/" if bucket.prefix else ""
        self._endpoint = bucket.endpoint or f"https://s3.{bucket.region}.amazonaws.com"
        client = functools.partial(_client, bucket, credentials, machine or {}, patience or Patience())
        self._s3 = client()
        self._lasting = functools.cache(functools.partial(client, lasting=True))
        self._ranges = True

    def put(self, name: str, chunks: Iterable[bytes], *, part_size: int = base.PART_SIZE) -> int:
        key, part = self._key(name), max(part_size, SMALLEST_PART)
        token = secrets.token_hex(16)
        source = Source(chunks, part * MOST_PARTS)
        try:
            self._upload(key, source.small(part), token, part)
        except _raised_by_obstore() as exc:
            if source.failed:
                raise
            if not source.ended or not self._is_ours(key, token):
                raise self._explained(exc, f"Writing {name}", name) from exc
        self._confirm(name, token, source.written)
        return source.size

    def put_new(self, name: str, data: bytes) -> None:
        token = secrets.token_hex(16)
        attempts.create(functools.partial(self._create, name, data, token))
        self._confirm(name, token, Written(len(data), data, b""))

    def get(self, name: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        key = self._key(name)
        ranged = functools.partial(self._range, name, key)
        yield from download(ranged, functools.partial(self._whole, name, key), start, length)

    def head(self, name: str) -> base.ObjectInfo:
        key = self._key(name)
        try:
            return self._info(obstore.head(self._s3, key))
        except _raised_by_obstore() as exc:
            if failures.status(exc) in REFUSALS:
                # An answer to HEAD has no body that says why, or whether the bucket is missing; one to GET has.
                with self._reading(name):
                    return self._info(obstore.get(self._s3, key).meta)
            raise self._explained(exc, f"Looking at {name}", name) from exc

    def list(self, prefix: str) -> Iterator[base.ObjectInfo]:
        whole = self._prefix + base.check_prefix(prefix)
        above = whole.rpartition("/")[0]
        # obstore lists directories. The last character is left off, for what it names itself must not be skipped.
        offset = whole[:-1] if len(whole) > len(above) + 2 else None
        try:
            for meta in in_order(obstore.list(self._s3, above or None, offset=offset), whole, self.url):
                yield self._info(meta)
        except _raised_by_obstore() as exc:
            raise self._explained(exc, f"Listing {prefix or 'everything'}") from exc

    def _listed_from(self, prefix: str, name: str) -> Iterator[base.ObjectInfo]:
        """Yield what a listing of `prefix` shows that begins right before `name`."""
        whole, key = self._prefix + prefix, self._key(name)
        try:
            for batch in obstore.list(self._s3, whole.rpartition("/")[0] or None, offset=key[:-1]):
                for meta in batch:
                    if meta["path"] >= key:
                        if not meta["path"].startswith(whole):
                            return
                        yield self._info(meta)
        except _raised_by_obstore() as exc:
            raise self._explained(exc, f"Listing {prefix or 'everything'}") from exc

    def delete(self, name: str) -> None:
        key = self._key(name)
        for left in reversed(range(attempts.ATTEMPTS)):
            try:
                obstore.delete(self._s3, key)
                return
            except _raised_by_obstore() as exc:
                if isinstance(exc, FileNotFoundError) and failures.code(exc) != "NoSuchBucket":
                    return
                # Nothing is lost by asking again, which obstore does not do by itself when an answer got lost.
                if not left or failures.status(exc) in REFUSALS:
                    raise self._explained(exc, f"Removing {name}", name) from exc

    def purge(self, name: str) -> base.Purged:
        self.delete(name)
        return "deleted"

    def purge_all(self, names: Sequence[str]) -> dict[str, base.Purged | StoreError]:
        return base.one_by_one(self.purge, names)

    def unfinished(self, prefix: str) -> Iterator[base.ObjectInfo]:
        return base.none_unfinished(prefix)

    def abort(self, name: str, before: datetime) -> bool:  # noqa: ARG002
        return False

    def locked_until(self, name: str) -> datetime | None:
        self._key(name)
        return None

    def _upload(self, key: str, body: bytes | Iterator[bytes], token: str, part: int) -> None:
        obstore.put(
            self._s3,
            key,
            body,
            attributes={TOKEN: token},
            use_multipart=not isinstance(body, bytes),
            chunk_size=part,
            max_concurrency=PARTS_IN_FLIGHT,
        )

    def _create(self, name: str, data: bytes, token: str, earlier: StoreError | None) -> StoreError | None:
        """Send a create-only write once. Return the error when its answer got lost and it may not be stored."""
        key = self._key(name)
        try:
            obstore.put(self._s3, key, data, attributes={TOKEN: token}, mode="create")
        except _raised_by_obstore() as exc:
            if isinstance(exc, AlreadyExistsError):
                ours = functools.partial(self._is_ours, key, token, data if earlier else None, certain=True)
                attempts.settle(self.url, name, ours, earlier)
                return None
            error = self._explained(exc, f"Writing {name}", name)
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
                result = obstore.get(self._s3, key, options=t.cast("t.Any", options))
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
            raise StoreError(f"{self.url} gave only a part of {name}.", "Read it again.", name=name)
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
                raise StoreError(f"{name} was replaced while it was read.", "Read it again.", name=name) from exc
            raise self._explained(exc, f"Reading {name}", name) from exc

    def _is_ours(self, key: str, token: str, data: bytes | None = None, *, certain: bool = False) -> bool:
        """
        Whether this very attempt stored the object. With `certain`, not being able to tell is an error.

        A store that drops metadata shows no token; there the bytes themselves decide, where they are at hand.
        """
        try:
            result = obstore.get(self._s3, key)
            attributes = t.cast("Mapping[str, str]", result.attributes)
            if TOKEN not in attributes and data is not None:
                return result.meta["size"] == len(data) and bytes(result.bytes()) == data
        except _raised_by_obstore() as exc:
            error = self._explained(exc, "Reading back")
            if certain and not isinstance(error, NotFound):
                raise error from exc
            return False
        return attributes.get(TOKEN) == token

    def _confirm(self, name: str, token: str, written: Written) -> None:
        try:
            confirm(self, name, written, whole=lambda: self._ranges or written.size <= SMALL)
        except StoreError:
            # What we left broken goes; what somebody else left stays.
            if self._is_ours(self._key(name), token):
                with contextlib.suppress(StoreError):
                    self.delete(name)
            raise

    def _key(self, name: str) -> str:
        return base.check_name(self._prefix + base.check_name(name))

    def _info(self, meta: ObjectMeta) -> base.ObjectInfo:
        return base.ObjectInfo(meta["path"].removeprefix(self._prefix), meta["size"], meta["last_modified"])

    def _explained(self, exc: BaseException, doing: str, name: str = "") -> StoreError:
        return failures.explain(exc, doing=doing, url=self.url, endpoint=self._endpoint, name=name)


def _raised_by_obstore() -> tuple[type[BaseException], ...]:
    # A missing object is the builtin FileNotFoundError, a refused path ValueError.
    return (BaseError, OSError, ValueError)


def _client(
    bucket: Bucket,
    credentials: Callable[[], Credentials] | None,
    machine: Mapping[str, str],
    patience: Patience,
    *,
    lasting: bool = False,
) -> S3Store:
    if obstore is None:
        raise MissingLibrary("obstore", "to reach an S3 store")
    config, options, retries = client_settings(bucket, patience, lasting=lasting)
    return S3Store(
        bucket.name,
        config=t.cast("t.Any", {**config, **machine}),
        client_options=t.cast("t.Any", options),
        retry_config=t.cast("t.Any", retries),
        credential_provider=provider(credentials) if credentials else None,
    )
