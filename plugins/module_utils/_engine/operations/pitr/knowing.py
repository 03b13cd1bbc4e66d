# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is known of a server's backups and of its log before a recovery: read from the store, and nowhere else."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import tempfile
import typing as t

from ...drivers.components.base import WHOLE_CLUSTER
from ...drivers.components.postgres import wal, wal_files
from ...ground.errors import NotFound
from ...records.repository import names as repository
from ...records.wal import archive, contents
from ...records.wal.bases import Base, range_of
from ...records.wal.lineage import Tree
from ...records.wal.reading import WalReader
from ..wal import fetching
from .planning import Planner

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ...drivers.components.postgres.recovering_server import Owner
    from ...drivers.components.postgres.server import Programs
    from ...drivers.components.postgres.wal import Ended
    from ...records.repository.catalogue import Backup, Repository
    from ...records.wal.archive import Archive


@dataclasses.dataclass(frozen=True, slots=True)
class Known:
    """The physical backups of one server, by id, and its log."""

    component: str
    server: contents.Server
    backups: Mapping[str, Backup]
    archive: Archive
    tree: Tree
    reader: WalReader

    def planner(self, programs: Programs, scratch: str, owner: Owner) -> Planner:
        """Return who plans recoveries of it; segments that have to be looked into are put below `scratch`."""
        bases = [Base.of(one) for one in self.backups.values()]

        def ended(timeline: int, number: int) -> Sequence[Ended]:
            name = wal_files.segment(timeline, number, self.server.segment_size)
            path = os.path.join(scratch, name)
            try:
                if not fetching.fetch(self.reader, name, path):
                    return ()
                return wal.ended(programs.directory, path, owner.prefix)
            finally:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(path)

        return Planner(bases, self.archive, self.tree, ended)


def know(opened: Repository, cluster: str, backup_id: str = "") -> Known:
    """
    Return what the store holds of the server of a cluster: the one that made `backup_id`, else the newest backup.

    Raise NotFound where there is no physical backup of it, and what the store and the keys raise.
    """
    component = repository.component(cluster, WHOLE_CLUSTER)
    found = {one.manifest.backup_id: one for one in opened.backups(component) if one.manifest.wal}
    if backup_id and backup_id not in found:
        raise NotFound(
            f"There is no physical backup {backup_id} of {component}.", "List them with lifeboat.recovery.list."
        )
    if not found:
        raise NotFound(
            f"There is no physical backup of {component}.", "Make one with playbook lifeboat.recovery.physical."
        )
    newest = found[backup_id] if backup_id else list(found.values())[-1]
    identifier, size = range_of(newest).system_identifier, range_of(newest).segment_size
    server = contents.Server(identifier, size)
    reader = WalReader(opened.store, opened.trusted_keys, server)
    listed = archive.listed(opened.store, opened.application, {identifier: size}, identifier)
    log = listed.get(identifier) or archive.Archive(identifier, size)
    tree = Tree({timeline: reader.history(timeline) for timeline in log.histories})
    own = {name: one for name, one in found.items() if range_of(one).system_identifier == identifier}
    return Known(component, server, own, log, tree, reader)


@contextlib.contextmanager
def scratch(owner: Owner) -> Iterator[str]:
    """Yield a directory of the server's user for what is looked into, which is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="lifeboat-") as directory:
        if os.geteuid() == 0:
            os.chown(directory, owner.uid, owner.gid)
        yield directory
