#!/usr/bin/env bash
# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# tests/run.sh [STEP ...]    run all tests, or the steps named
# tests/run.sh --list        say which steps there are
#
# For a bare Debian 12 or 13, as root or with sudo: installs the Debian packages that the steps need, makes a private
# Python environment in .cache/venv, and leaves each step's output in tests/output/STEP.log.  LIFEBOAT_RIG names a
# folder for the test hosts' images and the S3 server, to be shared between checkouts; .cache/rig by default.
set -euo pipefail
lib=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/lib
# shellcheck source=tests/lib/steps.sh
. "$lib/steps.sh"

if [ "${1:-}" = --list ]; then
  for step in "${STEPS[@]}"; do printf '%-14s %s\n' "$step" "$(about "$step")"; done
  exit
fi
chosen=("$@")
[ $# -gt 0 ] || chosen=("${STEPS[@]}")
for step in "${chosen[@]}"; do
  case " ${STEPS[*]} " in
    *" $step "*) ;;
    *)
      echo "tests/run.sh: there is no step $step; --list shows them" >&2
      exit 2
      ;;
  esac
done
if [ "$(id -u)" != 0 ]; then
  # pip's and apt's ways out of a closed network belong to the user; the rest of the environment stays behind.
  exec sudo --preserve-env=LIFEBOAT_RIG,LIFEBOAT_DEBIAN_IMAGE,LIFEBOAT_RIG_MIRROR,LIFEBOAT_RIG_SUITES,PIP_INDEX_URL,PIP_EXTRA_INDEX_URL,PIP_FIND_LINKS,PIP_CERT,http_proxy,https_proxy,no_proxy \
    -- "$0" "$@"
fi

# shellcheck source=tests/lib/common.sh
. "$lib/common.sh"
# shellcheck source=tests/lib/packages.sh
. "$lib/packages.sh"
# shellcheck source=tests/lib/venv.sh
. "$lib/venv.sh"
cd "$ROOT"

prepare() {
  local step wanted=(git ca-certificates python3-venv)
  for step in "${chosen[@]}"; do
    read -ra more < <(needs "$step") || true
    wanted+=("${more[@]}")
  done
  packages "${wanted[@]}" && make_venv "$VENV" meta/ee-requirements.txt tests/requirements.txt
}

run_step() { # STEP: in a shell of its own, where set -e holds because it stands in no condition
  (
    set -e
    quiet_environment
    export PATH=$VENV/bin:$PATH
    "step_$1"
  ) >"$OUTPUT/$1.log" 2>&1 </dev/null
}

images_ahead() { # the images of the test hosts are built while the first steps run
  local suites=()
  case " ${chosen[*]} " in *" matrix "* | *" molecule "*) suites+=(bookworm trixie) ;; esac
  case " ${chosen[*]} " in *" newest "*) suites+=(testing) ;; esac
  [ ${#suites[@]} = 0 ] || tests/rig/hosts/image.sh "${suites[@]}" >"$OUTPUT/images.log" 2>&1 &
}

# What a step or the images leave running ends with this run.
trap 'kill $(jobs -p) 2>/dev/null || true' EXIT

began=$SECONDS
prepare || {
  echo "the preparation failed; see tests/output/"
  echo "0 passed, 1 failed"
  exit 1
}
echo "prepared in $((SECONDS - began)) s"
images_ahead

passed=0
failed=0
summary=()
for step in "${chosen[@]}"; do
  start=$SECONDS
  set +e
  run_step "$step"
  status=$?
  set -e
  last=$(grep -v '^[[:space:]]*$' "$OUTPUT/$step.log" | tail -n 1 | tr -d '\r' | cut -c1-100) || true
  if [ "$status" = 0 ]; then
    result=passed
    passed=$((passed + 1))
  else
    result=FAILED
    failed=$((failed + 1))
  fi
  line=$(printf '%-14s %s %5d s   %s' "$step" "$result" "$((SECONDS - start))" "$last")
  echo "$line"
  if [ "$status" != 0 ]; then
    tail -n 60 "$OUTPUT/$step.log" | sed 's/^/    /'
  fi
  summary+=("$line")
done

printf '\n%d s in all; the output of each step lies in tests/output/\n' "$((SECONDS - began))"
printf '%s\n' "${summary[@]}"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
