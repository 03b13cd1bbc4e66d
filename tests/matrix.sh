#!/usr/bin/env bash
# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# tests/matrix.sh [PYTEST-ARGUMENT ...]
# The integration tests on the other Debian (trixie on a bookworm machine and the other way round): with its PostgreSQL
# and its Python, in a container that is thrown away.  The container sees a copy of the project and nothing else of the
# machine; what it needs of the package index is brought as wheels, so it needs no network either.
set -euo pipefail
# shellcheck source=tests/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
# shellcheck source=tests/rig/hosts/env.sh
. "$ROOT/tests/rig/hosts/env.sh"

suite=trixie python=3.13
if [ "$(. /etc/os-release && echo "${VERSION_CODENAME:-}")" = trixie ]; then
  suite=bookworm python=3.11
fi
copy=$CACHE/matrix/project
wheels=$CACHE/matrix/wheels-$suite
venv=$CACHE/matrix/venv-$suite
requirements=$CACHE/matrix/requirements.txt

copy_project() {
  rm -rf "$copy"
  mkdir -p "$copy"
  (cd "$ROOT" && tracked . | tar --create --no-recursion --files-from=-) | tar --extract --directory="$copy"
}

collect_wheels() { # by this machine's pip, which knows the way to the index, for the container's Python
  local machine platforms=() level
  machine=$(uname -m)
  {
    cat "$ROOT/meta/ee-requirements.txt"
    grep -E '^(aiosmtpd|hypothesis|pytest|tink)\b' "$ROOT/tests/requirements.txt"
    # Without its marker, for the same reason as below.
    sed -nE "s/^(ansible-core==[^ ;]+) ; python_version $([ "$python" = 3.11 ] && echo '<' || echo '>=').*/\1/p" \
      "$ROOT/tests/requirements.txt"
    echo typing-extensions # pip reads "python_version" in markers as this machine's, and would leave it out
  } >"$requirements.want"
  if ! cmp --silent "$requirements.want" "$requirements.$suite"; then
    for level in 2_34 2_28 2_17; do platforms+=(--platform "manylinux_${level}_$machine"); done
    rm -rf "$wheels" "$venv"
    "$VENV/bin/pip" download --quiet --disable-pip-version-check --retries 5 --only-binary=:all: \
      --implementation cp --python-version "$python" "${platforms[@]}" --platform "manylinux2014_$machine" \
      --dest "$wheels" --requirement "$requirements.want"
    cp "$requirements.want" "$requirements.$suite"
  fi
  cp "$requirements.want" "$wheels/requirements.txt"
}

"$ROOT/tests/rig/hosts/image.sh" "$suite"
"$ROOT/tests/rig/s3/s3.sh" install
mkdir -p "$CACHE/matrix"
copy_project
collect_wheels
mkdir -p "$venv"
[ $# -gt 0 ] || set -- -n 2 --dist loadfile tests/integration --ignore=tests/integration/stores --ignore=tests/integration/monitoring
# SYS_ADMIN and the free system calls are the S3 server's: it runs in a chroot with a /proc of its own.
podman run --rm --name "lifeboat-matrix-$$" --network none --cap-add SYS_ADMIN "${RIG_SECURITY[@]}" \
  --security-opt seccomp=unconfined --shm-size 1g --env LIFEBOAT_RIG=/rig --env PYTHONDONTWRITEBYTECODE=1 \
  --volume "$copy:/project:O" --volume "$wheels:/wheels:ro" --volume "$venv:/venv" \
  --volume "$LIFEBOAT_RIG/s3/debian:/rig/s3/debian:O" --volume /rig/s3/debian/srv \
  --volume "$LIFEBOAT_RIG/s3/installed:/rig/s3/installed:ro" --volume "$LIFEBOAT_RIG/s3/version:/rig/s3/version:ro" \
  --workdir /project "localhost/lifeboat-pg:$suite" bash -euc '
    ip link set lo up 2>/dev/null || true
    if [ ! -x /venv/bin/pytest ]; then
      python3 -m venv /venv
      /venv/bin/pip install --quiet --disable-pip-version-check --no-index --find-links /wheels \
        --requirement /wheels/requirements.txt
    fi
    /venv/bin/python --version
    ls -d /usr/lib/postgresql/*
    exec /venv/bin/pytest "$@"
  ' bash "$@"
