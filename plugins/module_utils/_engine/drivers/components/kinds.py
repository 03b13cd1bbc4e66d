# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What reads a stored backup's detail, by the `kind` in its manifest; of another kind no more is known than that."""

from __future__ import annotations

import typing as t

from .postgres import layout

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .base import Figures

FIGURES: Mapping[str, Callable[[Mapping[str, t.Any]], Figures]] = {layout.KIND: layout.figures}
