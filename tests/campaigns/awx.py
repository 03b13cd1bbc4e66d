# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
The modules of awx.awx, run by playbook awx_configure against something that answers as AWX's API: awx.py [--rewrite]

Fetches the collection, compares its options with tests/data/awx.json, by which the unit tests judge our lists, and
configures: once, again, which must change nothing, and after a plan has lost an approval. --rewrite writes that file.
Ends with 1 when a check failed. AWX itself is not run: its scheduler, its approvals and its rights are not tested here.
"""

from __future__ import annotations

import argparse
import contextlib
import http.server
import itertools
import json
import re
import subprocess
import sys
import tempfile
import threading
import typing as t
import urllib.parse
from pathlib import Path

import yaml
from bundled import ROOT, collections, ours

sys.path.insert(0, str(ROOT / "tests/fixtures"))
from environment import unconfigured

if t.TYPE_CHECKING:
    from collections.abc import Iterator

KNOWN = ROOT / "tests/data/awx.json"

MODULES = (
    "credential_type",
    "job_template",
    "project",
    "schedule",
    "workflow_job_template",
    "workflow_job_template_node",
)

PLAN = """
format: lifeboat-plan/1
name: ours
description: Ours.
steps:
  - {{id: check, type: check}}
  - {{id: start, type: start{approval}}}
"""


class Stub(http.server.BaseHTTPRequestHandler):
    """As much of AWX's API as the modules ask for; `things` holds the objects by kind and number."""

    things: t.ClassVar[dict[str, dict[int, dict[str, t.Any]]]] = {}
    surveys: t.ClassVar[dict[str, t.Any]] = {}
    numbers = itertools.count(1)
    links: t.ClassVar[dict[str, list[int]]] = {}

    @classmethod
    def add(cls, kind: str, values: dict[str, t.Any]) -> dict[str, t.Any]:
        number = next(cls.numbers)
        shown = {}
        if kind == "workflow_job_template_nodes":
            flow = cls.things["workflow_job_templates"][values["workflow_job_template"]]
            shown = {"workflow_job_template": {"name": flow["name"]}}
        url = f"/api/v2/{kind}/{number}/"
        related = {"survey_spec": f"{url}survey_spec/", "named_url": url}
        own = {"status": "successful", "scm_revision": "c0ffee", "finished": True} if kind == "projects" else {}
        one = {
            "id": number,
            "url": url,
            "type": kind.rstrip("s"),
            "related": related,
            "summary_fields": shown,
            **own,
            **values,
        }
        cls.things.setdefault(kind, {})[number] = one
        return one

    def do_GET(self) -> None:
        path, parts, asked = self._asked()
        if parts[-1] == "survey_spec":
            return self._answer(200, self.surveys.get(path, {}))
        if len(parts) == 2 and parts[1].isdigit():
            return self._answer(200, self.things[parts[0]][int(parts[1])])
        if len(parts) == 3:
            found = [{"id": number} for number in self.links.get(path, [])]
        else:
            kinds = ("job_templates", "projects", "workflow_approval_templates")
            these = kinds if parts[0] == "unified_job_templates" else parts[:1]
            found = [one for kind in these for one in self.things.get(kind, {}).values() if self._fits(one, asked)]
        return self._answer(200, {"count": len(found), "next": None, "previous": None, "results": found})

    def do_POST(self) -> None:
        path, parts, _asked = self._asked()
        body = self._body()
        if parts[-1] == "survey_spec":
            self.surveys[path] = body
            return self._answer(200, {})
        if parts[-1] == "create_approval_template":
            made = self.add("workflow_approval_templates", body)
            node = self.things["workflow_job_template_nodes"][int(parts[1])]
            node["unified_job_template"] = made["id"]
            node["related"]["unified_job_template"] = made["url"]
            return self._answer(201, made)
        if len(parts) == 3:
            linked = self.links.setdefault(path, [])
            linked.remove(body["id"]) if body.get("disassociate") else linked.append(body["id"])
            return self._answer(204, None)
        return self._answer(201, self.add(parts[0], body))

    def do_PATCH(self) -> None:
        _path, parts, _asked = self._asked()
        one = self.things[parts[0]][int(parts[1])]
        # A template of an approval has no fields of the node that it belongs to.
        one.update(
            {
                key: value
                for key, value in self._body().items()
                if key in one or parts[0] != "workflow_approval_templates"
            }
        )
        return self._answer(200, one)

    def do_DELETE(self) -> None:
        _path, parts, _asked = self._asked()
        del self.things[parts[0]][int(parts[1])]
        return self._answer(204, None)

    def log_message(self, *_what: object) -> None:
        """Say nothing."""

    def _asked(self) -> tuple[str, list[str], dict[str, str]]:
        url = urllib.parse.urlsplit(self.path)
        return (
            url.path,
            url.path.removeprefix("/api/v2/").strip("/").split("/"),
            dict(urllib.parse.parse_qsl(url.query)),
        )

    def _fits(self, one: dict[str, t.Any], asked: dict[str, str]) -> bool:
        for key, value in asked.items():
            if key == "workflow_job_template__name__startswith":
                if not one["summary_fields"]["workflow_job_template"]["name"].startswith(value):
                    return False
            elif key != "page_size" and str(one.get(key)) != value:
                return False
        return True

    def _body(self) -> dict[str, t.Any]:
        return json.loads(self.rfile.read(int(self.headers["Content-Length"])))

    def _answer(self, status: int, body: object) -> None:
        data = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("X-API-Product-Name", "AWX")
        self.send_header("X-API-Product-Version", "24.6.1")
        self.end_headers()
        self.wfile.write(data)


