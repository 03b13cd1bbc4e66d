# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


"""What compares equal, what may move, and what is reported first."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres import (
    catalogue_objects as objects,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.drivers.components.postgres.differences import (
    FORMAT,
    Difference,
    changed_properties,
    compare,
    excuse,
)
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.ground.errors import Tampered


def proof(**changes: t.Any) -> dict[str, t.Any]:
    return {
        "format": FORMAT,
        "level": "content",
        "partial": False,
        "server": {"version_num": 150018, "encoding": "UTF8"},
        "tables": [{"schema": "a", "name": "t", "sort": "table", "rows": 2, "sum": "12"}],
        "sequences": [],
        "extensions": {"hstore": "1.7"},
        "objects": {"table a.t": "aa", "publication p": "bb", "comment on publication p": "cc"},
        "properties": {"name": "x", "owner": "o"},
        "large_objects": {"count": 1, "owners": "1", "content": "2", "sizes": "3"},
        **changes,
    }


def sequence(last: int | None, called: bool, increment: int = 1, cycled: bool = False) -> dict[str, t.Any]:
    named = {"schema": "a", "name": "s", "last_value": last, "is_called": called}
    return {"sequences": [{**named, "increment": increment, "cycled": cycled}]}


def failures(found: list[Difference]) -> list[tuple[str, str]]:
    return [(difference.object, difference.what) for difference in found if not difference.note]


def test_equal_proofs_do_not_differ() -> None:
    assert compare(proof(), proof()) == []


@pytest.mark.parametrize(
    ("before", "after", "behind"),
    [
        ((5, True), (5, True), False),
        ((5, True), (9, True), False),
        ((5, True), (4, True), True),
        ((5, True), (6, False), False),
        ((5, False), (5, True), False),
        ((5, True), (5, False), True),
        ((5, False), (4, False), True),
        ((5, True), (None, False), True),
        ((5, False), (None, False), False),
        ((None, False), (5, False), False),
        ((None, False), (None, False), False),
        ((5, True, -1), (4, True, -1), False),
        ((5, True, -1), (6, True, -1), True),
    ],
)
def test_sequence_stands_or_went_on(before: tuple[t.Any, ...], after: tuple[t.Any, ...], behind: bool) -> None:
    found = compare(proof(**sequence(*before)), proof(**sequence(*after)))
    assert failures(found) == ([('sequence "a"."s"', "sequence")] if behind else [])


def test_cycled_sequence_that_began_again_is_a_note() -> None:
    found = compare(proof(**sequence(3, True, 1, True)), proof(**sequence(1, True, 1, True)))
    assert [difference.note for difference in found] == [True]


def test_other_major_may_word_definitions_differently_but_not_lose_objects() -> None:
    objects = {"table a.t": "zz", "publication p": "bb"}
    newer = proof(server={"version_num": 170005, "encoding": "UTF8"}, objects=objects)
    found = compare(proof(), newer)
    assert failures(found) == [("comment on publication p", "missing")]
    assert failures(compare(proof(), proof(objects=objects))) == [
        ("comment on publication p", "missing"),
        ("table a.t", "changed"),
    ]


def test_kinds_that_a_restore_left_out_are_ignored_with_their_comments() -> None:
    assert compare(proof(), proof(objects={"table a.t": "aa"}), ignored_kinds=["publication"]) == []


def test_missing_rows_come_before_everything_less() -> None:
    restored = proof(
        tables=[{"schema": "a", "name": "t", "sort": "table", "rows": 1, "sum": "12"}],
        objects={"table a.t": "zz"},
        extensions={"hstore": "1.8"},
    )
    found = compare(proof(), restored)
    assert (found[0].what, str(found[0])) == ("missing", "comment on publication p: it is missing")
    assert 'table "a"."t": 2 rows were backed up, 1 were restored' in map(str, found)
    assert [difference.what for difference in found if difference.note] == ["extension"]


def test_levels_and_formats() -> None:
    nothing = {"format": FORMAT, "level": "none"}
    assert [difference.note for difference in compare(nothing, proof())] == [True]
    counts = proof(level="counts", tables=[{"schema": "a", "name": "t", "sort": "table", "rows": 2}])
    assert compare(counts, proof()) == []
    with pytest.raises(Tampered):
        compare(proof(format="lifeboat-proof/9"), proof())


def test_properties_are_compared_apart() -> None:
    other = proof(properties={"name": "y", "owner": "somebody"})
    assert compare(proof(), other) == []
    changed = list(changed_properties(proof()["properties"], other["properties"]))
    assert failures(changed) == [("property owner of the database", "property")]


def test_partial_backup_says_nothing_of_other_tables() -> None:
    more = {"schema": "a", "name": "u", "sort": "table", "rows": 1}
    partial = {"partial": True, "objects": {}, "large_objects": {}, "properties": {}}
    assert compare(proof(**partial), proof(tables=[*proof()["tables"], more])) == []
    assert failures(compare(proof(), proof(tables=[*proof()["tables"], more]))) == [('table "a"."u"', "extra")]


def test_expressions_are_compared_without_casts_and_brackets_but_with_their_strings() -> None:
    first = "CHECK (((v)::text = ANY ((ARRAY['a b'::character varying, '(c)'::character varying])::text[])))"
    again = "CHECK (((v)::text = ANY (ARRAY[('a b'::character varying)::text, ('(c)'::character varying)::text])))"
    assert objects.normal(first) == objects.normal(again)
    assert objects.normal(first) != objects.normal(first.replace("a b", "ab"))
    assert objects.normal('a::"odd type"."x"[]') == objects.normal("a")
    assert objects.normal("a::timestamp(3) without time zone, b") == objects.normal("a, b")
    assert objects.normal("x = 1") != objects.normal("x = 10")


def test_only_expressions_are_compared_loosely() -> None:
    assert objects.digest("comment on table a", "a (b)") != objects.digest("comment on table a", "a b")
    assert objects.digest("table constraint c on a", "CHECK ((a > 0))") == objects.digest(
        "table constraint c on a", "CHECK (a > 0)"
    )


def test_kind_is_told_from_an_identity() -> None:
    assert objects.kind("table column app.t.id") == "table column"
    assert objects.kind('event trigger "on ddl"') == "event trigger"
    assert objects.kind("table app.column") == "table"
    assert objects.kind("comment on table app.t") == "comment on"


def partition(name: str, rows: int, summed: int) -> dict[str, t.Any]:
    return {"schema": "a", "name": name, "sort": "table", "rows": rows, "sum": f"{summed:032x}", "root": ["a", "root"]}


def test_rows_in_another_partition_are_a_note_and_lost_or_other_rows_are_not() -> None:
    before = proof(tables=[partition("p0", 3, 30), partition("p1", 1, 5)])
    moved = compare(before, proof(tables=[partition("p0", 1, 5), partition("p1", 3, 30)]))
    assert [str(difference) for difference in moved if difference.note] == [
        'table "a"."root": its rows are in other partitions, and all are there'
    ]
    assert failures(moved) == []
    lost = compare(before, proof(tables=[partition("p0", 1, 5), partition("p1", 2, 30)]))
    assert failures(lost) == [('table "a"."p0"', "rows"), ('table "a"."p1"', "rows")]
    other = compare(before, proof(tables=[partition("p0", 1, 5), partition("p1", 3, 31)]))
    assert failures(other) == [('table "a"."p0"', "rows"), ('table "a"."p1"', "rows")]
    counted = {key: value for key, value in partition("p0", 1, 5).items() if key != "sum"}
    half_summed = compare(before, proof(tables=[counted, partition("p1", 3, 30)]))
    assert failures(half_summed) == [('table "a"."p0"', "rows"), ('table "a"."p1"', "rows")]


def test_other_words_are_excused_only_where_a_restore_gives_them_and_the_rest_is_the_same() -> None:
    names = ["function f()", "view v", "policy p on t"]
    before = proof(objects=dict.fromkeys(names, "aa"), frames=dict.fromkeys(names, "11"))
    after = proof(objects=dict.fromkeys(names, "bb"), frames={**dict.fromkeys(names, "11"), "view v": "22"})
    found = compare(before, after)
    assert failures(found) == [(name, "changed") for name in sorted(names)]
    assert failures(excuse(found)) == [("view v", "changed")]
    assert [d.object for d in excuse(found) if d.note] == ["function f(), policy p on t"]
    assert failures(excuse(found, {"function f()"})) == [("policy p on t", "changed"), ("view v", "changed")]
    assert failures(excuse(found, ())) == failures(found)
    assert failures(excuse(compare(proof(objects=dict.fromkeys(names, "aa")), after))) == failures(found)


def test_a_frame_is_what_is_left_without_the_words() -> None:
    described = {"view v": "owner: o\nquery: \1 SELECT 1;\2", "schema s": "owner: o"}
    other = {"view v": "owner: o\nquery: \1 SELECT 1 AS one;\2"}
    owned = {"view v": "owner: p\nquery: \1 SELECT 1;\2"}
    assert objects.frames(described).keys() == {"view v"}
    assert objects.frames(described) == objects.frames(other) != objects.frames(owned)
    assert objects.digest("view v", described["view v"]) == objects.digest("view v", "owner: o\nquery:  SELECT 1;")
