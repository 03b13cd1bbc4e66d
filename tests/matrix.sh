#!/usr/bin/env bash
# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# tests/matrix.sh [--newest | --left-out] [PYTEST-ARGUMENT ...]
# tests/matrix.sh [--newest] --program COMMAND ...
# The integration tests on the other Debian (trixie on a bookworm machine and the other way round): with its PostgreSQL
# and its Python, in a container that is thrown away.  The container sees a copy of the project and nothing else of the
# machine; what it needs of the package index is brought as wheels, so it needs no network either.
#
# --newest: on Debian's testing, with whatever PostgreSQL and Python it has today; without arguments for pytest, those
# tests that meet what a PostgreSQL can change: catalogues, dumps, restores, proofs, rights, and one pair of playbooks.
# --left-out: those tests that are not run without it, because hardly anything in them depends on the server, and the
# long ones of the same files.
# --program: a command instead of pytest, with the project's Python and this machine's network: for campaigns, which
# install packages.
set -euo pipefail
# shellcheck source=tests/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
# shellcheck source=tests/rig/hosts/env.sh
. "$ROOT/tests/rig/hosts/env.sh"

suite=trixie
which=chosen
if [ "${1:-}" = --left-out ]; then
  which=left_out
  shift
elif [ "${1:-}" = --newest ]; then
  suite=testing
  shift
fi
if [ $suite = trixie ] && [ "$(. /etc/os-release && echo "${VERSION_CODENAME:-}")" = trixie ]; then
  suite=bookworm
fi
wheels=$CACHE/matrix/wheels-$suite
venv=$CACHE/matrix/venv-$suite
requirements=$CACHE/matrix/requirements-$suite.txt

packed_project() { # a copy for each container: one that runs must not lose its files to the next
  cd "$ROOT" && tracked . | tar --create --no-recursion --files-from=-
}

