#!/usr/bin/env bash
# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# ansible-test sanity on a copy of the project, because it works only in a folder named ansible_collections/... that is
# no link.  No ignore files.  Its environments and caches lie in .cache/sanity; the user's home stays untouched.
# tests/sanity.sh [ARGUMENT ...]     for example: --test validate-modules
set -euo pipefail
# shellcheck source=tests/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
quiet_environment

work=$CACHE/sanity
copy=$work/ansible_collections/lifeboat/recovery
user_home=${HOME:-/root}
export HOME=$work/home
mkdir -p "$HOME"

copy_project() {
  rm -rf "$copy"
  mkdir -p "$copy"
  (cd "$ROOT" && tracked . | tar --create --no-recursion --files-from=-) | tar --extract --directory="$copy"
  git -C "$copy" init --quiet
}

# ansible-test passes no variable of pip's on, but pip reads the user's settings below HOME.
keep_pip_settings() {
  mkdir -p "$HOME/.config"
  rm -rf "$HOME/.config/pip"
  if [ -d "$user_home/.config/pip" ]; then
    cp -a "$user_home/.config/pip" "$HOME/.config/pip"
  fi
}

copy_project
keep_pip_settings
"$VENV/bin/python" "$ROOT/tests/lib/bootstrap_pip.py" "$HOME/.ansible/test/cache"
cd "$copy"
exec "$VENV/bin/ansible-test" sanity --venv --color no "$@"
