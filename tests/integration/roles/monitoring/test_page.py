# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
The status page in a real Chromium: what one reads, that it loads nothing, and that it fits a phone and a dark room.

A second page of the same server holds it in a frame of a phone's width and writes down what the browser made of it.
`LIFEBOAT_SCREENSHOTS` names a directory for pictures.
"""

from __future__ import annotations

import datetime
import functools
import html
import http.server
import json
import os
import re
import subprocess
import threading
import typing as t
from pathlib import Path

import pytest
from ansible_collections.lifeboat.recovery.plugins.module_utils._engine.records.repository import names as repository

if t.TYPE_CHECKING:
    from sample_host import SampleHost

CHROMIUM = (
    "chromium",
    "--headless",
    "--no-sandbox",  # it runs as root here, and the page is ours
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
)
DARK = "--blink-settings=preferredColorScheme=0"

HARNESS = """<!DOCTYPE html><body style="margin:0"><iframe id="frame" src="{page}"
 style="width:{width}px;height:4000px;border:0"></iframe><pre id="found"></pre><script>
frame.onload = function () {{
  var page = frame.contentDocument, view = frame.contentWindow, wide = [], broken = [];
  page.querySelectorAll("body *").forEach(function (each) {{
    var box = each.getBoundingClientRect();
    if (box.right > {width} + 1 && !each.closest(".scroll")) wide.push(each.tagName + " " + each.className);
  }});
  page.querySelectorAll(".stacked td:first-child").forEach(function (each) {{
    var words = page.createRange();
    words.selectNodeContents(each);
    if (words.getClientRects().length > 1) broken.push(each.textContent);
  }});
  page.querySelectorAll("details").forEach(function (each) {{ each.open = true; }});
  found.textContent = JSON.stringify({{
    width: page.documentElement.scrollWidth,
    wide: wide,
    broken: broken,
    first: page.body.innerText.split("\\n")[0],
    text: page.body.innerText,
    ground: view.getComputedStyle(page.body).backgroundColor,
    letters: view.getComputedStyle(page.body).color,
    small: Math.min.apply(null, Array.from(page.querySelectorAll("svg text")).map(function (each) {{
      return each.getBoundingClientRect().height; }})),
    bars: page.querySelectorAll("figure rect").length,
    titles: Array.from(page.querySelectorAll("figure title")).map(function (each) {{ return each.textContent; }}),
    loaded: view.performance.getEntriesByType("resource").map(function (each) {{ return each.name; }})
  }});
}};
</script>"""


class Server(http.server.ThreadingHTTPServer):
    """Serves a directory and remembers what was asked for."""

    def __init__(self, place: Path) -> None:
        super().__init__(("127.0.0.1", 0), functools.partial(Handler, directory=str(place)))
        self.asked: list[str] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Handler(http.server.SimpleHTTPRequestHandler):
    def do_GET(self) -> None:
        t.cast("Server", self.server).asked.append(self.path)
        super().do_GET()

    def log_message(self, *_given: object) -> None:
        """Say nothing."""


class Browser:
    """Chromium on what lies in `place`, each run with a profile of its own."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.server = Server(place)
        self._runs = 0

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/{name}"

    def run(self, *arguments: str) -> str:
        self._runs += 1
        profile = self.place.parent / f"profile{self._runs}"
        done = subprocess.run(
            [*CHROMIUM, f"--user-data-dir={profile}", *arguments],
            env={**os.environ, "HOME": str(profile), "XDG_CONFIG_HOME": str(profile)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode(errors="replace")
        return done.stdout.decode()

    def look(self, page: str, *arguments: str, width: int = 375) -> dict[str, t.Any]:
        """Open the page in a frame that wide and give what the browser made of it."""
        (self.place / "harness.html").write_text(HARNESS.format(page=page, width=width))
        shown = self.run("--dump-dom", "--virtual-time-budget=5000", *arguments, self.url("harness.html"))
        found = re.search(r'<pre id="found">(.*?)</pre>', shown, re.DOTALL)
        assert found, shown
        return t.cast("dict[str, t.Any]", json.loads(html.unescape(found[1])))

    def shoot(self, page: Path, name: str, *arguments: str, size: str) -> None:
        """Take a picture, if somebody wants to see it."""
        if folder := os.environ.get("LIFEBOAT_SCREENSHOTS"):
            Path(folder).mkdir(parents=True, exist_ok=True)
            self.run(f"--screenshot={folder}/{name}.png", f"--window-size={size}", *arguments, f"file://{page}")


@pytest.fixture
def browser(tmp_path: Path) -> t.Iterator[Browser]:
    (tmp_path / "site").mkdir()
    found = Browser(tmp_path / "site")
    yield found
    found.server.shutdown()
    found.server.server_close()


@pytest.fixture
def page(sample: SampleHost, browser: Browser) -> Path:
    """A page about a good database and one in trouble, with an odd name, written just now."""
    sample.now = datetime.datetime.now(datetime.UTC)
    sample.schedule()
    for day in range(20, 0, -1):
        identity = sample.back_up("shop", hours=24 * day - 19, data=(100 + day % 7) << 20, seconds=60 + day % 5 * 9)
        sample.log("backup", hours=24 * day - 19, backup_id=identity, rows=48_000 - 12 * day)
        if day % 7 == 1:
            sample.validated(identity, hours=24 * day - 20)
    odd = "<img src=http://127.0.0.1/x onerror=alert(1)>" + "averylongname" * 2
    sample.back_up(odd, hours=5)
    sample.log("backup", "failed", component=repository.component("main", odd), message="It is <b>broken</b>.")
    sample.log("retention", component="", hours=4)
    sample.server("shop", odd)
    sample.base(hours=50)
    sample.archive([*range(2, 9), 10])
    written = browser.place / "shop.html"
    written.write_text(sample.html(capacity=100 << 10))
    return written


def test_what_a_reader_sees_on_a_phone(page: Path, browser: Browser) -> None:
    found = browser.look(page.name)
    assert found["first"].startswith("Probably. Each database has a backup, but no backup of <img src=")
    assert found["width"] <= 375
    assert found["wide"] == []
    text = found["text"]
    for expected in (
        "Newest restore-tested",
        "03:00",
        "Rows",
        "47,988",
        "Schedule",
        "nightly",
        "Last runs",
        "✕ failed",
        "Recovery to any moment",
        "✕ in trouble",
        "000000010000000000000009 lacks.",
    ):
        assert expected in text, expected
    assert "broken" not in text
    assert found["bars"] >= 20
    assert sum("not restore-tested" in title for title in found["titles"]) >= 10
    assert found["small"] >= 9
    # Nothing but the page itself was fetched, though a name in it would have liked to.
    assert found["loaded"] == []
    assert set(browser.server.asked) <= {"/harness.html", "/shop.html", "/favicon.ico"}
    for width, name in ((375, "phone"), (1100, "desk")):
        browser.shoot(page, name, size=f"{width},2400")


def test_a_desk_has_room_and_dark_mode_is_followed(page: Path, browser: Browser) -> None:
    light, dark = browser.look(page.name, width=1100), browser.look(page.name, DARK)
    assert (light["wide"], light["broken"]) == ([], [])
    for found, brighter, darker in ((light, "ground", "letters"), (dark, "letters", "ground")):
        colours = {name: sum(map(int, re.findall(r"\d+", found[name])[:3])) for name in (brighter, darker)}
        assert colours[brighter] > 600, found
        assert colours[darker] < 200, found
    browser.shoot(page, "dark", DARK, size="1100,1800")


def test_a_page_that_nobody_writes_any_more_says_so(sample: SampleHost, browser: Browser) -> None:
    sample.now = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=3)
    sample.validated(sample.back_up())
    written = browser.place / "old.html"
    written.write_text(sample.html())
    assert browser.look("old.html")["first"] == (
        "This page is 3 days old: nobody knows whether what it says still holds."
    )
    # Where no script runs, the page still says until when it is valid.
    silent = written.read_text()
    assert re.search(r"Written <time[^>]*>[^<]+</time>, and valid until <time[^>]*>[^<]+ UTC</time>", silent)
    browser.shoot(written, "old", size="375,900")


def test_a_fresh_page_speaks_for_itself(sample: SampleHost, browser: Browser) -> None:
    sample.now = datetime.datetime.now(datetime.UTC)
    sample.validated(sample.back_up())
    sample.server("shop")
    (browser.place / "new.html").write_text(sample.html())
    at = sample.now - datetime.timedelta(hours=5)
    first = f"Yes. shop could be restored: its newest restore-tested backup is from {at.day} {at:%b %Y, %H:%M} UTC."
    assert browser.look("new.html")["first"].replace("\u00a0", " ") == first
    browser.shoot(browser.place / "new.html", "new", size="375,1600")
