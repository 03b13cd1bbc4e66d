# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Playbook rescue, on a real server: rows are looked at, and back with rights that were lent for it."""

from __future__ import annotations

import re
import typing as t

import pytest
from archiving_fixtures import USER, changed
from restoring import place

if t.TYPE_CHECKING:
    from pathlib import Path

    from archiving_fixtures import Archiving

__all__ = ["place"]

SHOP = """
CREATE TABLE public.orders (id int PRIMARY KEY, total int);
INSERT INTO public.orders SELECT i, i FROM generate_series(1, 50) AS i
"""


@pytest.mark.long
def test_rows_are_back_after_a_look(archiving: Archiving, place: Path) -> None:
    server = archiving.server
    archiving.play()
    archiving.enlist(lifeboat_physical=True)
    server.create("shop")
    server.execute(SHOP, "shop")
    archiving.play(playbook="backup", lifeboat_databases=["shop"])
    server.execute("DELETE FROM public.orders WHERE id > 40; UPDATE public.orders SET total = 0 WHERE id = 1", "shop")

    told: dict[str, t.Any] = {
        "lifeboat_database": "shop",
        "lifeboat_tables": ["public.orders"],
        "lifeboat_scratch_dir": str(place),
    }
    said = archiving.play("--check", "--diff", playbook="rescue", **told)
    [token] = set(re.findall(r"needs confirm: (\S+)", said))
    assert token.startswith("public.orders@10+1+0#")
    assert server.execute("SELECT count(*) FROM public.orders", "shop") == [(40,)]

    refused = archiving.play(playbook="rescue", status=2, **told)
    assert "10 rows would be put back, 1 row would be changed back" in refused
    done = archiving.play(playbook="rescue", lifeboat_rescue_confirm=token, **told)
    assert "rescued" in done
    assert server.execute("SELECT count(*), sum(total) FROM public.orders", "shop") == [(50, 1275)]
    assert server.execute(f"SELECT rolsuper FROM pg_roles WHERE rolname = '{USER}'") == [(False,)]
    again = archiving.play(playbook="rescue", lifeboat_rescue_confirm=token, **told)
    assert "nothing to do" in again
    assert changed(again) == 0

    archiving.play(playbook="physical", lifeboat_physical=True)
    server.execute("INSERT INTO public.orders VALUES (51, 51)", "shop")
    [[moment]] = server.execute("SELECT clock_timestamp()::text")
    server.execute("DELETE FROM public.orders WHERE id > 45", "shop")
    segment = archiving.segment()
    archiving.until(f"SELECT last_archived_wal >= '{segment}' FROM pg_stat_archiver")
    told |= {"lifeboat_rescue_target": {"time": moment}}
    said = archiving.play("--check", "--diff", playbook="rescue", **told)
    [token] = set(re.findall(r"needs confirm: (\S+)", said))
    assert token.startswith("public.orders@6+0+0#")
    assert "6 rows would be put back" in said
    done = archiving.play(playbook="rescue", lifeboat_rescue_confirm=token, **told)
    assert "recovered to time" in done
    assert server.execute("SELECT count(*), sum(total) FROM public.orders", "shop") == [(51, 1326)]
