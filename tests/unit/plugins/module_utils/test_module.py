# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options become what the engine takes or are refused by name; outcomes and errors become results."""

from __future__ import annotations

import datetime
import json
import os
import subprocess
import sys

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils import _module
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import RecoveryError, UsageError
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.model import Outcome

STORE = {
    "url": "s3://b/p",
    "endpoint": None,
    "region": "eu",
    "ca_cert": None,
    "credentials_file": "/c",
    "profile": None,
    "checksums": None,
}
NO_KEYS = dict.fromkeys(
    ["recovery_key_file", "signer_file", "digest_key_file", "opening_key_file", "roots", "roots_file"]
)
LOGIN = {
    "login_host": None,
    "login_port": 5433,
    "login_user": "u",
    "login_password": None,
    "login_password_file": "/p",
    "login_unix_socket": None,
    "ssl_mode": "require",
    "ca_cert": "/ca",
    "ssl_cert": "/cert",
    "ssl_key": "/key",
}


def given(environ=None, **params):
    return _module.Given(params, environ or {})


def test_the_repository_is_made_of_its_options():
    settings = given(application="shop", store=STORE, keys=None, state_dir="/s").repository()
    assert (settings.application, settings.state_dir) == ("shop", "/s")
    assert (settings.store.url, settings.store.region, settings.store.credentials_file) == ("s3://b/p", "eu", "/c")


def test_the_recovery_key_of_the_environment_counts_only_without_a_file():
    environ = {"BACKUP_ENCRYPTION_KEY": "ab"}
    assert given(environ, keys=None).keys().recovery_key_hex == "ab"
    assert given(environ, keys=NO_KEYS).keys().recovery_key_hex == "ab"
    named = given(environ, keys=NO_KEYS | {"recovery_key_file": "/k"}).keys()
    assert (named.recovery_key_hex, named.recovery_key_file) == (None, "/k")
    assert given({"BACKUP_ENCRYPTION_KEY": ""}, keys=None).keys().recovery_key_hex is None


def test_roots_come_from_the_option_and_from_the_file(tmp_path):
    (tmp_path / "roots").write_text("# the shop\naa\n\n  bb \n")
    keys = given(keys=NO_KEYS | {"roots": ["cc"], "roots_file": str(tmp_path / "roots")}).keys()
    assert keys.roots == ("cc", "aa", "bb")


def test_a_file_without_roots_is_refused(tmp_path):
    (tmp_path / "roots").write_text("# none\n")
    with pytest.raises(UsageError, match="contains no root"):
        given(keys=NO_KEYS | {"roots_file": str(tmp_path / "roots")}).keys()


def test_the_login_is_made_of_its_options():
    login = given(**LOGIN).login()
    assert (login.host, login.port, login.user, login.password_file) == ("", 5433, "u", "/p")
    assert (login.ssl_mode, login.ca_cert, login.unix_socket, login.password) == ("require", "/ca", "", "")
    assert (login.ssl_cert, login.ssl_key) == ("/cert", "/key")


@pytest.mark.parametrize(
    ("options", "host"),
    [
        ({}, os.uname().nodename),
        ({"login_host": "db1"}, "db1"),
        ({"login_host": "db1", "login_unix_socket": "/run"}, os.uname().nodename),
        ({"login_host": "/run"}, os.uname().nodename),
    ],
)
def test_the_host_of_a_confirm_token_is_the_servers(options, host):
    assert given(**LOGIN | options).server_host() == host


def test_times_sizes_and_lists_are_read():
    options = given(age="90m", none=None, size="1KiB", at="2026-11-20T11:00:00+01:00", names=["a"], mode="0640")
    assert (options.seconds("age"), options.seconds("none"), options.size("size")) == (5400, None, 1024)
    assert options.time("at") == datetime.datetime(2026, 11, 20, 10, tzinfo=datetime.UTC)
    assert (options.many("names"), options.many("none"), options.mode("mode")) == (("a",), (), 0o640)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("seconds", "soon"),
        ("size", "big"),
        ("time", "noon"),
        ("time", "2026-11-20T11:00:00"),
        ("mode", "rw"),
        ("mode", "4755"),
        ("mode", "416"),
    ],
)
def test_a_bad_value_is_refused_and_its_option_named(kind, text):
    with pytest.raises(UsageError, match="some_option") as caught:
        getattr(given(some_option=text), kind)("some_option")
    assert caught.value.details["field"] == "some_option"


def test_programs_do_not_inherit_the_recovery_key(monkeypatch):
    monkeypatch.setenv("BACKUP_ENCRYPTION_KEY", "secret")
    monkeypatch.setenv("LANG", "C")
    world = _module.world(dry_run=True, record=lambda _done: None)
    assert "BACKUP_ENCRYPTION_KEY" not in world.environ
    assert world.environ["LANG"] == "C"
    assert world.dry_run
    assert world.now().tzinfo is datetime.UTC