def options(place: Path) -> dict[str, t.Any]:
    """Return version and options of the modules, as their documentation has them."""
    about = json.loads((place / "ansible_collections/awx/awx/MANIFEST.json").read_text())["collection_info"]
    found = {}
    for name in MODULES:
        text = (place / f"ansible_collections/awx/awx/plugins/modules/{name}.py").read_text()
        document = re.search(r"^DOCUMENTATION = '''(.*?)'''", text, re.DOTALL | re.MULTILINE)
        assert document
        found[name] = _options(yaml.safe_load(document[1])["options"])
    return {"version": about["version"], "modules": found}


def _options(documented: dict[str, t.Any]) -> dict[str, t.Any]:
    kept = ("type", "choices", "required")
    return {
        name: {key: option[key] for key in kept if key in option}
        | ({"options": _options(option["suboptions"])} if "suboptions" in option else {})
        for name, option in documented.items()
    }


@contextlib.contextmanager
def answering() -> Iterator[str]:
    """Yield the address of the API, which has what people make by hand."""
    for kind, names in {
        "organizations": ["Default"],
        "inventories": ["Shop"],
        "credentials": ["ssh", "store", "key"],
    }.items():
        for name in names:
            Stub.add(kind, {"name": name})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Stub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def configure(home: Path, place: Path, address: str) -> dict[str, int]:
    """Run the playbook, and return the counts of its recap."""
    environ = unconfigured() | {
        "ANSIBLE_COLLECTIONS_PATH": f"{ours()}:{place}",
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_LOCALHOST_WARNING": "false",
        "CONTROLLER_HOST": address,
        "CONTROLLER_OAUTH_TOKEN": "token",
    }
    program = Path(sys.executable).with_name("ansible-playbook")
    argv = [program, "-i", home / "hosts.yml", "lifeboat.recovery.awx_configure"]
    done = subprocess.run(argv, cwd=home, env=environ, capture_output=True, text=True, check=False)
    recap = re.search(r"^localhost .*$", done.stdout, re.MULTILINE)
    if done.returncode or not recap:
        sys.exit(f"awx_configure failed:\n{done.stdout[-5000:]}\n{done.stderr[-2000:]}")
    return {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", recap[0])}


def chain() -> list[str]:
    """Return the nodes of the workflow of our plan as success leads from one to the next."""
    nodes = Stub.things["workflow_job_template_nodes"]
    (flow,) = (each["id"] for each in Stub.things["workflow_job_templates"].values() if each["name"].endswith("ours"))
    mine = {number: node for number, node in nodes.items() if node["workflow_job_template"] == flow}
    told, number = [], next(number for number, node in mine.items() if node["identifier"] == "simulate")
    while True:
        told.append(mine[number]["identifier"])
        after = [each for each in Stub.links.get(f"{mine[number]['url']}success_nodes/", []) if each in mine]
        if not after:
            return told if len(told) == len(mine) else [*told, "and others that nothing leads to"]
        (number,) = after


def main() -> int:
    parser = argparse.ArgumentParser(description="Configure a stub of AWX by the real modules.")
    parser.add_argument("--rewrite", action="store_true")
    place = collections()
    found = options(place)
    if parser.parse_args().rewrite:
        KNOWN.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")
    checks = {"tests/data/awx.json has the options of the collection": json.loads(KNOWN.read_text()) == found}
    with tempfile.TemporaryDirectory() as folder, answering() as address:
        home = Path(folder)
        hosts = {
            "lifeboat_awx_inventory": "Shop",
            "lifeboat_awx_project": {"scm_url": "https://git.example.com/ops.git"},
            "lifeboat_awx_credentials": ["ssh"],
            "lifeboat_awx_store_credential": "store",
            "lifeboat_awx_recovery_credential": "key",
        }
        (home / "hosts.yml").write_text(yaml.safe_dump({"databases": {"hosts": {"db1": {}}}, "all": {"vars": hosts}}))
        (home / "recovery").mkdir()
        plan = home / "recovery/ours.yml"
        plan.write_text(PLAN.format(approval=', approval: "Open it?"'))
        first = configure(home, place, address)
        checks[f"the first run changes something: {first}"] = first["changed"] > 0
        asked = ["simulate", "approve-run", "recover-run", "approve-start", "recover-start"]
        checks[f"approvals stand between the runs: {chain()}"] = chain() == asked
        second = configure(home, place, address)
        checks[f"the second run changes nothing: {second}"] = second["changed"] == 0
        plan.write_text(PLAN.format(approval=""))
        third = configure(home, place, address)
        checks[f"an approval less changes the workflow alone: {third}"] = third["changed"] == 1
        checks[f"its nodes are gone: {chain()}"] = chain() == asked[:3]
        made = {kind: len(things) for kind, things in Stub.things.items()}
        print(", ".join(f"{count} {kind}" for kind, count in sorted(made.items())))
    for check, holds in checks.items():
        print(f"{'ok    ' if holds else 'FAILED'} {check}")
    return 0 if all(checks.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
