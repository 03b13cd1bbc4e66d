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
  (cd "$ROOT" && tracked | tar --create --files-from=- --no-recursion) | tar --extract --directory="$copy"
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

# ansible-test downloads get-pip from a server of its own.  Where that can't be reached, a stand-in does the same with
# the pip that comes with Python and the package index that the machine uses.
bootstrap_pip() {
  "$VENV/bin/python" - "$HOME/.ansible/test/cache" <<'PYTHON'
import pathlib
import re
import sys
import urllib.request

import ansible_test

STAND_IN = '''"""Stands in for get-pip: pip from Python itself, then what is asked for from the package index."""
import ensurepip
import subprocess
import sys

ensurepip.bootstrap(default_pip=True)
wanted = [word for word in sys.argv[1:] if word not in ("--no-setuptools", "--no-wheel")]
sys.exit(subprocess.call([sys.executable, "-m", "pip", "install", *wanted]))
'''

folder = pathlib.Path(sys.argv[1])
package = pathlib.Path(ansible_test.__file__).parent
setup = (package / "_util/target/setup/requirements.py").read_text()
address = re.search(r"'(https://[^']*get-pip-)%s\.py'", setup).group(1)
versions = set(re.findall(r"pip='?([0-9.]+)'", (package / "_internal/python_requirements.py").read_text()))
versions |= set(re.findall(r"'pip': '([0-9.]+)'|pip='([0-9.]+)'", (package / "_internal/python_requirements.py").read_text()) and [])
for version in sorted(versions):
    path = folder / f"get_pip_{version.replace('.', '_')}.py"
    if path.exists():
        continue
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with urllib.request.urlopen(f"{address}{version}.py", timeout=20) as answer:
            path.write_bytes(answer.read())
    except OSError:
        path.write_text(STAND_IN)
PYTHON
}

copy_project
keep_pip_settings
bootstrap_pip
cd "$copy"
exec "$VENV/bin/ansible-test" sanity --venv --color no "$@"
