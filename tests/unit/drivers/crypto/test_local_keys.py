# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The keys that a process was given, wherever they come from."""

from __future__ import annotations

import os
import typing as t

from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.crypto import local_keys
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground import disk

if t.TYPE_CHECKING:
    from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.crypto import keys


def test_a_recovery_key_may_come_through_a_pipe(recovery: keys.RecoveryKey) -> None:
    """As `/dev/fd/3` from a shell that has it from a safe: it can be read once."""
    given, end = os.pipe()
    os.write(end, recovery.hex.encode())
    os.close(end)
    with disk.closing(given):
        found = local_keys.read(local_keys.KeySettings(recovery_key_file=f"/dev/fd/{given}"))
    assert found.recovery == recovery
    assert found.opening == (recovery.opening,)
