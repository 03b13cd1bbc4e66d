# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What people write as a store, and what they are told when it makes no sense."""

from __future__ import annotations

import dataclasses
import typing as t

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores import factory, object_store
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores.directory import DirectoryStore
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.stores.dry_run import DryRunStore
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import MissingLibrary, UsageError

if t.TYPE_CHECKING:
    from pathlib import Path

KEYS = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "s3cr3t-%-value"}


def opened(url: str, environ: dict[str, str] | None = None, **options: t.Any) -> t.Any:
    environ = environ or {}
    return factory.open_store(factory.settings_of({"url": url, **options}, environ), environ=environ)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("/srv/backups", "file:///srv/backups"),
        ("/srv//backups/", "file:///srv/backups"),
        ("file:///srv/backups/", "file:///srv/backups"),
        ("file:///srv/with%20space", "file:///srv/with space"),
        ("/srv/with%20percent", "file:///srv/with%20percent"),
        ("s3://bucket", "s3://bucket"),
        ("s3://bucket/", "s3://bucket"),
        ("s3://bucket/a/b/", "s3://bucket/a/b"),
        ("s3://my.bucket-1/a b", "s3://my.bucket-1/a b"),
    ],
)
def test_urls(url: str, shown: str) -> None:
    assert opened(url, KEYS).url == shown


@pytest.mark.parametrize(
    "url",
    [
        "", "backups", "./backups", "file://backups", "file:/backups", "file://host/backups", "/", "file:///", "/..",
        "az://container/x", "gs://bucket/x", "http://bucket/x", "S3://bucket", "s3:bucket", "s3://", "s3:///x",
        "s3://ab", "s3://bucket//x", "s3://bucket/../x", "s3://bucket/x?versionId=1", "s3://bucket/x#y",
        "s3://key:s3cr3t@bucket/x", "s3://bucket:9000/x", "s3://buck\net/x",
    ],
)  # fmt: skip
def test_impossible_urls_are_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        opened(url, KEYS)
    assert caught.value.details["field"] == "store.url"
    assert "s3cr3t" not in str(caught.value)
    assert caught.value.remedy


@pytest.mark.parametrize(
    "endpoint", ["localhost:9000", "ftp://x", "http://user:s3cr3t@host", "http://host/path", "http://"]
)
def test_impossible_endpoints_are_refused_and_not_repeated(endpoint: str) -> None:
    with pytest.raises(UsageError, match="endpoint is invalid") as caught:
        opened("s3://bucket", KEYS, endpoint=endpoint)
    assert "s3cr3t" not in str(caught.value)


def test_a_dry_run_wraps_the_store(tmp_path: Path) -> None:
    settings = factory.StoreSettings(str(tmp_path))
    assert isinstance(factory.open_store(settings, environ={}), DirectoryStore)
    assert isinstance(factory.open_store(settings, environ={}, dry_run=True), DryRunStore)


@dataclasses.dataclass
class Seen:
    config: t.Any = None
    credentials: t.Any = None


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Seen:
    """Record what the adapter would get."""
    seen = Seen()

    def record(dialect: t.Any, patience: t.Any) -> None:
        seen.config, seen.credentials = dialect.config, dialect.credentials

    monkeypatch.setattr(object_store, "_client", record)
    return seen


@pytest.mark.parametrize(
    ("endpoint", "checksums", "expected"),
    [
        (None, None, True),
        ("https://s3.eu-west-1.amazonaws.com", None, True),
        ("https://bucket.vpce-1.s3.eu-west-1.vpce.amazonaws.com", None, True),
        ("https://s3.example.com", None, False),
        ("https://amazonaws.com.example.com", None, False),
        ("https://s3.example.com", True, True),
        (None, False, False),
    ],
)
def test_checksums_go_to_aws_and_where_they_are_asked_for(
    seen: Seen, endpoint: str | None, checksums: bool | None, expected: bool
) -> None:
    opened("s3://bucket/x", KEYS, endpoint=endpoint, checksums=checksums)
    assert ("checksum_algorithm" in seen.config) is expected


def test_region_and_endpoint_may_come_from_the_environment(seen: Seen) -> None:
    opened("s3://bucket/x", KEYS | {"AWS_DEFAULT_REGION": "eu-west-1", "AWS_ENDPOINT_URL": "https://s3.example.com/"})
    assert (seen.config["region"], seen.config["endpoint"]) == ("eu-west-1", "https://s3.example.com")
    opened("s3://bucket/x", KEYS | {"AWS_REGION": "eu-west-2"}, region="eu-west-3", endpoint="http://localhost:9000")
    assert (seen.config["region"], seen.config["endpoint"]) == ("eu-west-3", "http://localhost:9000")


