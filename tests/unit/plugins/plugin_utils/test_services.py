# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Services as people write them: read strictly, and completed, before a host is touched."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import UsageError
from ansible_collections.lifeboat.recovery.plugins.plugin_utils import _services, _variables

HOSTS = {"webservers": ["web1", "web2"], "web1": ["web1"], "webservers:!web2": ["web1"]}
SHOP = {"name": "shop", "hosts": "webservers", "unit": "shop"}
ENV = {"path": "/etc/shop.env", "set": {"READ_ONLY": "false"}}


def parse(*entries: t.Any) -> list[dict[str, t.Any]]:
    return _services.parse(list(entries), lambda pattern: HOSTS.get(pattern, []))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"manger": "pm2"}, "lifeboat_services[0].manger is unknown. Did you mean manager?"),
        ({"manager": "sytemd"}, "lifeboat_services[0].manager 'sytemd' is unknown. Did you mean systemd?"),
        ({"hosts": "webserver"}, "lifeboat_services[0].hosts: 'webserver' names no host of the inventory."),
        ({"hosts": ["web1", "web9"]}, "lifeboat_services[0].hosts: 'web9' names no host of the inventory."),
        ({"hosts": []}, "lifeboat_services[0].hosts is not set."),
        ({"unit": None}, "lifeboat_services[0].unit is not set, which manager systemd needs."),
        ({"process": "shop"}, "lifeboat_services[0].process is unknown."),
        ({"name": "a\nb"}, "lifeboat_services[0].name is missing or no text of one line."),
        (
            {"deploy": {"git": "https://x/y.git", "dest": "/srv/shop"}},
            "lifeboat_services[0].deploy.version is not set.",
        ),
        ({"deploy": {"git": "a", "archive": "b", "dest": "/srv"}}, "lifeboat_services[0].deploy has git and archive."),
        ({"deploy": {"dest": "srv/shop"}}, "lifeboat_services[0].deploy.dest is no absolute path."),
        ({"deploy": {"dest": "/srv/../etc"}}, "lifeboat_services[0].deploy.dest is no absolute path."),
        ({"deploy": {"dest": "/srv/shop", "build": ["npm ci"]}}, "lifeboat_services[0].deploy.build[0] is no list of"),
        ({"deploy": {"dest": "/srv/shop", "migrate": "rake"}}, "lifeboat_services[0].deploy.migrate is no list of"),
        ({"config": {"path": "/etc/a", "format": "ini"}}, "lifeboat_services[0].config.format 'ini' is unknown."),
        ({"config": {"path": "/etc/a", "src": "a.j2"}}, "lifeboat_services[0].config of format env needs set"),
        (
            {"config": [ENV, {"path": "/etc/a", "set": {"A": "b\nc"}}]},
            "lifeboat_services[0].config[1].set.A has a line",
        ),
        ({"config": {**ENV, "mode": "640"}}, "lifeboat_services[0].config.mode '640' is no file mode."),
        ({"certificates": {"cert": "a.pem"}}, "lifeboat_services[0].certificates.cert_path is missing"),
        ({"checks": [{"htpp": {}}]}, "lifeboat_services[0].checks[0].htpp is unknown. Did you mean http?"),
        ({"config": ENV, "read_only": {"set": {"MODE": "ro"}}}, "lifeboat_services[0].read_only.set.MODE has no value"),
        ({"read_only": {"databases": ["shop"]}}, "lifeboat_services[0].read_only.databases[0] is no dictionary."),
    ],
)
def test_what_cannot_be_meant_is_refused_by_its_key(changes: dict[str, t.Any], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse({**SHOP, **changes})
    assert str(caught.value).startswith(said)


def test_two_services_of_one_name_are_refused() -> None:
    with pytest.raises(UsageError, match="two services named 'shop'"):
        parse(SHOP, SHOP)


def test_a_service_has_all_keys() -> None:
    (shop,) = parse({**SHOP, "unit": ["shop", "shop.socket"], "config": ENV})
    assert shop["hosts"] == ["web1", "web2"]
    assert shop["unit"] == ["shop.service", "shop.socket"]
    assert shop["user"] == "root"
    assert shop["deploy"] == {}
    assert shop["config"][0]["set"] == {"READ_ONLY": "false"}
    assert shop["read_only"] == {"set": {}, "databases": []}


def test_each_manager_has_its_own_keys() -> None:
    deploy = {"dest": "/srv/cards", "archive": "cards.tar.gz"}
    common = {"hosts": "web1"}
    pm2, compose, own = parse(
        {**common, "name": "cards", "manager": "pm2", "process": "cards", "deploy": deploy},
        {**common, "name": "auth", "manager": "compose", "project_src": "/srv/auth"},
        {**common, "name": "other", "manager": "tasks", "tasks": "other.yml"},
    )
    assert (pm2["process"], pm2["ecosystem"]) == (["cards"], "/srv/cards/ecosystem.config.js")
    assert (compose["project"], compose["project_src"]) == ("auth", "/srv/auth")
    assert own["tasks"] == "other.yml"


def test_another_build_is_another_release() -> None:
    deploy = {"git": "https://x/y.git", "version": "v1", "dest": "/srv/shop", "build": [["npm", "ci"]]}
    first, second = (
        parse({**SHOP, "deploy": {**deploy, "build": build}})[0]["deploy"]["recipe"]
        for build in ([["npm", "ci"]], [["npm", "ci"], ["npm", "run", "build"]])
    )
    assert first != second


def test_the_preflight_names_a_wrong_service_too() -> None:
    given = {"lifeboat_services": [{**SHOP, "manger": "pm2"}], "lifeboat_application": "shop"}
    given |= {"lifeboat_store": {"url": "file:///srv"}}
    (said,) = _variables.problems(["application"], given, given.__getitem__)
    assert said.startswith("lifeboat_services[0].manger is unknown. Did you mean manager?")
