# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Templates of the collection, rendered as Ansible's module template does it, with results that are not trusted."""

from __future__ import annotations

import typing as t
from pathlib import Path

from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

if t.TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).resolve().parents[2]
STATUS_PAGE = ROOT / "roles/monitoring/templates/status_page.html.j2"
AUDIT_REPORTS = {kind: ROOT / f"playbooks/templates/audit_report.{kind}.j2" for kind in ("md", "html")}


def rendered(template: Path, **variables: t.Any) -> str:
    """Return what module template writes."""
    templar = Templar(DataLoader()).copy_with_new_env(
        searchpath=[str(template.parent)], available_variables=dict(variables)
    )
    source = trust_as_template(template.read_text(encoding="utf-8"))
    return str(templar.template(source, escape_backslashes=False, overrides={"trim_blocks": True}))


def status_page(result: Mapping[str, t.Any], *, causes: bool = False) -> str:
    """Return the page that role monitoring writes of a result of module backup_metrics."""
    return rendered(
        STATUS_PAGE,
        monitoring_result=result,
        monitoring_status_page_causes=causes,
        monitoring_alert_storage=80,
    )
