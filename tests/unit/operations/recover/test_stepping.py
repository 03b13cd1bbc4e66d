# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What happens to a step is journalled by the run that has the recovery, and by no other."""

from __future__ import annotations

import hashlib
import typing as t

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import Busy, UsageError
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.recovery.events import End
from recovery_fixtures import STEPS, controller

if t.TYPE_CHECKING:
    from recovery_fixtures import Controller
    from sample_host import SampleHost


def test_an_end_says_what_the_hosts_said_and_no_more(here: Controller) -> None:
    here.open()
    here.begin("restore")
    facts = {"bytes": 10, "seconds": 3.6, "warm": True, "note": "a\nb", "nothing": None, "list": [1]}
    here.end(
        "restore",
        "failed",
        hosts={"db1": "ERROR:\n  \x1b[31m" + "x" * 3000, "db2": "ok"},
        reason="line\nbreak",
        facts=facts,
        changed=True,
    )
    ended = here.journal().events[-1].what
    assert isinstance(ended, End)
    assert ended.facts == {"bytes": 10, "seconds": 4, "warm": True, "note": "a b", "list": "[1]"}
    assert ended.reason == "line break"
    line = "ERROR: \\x1b[31m" + "x" * 3000
    rest = hashlib.sha256(line[2000:].encode()).hexdigest()
    assert ended.hosts == {"db1": f"{line[:2000]}… sha256:{rest}", "db2": "ok"}


@pytest.mark.parametrize("what", ["begin", "end", "wait", "leave", "close"])
def test_a_run_that_was_taken_over_stops_at_its_next_event(sample: SampleHost, here: Controller, what: str) -> None:
    here.open()
    here.done(*(STEPS if what == "close" else STEPS[:2]))
    there = controller(sample, "there")
    there.open(recovery_id=here.recovery_id, takeover=True)
    given = {"leave": (), "close": ()}.get(what, ("dns",))
    with pytest.raises(Busy, match=r"alice on .* took over recovery-2026.*This run stops here"):
        getattr(here, what)(*given)
    there.wait("dns")
    with pytest.raises(Busy, match="took over"):
        getattr(here, what)(*given)


def test_who_is_overtaken_is_told_where_the_other_run_is(sample: SampleHost, here: Controller) -> None:
    here.open()
    there = controller(sample, "there")
    there.open(recovery_id=here.recovery_id, takeover=True)
    there.begin("restore")
    with pytest.raises(Busy, match=r"alice on .*: step restore, last event at 2026"):
        here.begin("provision")


def test_a_run_that_was_taken_over_on_its_own_host_stops_too(here: Controller) -> None:
    here.open()
    run = here.run
    here.open(takeover=True)
    here.run = run
    with pytest.raises(Busy, match="took over"):
        here.begin("restore")


def test_what_belongs_to_no_open_run_is_refused(here: Controller) -> None:
    here.open()
    with pytest.raises(UsageError, match="has no step 'restor'"):
        here.begin("restor")
    with pytest.raises(UsageError, match="has no step ''"):
        here.begin("")
    run, here.run = here.run, "f" * 16
    with pytest.raises(UsageError, match="was never opened by a run 'ffffffffffffffff'"):
        here.begin("restore")
    here.run = run
    here.recovery_id, identity = "recovery-1", here.recovery_id
    with pytest.raises(UsageError, match="'recovery-1' is not the id of a recovery"):
        here.begin("restore")
    here.recovery_id = identity
    here.close("failed")
    with pytest.raises(UsageError, match="is closed"):
        here.begin("restore")


def test_a_step_that_is_done_does_not_begin_again(here: Controller) -> None:
    here.open()
    here.done("provision")
    with pytest.raises(UsageError, match="provision is done in recovery-2026"):
        here.begin("provision", attempt=2)
    here.begin("restore")
    here.end("restore", "failed")
    here.begin("restore", attempt=2)


def test_check_mode_does_nothing(sample: SampleHost, here: Controller) -> None:
    here.open()
    here.world = sample.world(dry_run=True)
    for outcome in (here.begin("restore"), here.end("restore"), here.wait("dns"), here.leave(), here.close()):
        assert not outcome.changed
    here.world = sample.world()
    assert len(here.journal().events) == 1


def test_a_drill_is_found_by_its_id(here: Controller) -> None:
    here.open(mode="drill")
    here.done("provision")
    found = here.read()
    assert (found["mode"], found["settled"]) == ("drill", {"provision": "ok"})
