# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An address shows its host at most, and every part of it that may be secret is masked wherever it turns up."""

from __future__ import annotations

import os

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.channels.address import (
    Address,
    read_address,
    read_secret,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import UsageError


def secret_file(path, text, mode=0o600):
    path.write_text(text)
    path.chmod(mode)
    return str(path)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://hooks.example.com/T123/B456/abcdefghijk", "https://hooks.example.com/***"),
        ("https://user:pass@example.com:8443/x", "https://example.com/***"),
        ("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ", "slack://***"),
        ("tgram://123456789:AABBCCDD/12315544", "tgram://***"),
        ("mailtos://ann:hunter22@mail.example.com?to=bob@example.com", "mailtos://mail.example.com/***"),
        ("https://[::1/x", "https://***"),
    ],
)
def test_only_the_host_is_shown(url, shown):
    assert Address(url).shown == shown
    assert "hunter22" not in repr(Address(url))
    assert url not in repr(Address(url))


@pytest.mark.parametrize(
    ("url", "said", "left"),
    [
        ("https://e.org/T123/abcdefghijk", "POST https://e.org/T123/abcdefghijk failed", "POST *** failed"),
        ("https://e.org/T123/abcdefghijk", "path /T123/abcdefghijk", "path /T123/***"),
        ("https://e.org/x?key=se%2Fcret99", "the key se/cret99", "the key ***"),
        ("https://e.org/x?verify=no", "it asks for verify=no", "it asks for verify=no"),
        ("https://e.org/x?sesame-open", "asked ?sesame-open", "asked ?***"),
        ("https://ann:p@e.org/", "login ann:p to e.org", "login *** to e.org"),
        ("https://ann:p%40ss@e.org/", "password p@ss", "password ***"),
        ("slack://T1JJ3T3L2/A1BRTD4JD/TIia", "no T1JJ3T3L2 and A1BRTD4JD", "no *** and ***"),
    ],
)
def test_secrets_are_masked_in_text(url, said, left):
    assert Address(url).mask(said) == left


def test_a_file_gives_the_url_without_its_line_end(tmp_path):
    path = secret_file(tmp_path / "url", "https://example.com/x\n# a note\n")
    assert read_address(None, path, "channel a").url == "https://example.com/x"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_a_file_that_others_may_use_is_refused(tmp_path, mode):
    path = secret_file(tmp_path / "url", "https://example.com/x", mode)
    with pytest.raises(UsageError, match="chmod 0600"):
        read_secret(path, "channel a")


@pytest.mark.parametrize("text", ["", "\n", "  \nhttps://example.com/x"])
def test_an_empty_file_is_refused(tmp_path, text):
    with pytest.raises(UsageError, match="is empty"):
        read_secret(secret_file(tmp_path / "url", text), "channel a")


def test_a_missing_file_and_a_pipe_are_refused(tmp_path):
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        read_secret(str(tmp_path / "url"), "channel a")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UsageError):
        read_secret(str(tmp_path / "pipe"), "channel a")


@pytest.mark.parametrize("url", ["example.com/hook", "https://", "https://a/b c", "https://a/b\nX: y"])
def test_what_is_no_url_is_refused_without_being_quoted(url):
    with pytest.raises(UsageError) as caught:
        read_address(url, None, "channel a")
    assert url not in caught.value.cause


def test_one_of_two_ways_is_needed(tmp_path):
    with pytest.raises(UsageError, match="either url or url_file"):
        read_address(None, None, "channel a")
    with pytest.raises(UsageError, match="either url or url_file"):
        read_address("https://a/b", str(tmp_path), "channel a")