def keys(seen: Seen) -> tuple[str | None, ...]:
    found = seen.credentials()
    return found["access_key_id"], found["secret_access_key"], found["token"]


def credentials_file(path: Path, text: str, mode: int = 0o600) -> str:
    path.write_text(text)
    path.chmod(mode)
    return str(path)


INI = """[default]
aws_access_key_id = FILEKEY
aws_secret_access_key = fi%e/s3cr3t+
[offsite]
aws_access_key_id=OTHER
aws_secret_access_key=other-s3cr3t
aws_session_token=tok
"""


def test_the_file_comes_before_the_environment(seen: Seen, tmp_path: Path) -> None:
    path = credentials_file(tmp_path / "c", INI)
    opened("s3://bucket", KEYS, credentials_file=path)
    assert keys(seen) == ("FILEKEY", "fi%e/s3cr3t+", None)
    opened("s3://bucket", KEYS, credentials_file=path, profile="offsite")
    assert keys(seen) == ("OTHER", "other-s3cr3t", "tok")
    opened("s3://bucket", {"AWS_SHARED_CREDENTIALS_FILE": path, "AWS_PROFILE": "offsite"})
    assert keys(seen)[0] == "OTHER"


def test_the_environment_comes_before_the_machine(seen: Seen) -> None:
    opened("s3://bucket", KEYS | {"AWS_SESSION_TOKEN": "tok"})
    assert keys(seen) == ("AKIDEXAMPLE", "s3cr3t-%-value", "tok")
    opened("s3://bucket", {"AWS_ROLE_ARN": "arn:aws:iam::1:role/x", "AWS_WEB_IDENTITY_TOKEN_FILE": "/run/token"})
    assert seen.credentials is None
    assert seen.config["role_arn"] == "arn:aws:iam::1:role/x"
    assert seen.config["web_identity_token_file"] == "/run/token"
    assert not {"metadata_endpoint", "container_credentials_full_uri"} & set(seen.config)


def test_half_of_the_environment_is_refused() -> None:
    for missing in KEYS:
        with pytest.raises(UsageError, match=missing):
            opened("s3://bucket", {name: value for name, value in KEYS.items() if name != missing})


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o777, 0o610])
def test_a_file_for_everybody_is_refused(tmp_path: Path, mode: int) -> None:
    path = credentials_file(tmp_path / "c", INI, mode)
    with pytest.raises(UsageError, match=f"{mode:04o}.*chmod 0600") as caught:
        opened("s3://bucket", credentials_file=path)
    assert path in str(caught.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "no profile default"),
        ("[other]\naws_access_key_id = A\n", "no profile default"),
        ("[default]\naws_access_key_id = A\n", "lacks aws_access_key_id or aws_secret_access_key"),
        ("[default]\nrole_arn = x\nsource_profile = y\n", "lacks"),
        ("aws_secret_access_key = s3cr3t\n", "is not an INI file"),
        ("[default]\ns3cr3t without equals\n", "is not an INI file"),
        ("[default]\naws_secret_access_key = s3cr3t\naws_secret_access_key = s3cr3t\n", "is not an INI file"),
    ],
)
def test_an_unusable_file_is_named_and_its_content_is_not(tmp_path: Path, text: str, told: str) -> None:
    path = credentials_file(tmp_path / "c", text)
    with pytest.raises(UsageError, match=told) as caught:
        opened("s3://bucket", credentials_file=path)
    assert path in str(caught.value)
    assert "s3cr3t" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file") as caught:
        opened("s3://bucket", credentials_file=str(tmp_path / "none"))
    assert caught.value.details["field"] == "store.credentials_file"


def test_the_ca_certificate_is_checked(tmp_path: Path) -> None:
    (tmp_path / "ca").write_text("nonsense")
    for path, told in ((str(tmp_path / "ca"), "contains no certificate"), (str(tmp_path / "none"), "No such file")):
        with pytest.raises(UsageError, match=told):
            opened("s3://bucket", KEYS, ca_cert=path)


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(object_store, "obstore", None)
    with pytest.raises(MissingLibrary, match="obstore"):
        opened("s3://bucket", KEYS)
