# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A real server takes an update as a whole or not at all, and what stands against it is named with what to do next."""

from __future__ import annotations

import dataclasses
import re
import socket
import subprocess
import threading
import typing as t
from pathlib import Path

import dns.flags
import dns.message
import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.dns import factory, messages
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.dns.base import (
    Change,
    Changed,
    RecordSet,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import DnsError, UsageError
from dns_fixtures import free_port, key_file, secret

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from dns_fixtures import Bind

WWW = Change(
    RecordSet("www.shop.example", "A", 2, ("10.0.0.11",)), RecordSet("www.shop.example", "A", 30, ("10.0.0.21",))
)
DB = Change(
    RecordSet("db.shop.example", "A", 3600, ("10.0.0.12",)), RecordSet("db.shop.example", "A", 30, ("10.0.0.22",))
)
MAIL = Change(
    RecordSet("mail.shop.example", "A", 3600, ("10.0.0.13",)), RecordSet("mail.shop.example", "A", 30, ("10.0.0.23",))
)


def opened(server: Bind, **changes: t.Any) -> t.Any:
    return factory.open_zone(server.settings(**changes), {})


def test_records_are_read_as_the_server_has_them(primary: Bind) -> None:
    zone = opened(primary)
    assert zone.read("www.shop.example", "A") == WWW.before
    assert zone.read("www.shop.example", "AAAA") == RecordSet("www.shop.example", "AAAA", 60)
    assert zone.read("new.shop.example", "A") == RecordSet("new.shop.example", "A", 60)
    assert zone.read("alias.shop.example", "CNAME").values == ("mail.shop.example",)


def test_its_servers_are_known_with_their_addresses(primary: Bind) -> None:
    assert opened(primary).nameservers() == {"ns.shop.example": ("127.0.0.1",), "ns2.shop.example": ("::1",)}


def test_two_names_change_in_one_update(primary: Bind) -> None:
    opened(primary).update([WWW, DB])
    assert primary.look("www") == (30, ["10.0.0.21"])
    assert primary.look("db") == (30, ["10.0.0.22"])
    assert " 2 3600 600 86400 60" in primary.zone()  # the serial counts updates


def test_names_without_records_get_some(primary: Bind) -> None:
    before = RecordSet("new.shop.example", "CNAME", 60)
    opened(primary).update([Change(before, dataclasses.replace(before, values=("www.shop.example",)))])
    assert opened(primary).read("new.shop.example", "CNAME").values == ("www.shop.example",)
    with pytest.raises(Changed):
        opened(primary).update([Change(before, dataclasses.replace(before, values=("db.shop.example",)))])


@pytest.mark.parametrize("there", [("10.0.0.77",), ("10.0.0.11", "10.0.0.12"), ()])
def test_what_changed_meanwhile_stops_the_whole_update(primary: Bind, there: tuple[str, ...]) -> None:
    other = Change(dataclasses.replace(WWW.before, values=there), WWW.after)
    before = primary.zone()
    with pytest.raises(Changed, match="The records changed while this ran"):
        opened(primary).update([DB, other])
    assert primary.zone() == before


def test_a_name_outside_the_grant_stops_the_whole_update(primary: Bind) -> None:
    before = primary.zone()
    with pytest.raises(DnsError) as refused:
        opened(primary).update([WWW, MAIL])
    assert refused.value.details["code"] == "REFUSED"
    assert "does not allow key lifeboat to change www.shop.example A, mail.shop.example A" in refused.value.cause
    assert "Grant it all of these names and types in update-policy" in refused.value.remedy
    assert primary.zone() == before


@pytest.mark.parametrize(
    ("name", "code", "cause", "remedy"),
    [
        ("lifeboat", "BADSIG", "rejects the signature of key lifeboat", "Copy the key from the server into key_file"),
        ("stranger", "BADKEY", "does not know key stranger", "Use a key that the server has"),
    ],
)
def test_a_wrong_key_is_named(primary: Bind, tmp_path: Path, name: str, code: str, cause: str, remedy: str) -> None:
    wrong = key_file(tmp_path / "wrong.key", name)
    before = primary.zone()
    for doing in (lambda zone: zone.read("www.shop.example", "A"), lambda zone: zone.update([WWW])):
        with pytest.raises(DnsError, match=cause) as refused:
            doing(opened(primary, key_file=wrong))
        assert refused.value.details["code"] == code
        assert remedy in refused.value.remedy
        assert secret(wrong) not in repr(refused.value)
    assert primary.zone() == before


def test_another_servers_zone_is_not_taken_for_it(primary: Bind) -> None:
    with pytest.raises(DnsError, match=r"does not answer for www.other.example by itself \(REFUSED\)"):
        opened(primary, zone="other.example").read("www.other.example", "A")


def test_an_alias_is_not_overwritten(primary: Bind) -> None:
    with pytest.raises(UsageError, match=r"it is an alias \(CNAME\) of mail.shop.example"):
        opened(primary).read("alias.shop.example", "A")


def test_a_dead_server_is_named(primary: Bind) -> None:
    port = free_port()
    with pytest.raises(DnsError, match=re.escape(f"127.0.0.1:{port} cannot be reached: Connection refused")):
        opened(primary, port=port).read("www.shop.example", "A")
    with pytest.raises(DnsError, match="run again, which does nothing twice"):
        opened(primary, port=port).update([WWW])


def test_a_silent_server_is_named(primary: Bind, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messages, "PATIENCE", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(DnsError, match=f"127.0.0.1:{port} does not answer") as late:
            opened(primary, port=port).update([WWW])
    assert "Whether the update arrived is unknown" in late.value.remedy


@pytest.fixture
def liar() -> Iterator[int]:
    """Yield the port of a server that says yes to everything, and signs nothing."""

    def answer(listening: socket.socket) -> None:
        while True:
            try:
                connection, _address = listening.accept()
            except OSError:
                return
            with connection, connection.makefile("rb") as reader:
                query = dns.message.from_wire(reader.read(int.from_bytes(reader.read(2))), keyring=False)
                response = dns.message.make_response(query)
                response.tsig = None
                response.flags |= dns.flags.AA
                wire = response.to_wire()
                connection.sendall(len(wire).to_bytes(2) + wire)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=answer, args=(listening,), daemon=True)
        thread.start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)


def test_an_answer_without_a_signature_is_not_believed(primary: Bind, liar: int) -> None:
    for doing in (lambda zone: zone.read("www.shop.example", "A"), lambda zone: zone.update([WWW])):
        with pytest.raises(DnsError, match="is invalid or not signed"):
            doing(opened(primary, port=liar))


def test_the_configuration_that_the_page_shows_is_valid(tmp_path: Path) -> None:
    page = (Path(__file__).resolve().parents[4] / "docs" / "dns.md").read_text(encoding="utf-8")
    [block] = re.findall(r"^```\n(include .*?)^```", page, re.DOTALL | re.MULTILINE)
    key = key_file(tmp_path / "lifeboat.key", "lifeboat")
    (tmp_path / "named.conf").write_text(block.replace("/etc/bind/lifeboat.key", key))
    done = subprocess.run(["named-checkconf", tmp_path / "named.conf"], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
