# shellcheck shell=bash
# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Source me: the private Python environment of the tests.  What is never imported is not compiled.

make_venv() { # DIRECTORY REQUIREMENTS-FILE ...: made by Debian's own Python, and again when Python or a file changes
  local venv=$1 stamp file
  shift
  stamp=$(/usr/bin/python3 --version && cat "$@" && echo "$venv")
  [ "$(cat "$venv/complete" 2>/dev/null)" != "$stamp" ] || return 0
  echo "making the Python environment $venv"
  local arguments=()
  for file in "$@"; do arguments+=(--requirement "$file"); done
  rm -rf "$venv"
  if ! /usr/bin/python3 -m venv "$venv" >"$OUTPUT/venv.log" 2>&1 ||
    ! "$venv/bin/pip" install --quiet --disable-pip-version-check --no-compile --retries 5 "${arguments[@]}" \
      >>"$OUTPUT/venv.log" 2>&1; then
    tail -n 20 "$OUTPUT/venv.log" >&2
    return 1
  fi
  printf '%s\n' "$stamp" >"$venv/complete"
}
