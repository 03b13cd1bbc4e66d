# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What reads a stored backup's detail, by the `kind` in its manifest; of another kind no more is known than that."""

from __future__ import annotations

from .base import PHYSICAL
from .postgres import layout, physical_layout

FIGURES = {layout.KIND: layout.figures, PHYSICAL: physical_layout.figures}
