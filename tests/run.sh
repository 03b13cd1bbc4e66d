#!/usr/bin/env bash
# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# tests/run.sh [STEP ...]    run all tests, or the steps named
# tests/run.sh --list        say which steps there are
#
# For a bare Debian 12 or 13, as root or with sudo: installs the Debian packages that the steps need, makes a private
# Python environment in .cache/venv, runs two steps side by side, and leaves each step's output in
# tests/output/STEP.log.  LIFEBOAT_RIG names a folder for the test hosts' images and the S3 server, to be shared between
# checkouts; .cache/rig by default.
set -euo pipefail
# Who starts it in the background of a script lets it ignore the signal by which a run ends its steps.
[ -z "$(trap -p INT)" ] || exec env --default-signal=INT bash "${BASH_SOURCE[0]}" "$@"
lib=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/lib
# shellcheck source=tests/lib/steps.sh
. "$lib/steps.sh"

if [ "${1:-}" = --list ]; then
  for step in "${STEPS[@]}"; do printf '%-14s %s\n' "$step" "$(about "$step")"; done
  exit
fi
for step in "$@"; do
  case " ${STEPS[*]} " in
    *" $step "*) ;;
    *)
      echo "tests/run.sh: there is no step $step; --list shows them" >&2
      exit 2
      ;;
  esac
done
chosen=() # in the order of all steps, which is a good one for two side by side
for step in "${STEPS[@]}"; do
  case " ${*:-$step} " in *" $step "*) chosen+=("$step") ;; esac
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

prepare() { # the Python environment beside the packages: neither keeps two cores busy
  local step wanted=() venv status=0
  for step in "${chosen[@]}"; do
    read -ra more < <(needs "$step") || true
    wanted+=("${more[@]}")
  done
  packages git ca-certificates python3-venv && collections >/dev/null || return
  set -m # a process group of its own, which a signal from `end` reaches as a whole
  make_venv "$VENV" meta/ee-requirements.txt tests/requirements.txt &
  set +m
  venv=$!
  packages "${wanted[@]}" || status=$?
  wait "$venv" && return "$status"
}

run_step() { # STEP: in a shell of its own, where set -e holds because it stands in no condition
  (
    set -e
    quiet_environment
    export PATH=$VENV/bin:$PATH
    "step_$1"
  ) >"$OUTPUT/$1.log" 2>&1 </dev/null
}

ahead() { # what takes minutes to fetch and build, while the first steps run and below them
  local suites=()
  case " ${chosen[*]} " in *" matrix "* | *" molecule "*) suites+=(bookworm trixie) ;; esac
  case " ${chosen[*]} " in *" newest "*) suites+=(testing) ;; esac
  case " ${chosen[*]} " in *" integration "*) nice tests/rig/s3/s3.sh install ;; esac
  [ ${#suites[@]} = 0 ] || nice tests/rig/hosts/image.sh "${suites[@]}"
}

report() { # STEP STATUS: its line, kept for the summary too
  local step=$1 status=$2 last result=passed
  last=$(grep -v '^[[:space:]]*$' "$OUTPUT/$step.log" | tail -n 1 | tr -d '\r' | cut -c1-100) || true
  [ "$status" = 0 ] || result=FAILED
  lines[$step]=$(printf '%-14s %s %5d s   %s' "$step" "$result" "$((SECONDS - started[$step]))" "$last")
  echo "${lines[$step]}"
  if [ "$status" != 0 ]; then
    failed=$((failed + 1))
    tail -n 60 "$OUTPUT/$step.log" | sed 's/^/    /'
  fi
}

await() { # until one of the running steps has ended
  local process status=0
  wait -n -p process "${!running[@]}" || status=$?
  report "${running[$process]}" "$status"
  unset "running[$process]"
}

end() { # what still runs ends as it would by Ctrl-C, all of its processes
  local process
  for process in $(jobs -p); do kill -INT -- "-$process" 2>/dev/null || true; done
  wait
}

trap end EXIT
trap 'exit 130' HUP INT TERM
began=$SECONDS
prepare || {
  echo "the preparation failed; see tests/output/"
  echo "0 passed, 1 failed"
  exit 1
}
echo "prepared in $((SECONDS - began)) s"

declare -A running=() started=() lines=()
failed=0
export WORKERS=1 # of a step that can use several: two steps keep two cores busy
[ ${#chosen[@]} -gt 1 ] || WORKERS=2
set -m # each in a process group of its own, too
ahead >"$OUTPUT/ahead.log" 2>&1 </dev/null &
for step in "${chosen[@]}"; do
  [ ${#running[@]} -lt 2 ] || await
  started[$step]=$SECONDS
  run_step "$step" &
  running[$!]=$step
done
while [ ${#running[@]} -gt 0 ]; do await; done

printf '\n%d s in all; the output of each step lies in tests/output/\n' "$((SECONDS - began))"
for step in "${chosen[@]}"; do echo "${lines[$step]}"; done
echo "$((${#chosen[@]} - failed)) passed, $failed failed"
[ "$failed" = 0 ]