collect_wheels() { # by this machine's pip, which knows the way to the index, for the container's Python
  local machine python platforms=() level
  machine=$(uname -m)
  python=$(podman run --rm --network none "${RIG_SECURITY[@]}" "localhost/lifeboat-pg:$suite" \
    python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')
  {
    cat "$ROOT/meta/ee-requirements.txt"
    grep -E '^(aiosmtpd|ansible-core|ansible-runner|hypothesis|pytest|tink)\b' "$ROOT/tests/requirements.txt"
    echo typing-extensions # some want it by a marker, which pip reads as this machine's
  } | "$VENV/bin/python" "$ROOT/tests/lib/wanted.py" "$python" >"$requirements.want"
  echo "# for Python $python" >>"$requirements.want"
  if ! cmp --silent "$requirements.want" "$requirements"; then
    for level in 2_34 2_28 2_17; do platforms+=(--platform "manylinux_${level}_$machine"); done
    rm -rf "$wheels" "$venv"
    "$VENV/bin/pip" download --quiet --disable-pip-version-check --retries 5 --only-binary=:all: \
      --implementation cp --python-version "$python" "${platforms[@]}" --platform "manylinux2014_$machine" \
      --dest "$wheels" --requirement "$requirements.want"
    cp "$requirements.want" "$requirements"
  fi
  cp "$requirements.want" "$wheels/requirements.txt"
}

left_out() { # what is about stores, keys, files and what people are told, and what takes a minute to show it again
  local folder=tests/integration
  printf '%s\n' $folder/{drivers/{channels,stores/s3},examples,installation,playbooks} \
    $folder/{operations/{protect_bucket,prune,recover},operations/validate/test_restore_tested.py} \
    $folder/{drivers/checks,operations/doctor,plugins,roles/{application,notify,recover}} \
    $folder/faults/test_{beside_retention,concurrency,kills,lies,mutations,order,volumes}.py \
    $folder/operations/lend/test_loans.py::test_playbooks_side_by_side \
    $folder/drivers/components/postgres/test_endless_answers.py \
    $folder/roles/{doctor/test_doctor_play,post_run/test_post_run,schedule/test_carried_variables}.py
}

chosen() { # the tests to run when none are named
  local folder=tests/integration left
  if [ "$suite" = testing ]; then
    local postgres=$folder/drivers/components/postgres
    printf '%s\n' $folder/corpus \
      $postgres/test_{connection,golden,grants,hostile_source,roles,roles_and_properties,snapshot,tables_plan}.py \
      $folder/operations/restore/test_restore.py \
      $folder/operations/validate/test_validation.py::test_the_golden_database_passes \
      $folder/operations/lend/test_loans.py::test_playbooks_side_by_side
  else
    # What needs programs of this machine, or no server at all, is left out here and in the campaign.
    printf '%s\n' $folder --ignore=$folder/{drivers/{dns,stores},operations/{dns,monitor},recovery-kit,results/test_dns_results.py} \
      --ignore=$folder/roles/{dns_switch,isolate,monitoring,recovery_kit}
    while IFS= read -r left; do
      if [ ! -e "$ROOT/${left%%::*}" ]; then
        echo "$left" # pytest says that it is not there
      elif [[ $left != *::* ]]; then
        echo "--ignore=$left"
      elif grep -q "^def ${left##*::}(" "$ROOT/${left%%::*}"; then
        echo "--deselect=$left"
      else
        echo "$left"
      fi
    done < <(left_out)
  fi
}

"$ROOT/tests/rig/hosts/image.sh" "$suite"
"$ROOT/tests/rig/s3/s3.sh" install
mkdir -p "$CACHE/matrix"
collect_wheels
mkdir -p "$venv"
network=none
if [ "${1:-}" = --program ]; then
  network=host
  shift
elif [ $# = 0 ] || [ $which = left_out ]; then
  mapfile -t tests < <("$which")
  [ $which = chosen ] || set -- -m "long or not long" "$@"
  set -- pytest -n "${WORKERS:-2}" --dist loadfile "${tests[@]}" "$@"
else
  set -- pytest "$@"
fi
# SYS_ADMIN and the free system calls are the S3 server's: it runs in a chroot with a /proc of its own.
# --init buries processes whose parents are gone, which else seem to live.
exec podman run --rm --init --interactive --name "lifeboat-matrix-$$" --network "$network" --cap-add SYS_ADMIN "${RIG_SECURITY[@]}" \
  --security-opt seccomp=unconfined --shm-size 1g --env LIFEBOAT_RIG=/rig --env LIFEBOAT_EXAMPLES=all \
  --volume "$wheels:/wheels:ro" --volume "$venv:/venv" \
  --volume "$LIFEBOAT_RIG/s3/debian:/rig/s3/debian:O" --volume /rig/s3/debian/srv \
  --volume "$LIFEBOAT_RIG/s3/installed:/rig/s3/installed:ro" --volume "$LIFEBOAT_RIG/s3/version:/rig/s3/version:ro" \
  "localhost/lifeboat-pg:$suite" bash -euc '
    mkdir /project
    cd /project
    tar --extract --no-same-owner
    ip link set lo up 2>/dev/null || true
    [ -s /etc/machine-id ] || tr -d - </proc/sys/kernel/random/uuid >/etc/machine-id
    if [ ! -x /venv/bin/pytest ]; then
      python3 -m venv /venv
      /venv/bin/pip install --quiet --disable-pip-version-check --no-compile --no-index --find-links /wheels \
        --requirement /wheels/requirements.txt
    fi
    export PATH=/venv/bin:$PATH
    python --version
    ls -d /usr/lib/postgresql/*
    # Packages may be installed here, and none of them may start a service.
    printf "#!/bin/sh\nexit 101\n" >/usr/sbin/policy-rc.d
    chmod 0755 /usr/sbin/policy-rc.d
    exec "$@" </dev/null
  ' bash "$@" < <(packed_project)