def test_an_error_is_its_message_its_kind_and_its_details():
    error = UsageError("It is bad.", "Mend it.", field="jobs", warnings=["x"], names={"b", "a"}, raw=b"\xff")
    assert _module.failure(error) == {
        "msg": "It is bad. Mend it.",
        "error": "UsageError",
        "field": "jobs",
        "run_warnings": ["x"],
        "names": ["a", "b"],
        "raw": "\ufffd",
    }


def test_no_detail_replaces_the_message():
    error = RecoveryError("cause", msg="other", error="other")
    assert _module.failure(error)["msg"] == "cause"
    assert _module.failure(error)["error"] == "RecoveryError"


def test_a_result_has_a_diff_only_when_it_was_asked_for_and_there_is_one():
    outcome = Outcome(True, {"at": datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)}, "a", "b")
    assert "diff" not in _module.success(outcome, with_diff=False)
    assert _module.success(outcome, with_diff=True)["diff"] == {"before": "a", "after": "b"}
    assert "diff" not in _module.success(Outcome(False, {}, "a", "a"), with_diff=True)
    json.dumps(_module.success(outcome, with_diff=True))


def test_a_fact_cannot_be_mistaken_for_ansibles_own():
    result = _module.success(Outcome(False, {"started": "x", "failed": True}), with_diff=False)
    assert result == {"run_started": "x", "run_failed": True, "changed": False}


PROGRAM = """
import os, signal, sys
from ansible_collections.lifeboat.recovery.plugins.module_utils import _argspec, _module

def work(request, world):
    try:
        os.kill(os.getpid(), signal.SIGTERM)
        signal.pause()
    finally:
        os.kill(os.getpid(), signal.SIGTERM)
        open(sys.argv[1], "w").write("undone")

_module.run(_argspec.ArgumentSpec({}), lambda given: None, work)
"""


def test_a_run_that_is_asked_to_end_undoes_its_work_and_says_so(tmp_path):
    program = (
        "from ansible.module_utils import basic; from ansible.module_utils.testing import patch_module_args\n"
        "with patch_module_args({}):\n" + "".join(f"    {line}\n" for line in PROGRAM.splitlines())
    )
    environ = {**os.environ, "PYTHONPATH": ":".join(sys.path)}
    undone = tmp_path / "undone"
    done = subprocess.run(
        [sys.executable, "-c", program, str(undone)], env=environ, capture_output=True, text=True, check=False
    )
    assert json.loads(done.stdout)["msg"].startswith("SIGTERM ended this run."), done.stderr
    assert undone.read_text() == "undone"


def test_a_signal_that_comes_when_all_is_done_does_not_spoil_the_result():
    program = (
        "import os, signal; from ansible.module_utils import basic\n"
        "from ansible.module_utils.testing import patch_module_args\n"
        "from ansible_collections.lifeboat.recovery.plugins.module_utils import _argspec, _module\n"
        "from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.model import Outcome\n"
        "told = _module.success\n"
        "def late(*given, **named):\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    return told(*given, **named)\n"
        "_module.success = late\n"
        "with patch_module_args({}):\n"
        "    _module.run(_argspec.ArgumentSpec({}), lambda given: None, lambda request, world: Outcome(changed=True))\n"
    )
    environ = {**os.environ, "PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run([sys.executable, "-c", program], env=environ, capture_output=True, text=True, check=False)
    assert (done.returncode, json.loads(done.stdout or "{}").get("changed")) == (0, True), done.stderr


def test_nothing_of_libpq_is_taken_from_the_environment():
    # Else the preview is made as one user and the dump as another, or with a password that pg_dump does not have.
    program = (
        "from ansible.module_utils import basic; from ansible.module_utils.testing import patch_module_args\n"
        "from ansible_collections.lifeboat.recovery.plugins.module_utils import _argspec, _module\n"
        "from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.model import Outcome\n"
        "import psycopg\n"
        "def work(request, world):\n"
        "    known = {o.keyword.decode(): o.val.decode() for o in psycopg.pq.Conninfo.get_defaults() if o.val}\n"
        "    return Outcome(changed=False, facts={'known': known})\n"
        "with patch_module_args({}):\n"
        "    _module.run(_argspec.ArgumentSpec({}), lambda given: None, work)\n"
    )
    shell = {"PGUSER": "mallory", "PGPASSWORD": "secret", "PGSSLCERT": "/cert", "PGSERVICE": "elsewhere"}
    environ = {**os.environ, "PYTHONPATH": ":".join(sys.path), **shell}
    done = subprocess.run([sys.executable, "-c", program], env=environ, capture_output=True, text=True, check=False)
    known = json.loads(done.stdout)["known"]
    assert "password" not in known, done.stderr
    assert known["user"] != "mallory"
    assert not {"sslcert", "service"} & set(known)
