# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
The look of the status page: its style, and the few lines of script without which it is complete.

A page that nobody writes any more would go on saying yes. Where scripts run, a browser then says how old it is; where
they do not, the page says when it was written and until when that counts.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib

FULL = 0.8
"""The share of the store's capacity at which a fuller one is shown in red, unless told otherwise."""

STYLE = """
:root{color-scheme:light dark;--ground:#f6f7f8;--card:#fff;--text:#1a1d21;--quiet:#565e68;--line:#d9dde2;
--yes:#116b3a;--yes-ground:#dff3e6;--probably:#7a4b00;--probably-ground:#fdeecb;--no:#a01620;--no-ground:#fde3e4;
--bar:#2f6fb3;--bar-weak:#b9cfe6}
@media(prefers-color-scheme:dark){:root{--ground:#14171a;--card:#1d2125;--text:#e8eaed;--quiet:#a6aeb8;--line:#353b42;
--yes:#84dba6;--yes-ground:#133321;--probably:#f3c667;--probably-ground:#3a2b0a;--no:#ff9ea3;--no-ground:#47171b;
--bar:#74b0ee;--bar-weak:#34506d}}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--text);font:1rem/1.5 system-ui,sans-serif;overflow-wrap:anywhere}
main,header,footer{max-width:62rem;margin:0 auto;padding:0 1rem}
header{padding-top:1.25rem}
h1{font-size:1rem;font-weight:600;margin:0 0 .5rem;color:var(--quiet)}
h2{font-size:1.1rem;margin:2rem 0 .75rem}
h3{font-size:1.1rem;margin:0;line-height:1.3}
.verdict{border-radius:.6rem;padding:1rem 1.1rem;font-size:1.3rem;line-height:1.4;margin:0;border-left:.4rem solid}
.verdict b{font-size:1.5rem}
.verdict+.verdict{margin-top:.75rem}
.yes{color:var(--yes);background:var(--yes-ground)}
.probably,.unknown{color:var(--probably);background:var(--probably-ground)}
.no{color:var(--no);background:var(--no-ground)}
.quiet,figcaption,dt{color:var(--quiet);font-size:.9rem}
.cards{margin-top:1rem;display:grid;gap:1rem;align-items:start;grid-template-columns:repeat(auto-fill,minmax(min(100%,19rem),1fr))}
.card{background:var(--card);border:1px solid var(--line);border-radius:.6rem;padding:1rem}
.rest{margin-top:1rem}
.card .top{display:flex;flex-wrap:wrap;gap:.35rem .75rem;justify-content:space-between;align-items:start}
.tag{border-radius:1rem;padding:.1rem .65rem;font-size:.85rem;font-weight:600;white-space:nowrap}
dl{display:grid;grid-template-columns:auto 1fr;gap:.15rem 1rem;margin:.75rem 0}
dd{margin:0;text-align:right;font-variant-numeric:tabular-nums}
figure{margin:.9rem 0 0}
svg{display:block;width:100%;height:auto;max-width:30rem}
svg text{fill:var(--quiet);font:13px system-ui,sans-serif}
svg line{stroke:var(--line)}
svg .limit{stroke:var(--text);stroke-width:1.5}
.strong{fill:var(--bar)}
.weak{fill:var(--bar-weak);stroke:var(--bar);stroke-width:.75}
.over{fill:var(--no)}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:.9rem;font-variant-numeric:tabular-nums}
th,td{text-align:left;padding:.35rem .75rem .35rem 0;border-bottom:1px solid var(--line);vertical-align:top}
th{color:var(--quiet);font-weight:500}
th,.short td,td[data-label=When],td[data-label=Took]{white-space:nowrap}
.stacked td{overflow-wrap:break-word}
td[data-label=Of],td[data-label=Job],td .bad div{overflow-wrap:anywhere}
tbody tr:last-child td{border-bottom:0}
@media(max-width:40rem){.stacked thead{display:none}.stacked tr{display:block;padding:.4rem 0;
border-bottom:1px solid var(--line)}.stacked tr:last-child{border:0}
.stacked td{display:flex;justify-content:space-between;gap:1rem;padding:.1rem 0;border:0;text-align:right}
.stacked td::before{content:attr(data-label);color:var(--quiet);flex:none}}
.bad{color:var(--no);font-weight:600}
.good{color:var(--yes);font-weight:600}
details{margin-top:.75rem}
summary{cursor:pointer;color:var(--quiet);font-size:.9rem}
code{font:.9rem ui-monospace,monospace;background:var(--card);border:1px solid var(--line);border-radius:.3rem;
padding:.1rem .3rem}
.odd{border-color:var(--no)}
.odd ul{margin:0;padding-left:1.2rem}
.card>p{margin:0 0 .6rem}
footer{padding-top:1.5rem;padding-bottom:2.5rem}
""".strip()

SCRIPT = """
(function(){var page=document.getElementById("written"),
late=Date.now()/1000-Number(page.dataset.until);if(late<=0)return;
var hours=Math.round((Date.now()/1000-Number(page.dataset.at))/3600),
notice=document.createElement("p");notice.className="verdict no";notice.setAttribute("role","alert");
notice.textContent="This page is "+(hours<48?hours+" hours":Math.round(hours/24)+" days")+
" old: nobody knows whether what it says still holds.";
var verdict=document.getElementById("verdict");verdict.className="verdict unknown";
verdict.parentNode.insertBefore(notice,verdict)})()
""".strip()


@dataclasses.dataclass(frozen=True, slots=True)
class Style:
    """
    What the page takes for good: ages in seconds, `full` as a share of the store.

    The page itself counts for `stale_age`. With `causes` it says why runs failed, which may name hosts and paths.
    """

    restore_tested_age: float = 48 * 3600.0
    stale_age: float = 26 * 3600.0
    full: float = FULL
    causes: bool = False


def policy() -> str:
    """Give the content security policy: nothing is loaded, and only the script above runs."""
    digest = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; form-action 'none'"
