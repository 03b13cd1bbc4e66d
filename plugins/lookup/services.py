# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lookup that reads the services of an application."""

from __future__ import annotations

DOCUMENTATION = r"""
name: services
short_description: Read and check the services of an application
version_added: 0.1.0
author: Lifeboat contributors (@lifeboat)
description:
  - Reads C(lifeboat_services) as role P(lifeboat.recovery.application#role) takes it, and returns the services with all
    their keys and with the names of their hosts. A key that is unknown, a value that cannot be meant, and a service
    whose C(hosts) names nobody fail it.
  - The services contain what C(config) sets, which may be secret; do not show them.
options:
  _terms:
    description: The services.
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Show which services run on this host
  vars:
    services: "{{ query('lifeboat.recovery.services', *lifeboat_services) }}"
  ansible.builtin.debug:
    msg: "{{ services | selectattr('hosts', 'contains', inventory_hostname) | map(attribute='name') }}"
"""

RETURN = r"""
_raw:
  description: The services, in the order in which they start.
  type: list
  elements: dict
"""

import typing as t

from ansible.errors import AnsibleLookupError
from ansible.plugins.loader import lookup_loader
from ansible.plugins.lookup import LookupBase

from ..module_utils._engine.ground.errors import UsageError
from ..plugin_utils import _services


class LookupModule(LookupBase):
    """The lookup of this file."""

    def run(self, terms: list[t.Any], variables: t.Any = None, **kwargs: t.Any) -> list[dict[str, t.Any]]:
        """Return the services."""
        self.set_options(var_options=variables, direct=kwargs)
        patterns = lookup_loader.get("ansible.builtin.inventory_hostnames", loader=self._loader, templar=self._templar)
        try:
            return _services.parse(list(terms), lambda pattern: patterns.run([pattern], variables=variables))
        except UsageError as exc:
            raise AnsibleLookupError(str(exc)) from exc
