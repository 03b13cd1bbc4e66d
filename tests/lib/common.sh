# shellcheck shell=bash
# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Source me: where things lie, and an environment in which no setting of the machine decides a test.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
CACHE=$ROOT/.cache
VENV=$CACHE/venv
OUTPUT=$ROOT/tests/output
export ROOT CACHE VENV OUTPUT
export LIFEBOAT_RIG=${LIFEBOAT_RIG:-$CACHE/rig}
mkdir -p "$CACHE" "$OUTPUT"

# Real interpreters, never a version manager's shims.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL=C.UTF-8 LANG=C.UTF-8
export NO_COLOR=1
unset FORCE_COLOR PYTHONPATH PYTHONHOME VIRTUAL_ENV BASH_ENV
# git refuses another user's checkout, and root often runs the tests of one.
export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0="$ROOT"

quiet_environment() { # what a test process must not inherit: keys, stores, servers and certificates of the machine
  local name
  unset PYTHONDONTWRITEBYTECODE # a test starts hundreds of programs, and each would compile all that it imports
  for name in $(compgen -e); do
    case $name in
      AWS_* | AZURE_* | GOOGLE_* | PG* | ANSIBLE_* | MOLECULE_* | BACKUP_* | LIFEBOAT_S3_*) unset "$name" ;;
      REQUESTS_CA_BUNDLE | CURL_CA_BUNDLE | SSL_CERT_FILE | SSL_CERT_DIR) unset "$name" ;;
    esac
  done
}

collections() { # makes the checkout importable as ansible_collections.lifeboat.recovery; prints the folder for that
  local folder=$CACHE/collections
  local link=$folder/ansible_collections/lifeboat/recovery
  mkdir -p "${link%/*}"
  # A link that is right stays: a test beside this one may import through it at this moment.
  [ "$(readlink "$link")" = "$ROOT" ] || ln -sfn "$ROOT" "$link"
  echo "$folder"
}

tracked() { # [PATTERN ...]: the files of the project, as git sees them, whether committed yet or not
  git -C "$ROOT" ls-files --cached --others --exclude-standard -- "$@" | sort -u | while IFS= read -r file; do
    [ ! -f "$ROOT/$file" ] || printf '%s\n' "$file"
  done
}
