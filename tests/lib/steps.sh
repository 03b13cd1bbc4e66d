# shellcheck shell=bash
# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Source me: the steps of tests/run.sh.  For each: what it is, what Debian packages it needs, and what it does.
# A step runs in the repository's root, in a shell of its own with set -e, its output in tests/output/STEP.log.
# Another step runs beside it: none may use a port, a path or a name that another one uses.

# The quick ones first, then the longest, so that the last two end at about the same time.
# shellcheck disable=SC2034  # tests/run.sh reads it
STEPS=(ruff types licences shellcheck changelog ansible-lint integration molecule sanity unit matrix newest)

about() {
  case $1 in
    ruff) echo "ruff: lint rules and format of all Python" ;;
    types) echo "mypy --strict on the engine" ;;
    licences) echo "reuse: every file has its licence" ;;
    shellcheck) echo "shellcheck on all shell scripts" ;;
    changelog) echo "antsibull-changelog: the fragments can be read" ;;
    ansible-lint) echo "ansible-lint with the production profile" ;;
    sanity) echo "ansible-test sanity, without ignore files" ;;
    unit) echo "pytest: what needs no server" ;;
    integration) echo "pytest: against PostgreSQL of this Debian and a real S3 server" ;;
    matrix) echo "pytest: against PostgreSQL of the other Debian, with its Python, in a container" ;;
    newest) echo "pytest: a short choice against the PostgreSQL and Python of Debian's testing, in a container" ;;
    molecule) echo "the roles and playbooks on real hosts: PostgreSQL, a web application, names, the store" ;;
  esac
}

needs() { # the Debian packages of a step
  local hosts=(podman runc catatonit netavark aardvark-dns iptables mmdebstrap uidmap openssh-client)
  local servers=(postgresql "postgresql-contrib?" pgbouncer locales sudo acl cron debootstrap curl openssl)
  local preloaded=("postgresql-15-cron?" "postgresql-15-pgaudit?" "postgresql-17-cron?" "postgresql-17-pgaudit?")
  local watchers=(prometheus prometheus-alertmanager prometheus-node-exporter chromium fonts-dejavu-core)
  local networks=(nftables iproute2 openssh-server openssh-client)
  case $1 in
    licences) echo file ;; # reuse tells with it what is text
    shellcheck) echo shellcheck ;;
    sanity) echo shellcheck ;;
    unit) echo openssl zstd mount systemd tzdata ;;
    integration) echo "${servers[@]}" "${preloaded[@]}" "${watchers[@]}" "${networks[@]}" bind9 bubblewrap mount strace ;;
    matrix | newest) echo "${hosts[@]}" ;;
    molecule) echo "${hosts[@]}" debootstrap curl openssl ;;
  esac
}

step_ruff() {
  local files
  mapfile -t files < <(tracked '*.py')
  ruff check "${files[@]}"
  ruff format --check "${files[@]}"
}

step_types() { # from outside the repository, so that the engine is known by its full name and by no other
  local folder
  folder=$(collections)
  cd "$folder" || return
  MYPYPATH=$folder mypy --config-file "$ROOT/mypy.ini" --cache-dir "$CACHE/mypy" \
    --package ansible_collections.lifeboat.recovery.plugins.module_utils._engine
  # Whether the smallest component and those to come fit the protocol, too.
  MYPYPATH=$folder mypy --config-file "$ROOT/mypy.ini" --cache-dir "$CACHE/mypy" \
    "$ROOT/tests/unit/drivers/components/values.py" "$ROOT/tests/unit/drivers/components/stubs.py"
}

step_licences() { reuse lint; }

step_shellcheck() {
  local file files=()
  while IFS= read -r file; do
    case $file in
      *.sh) files+=("$file") ;;
      *.*) ;;
      *) if head -c 64 "$file" | grep -qE '^#!.*\b(ba)?sh\b'; then files+=("$file"); fi ;;
    esac
  done < <(tracked .)
  shellcheck --external-sources --source-path="$ROOT" "${files[@]}"
}

step_changelog() { antsibull-changelog lint; }

step_ansible-lint() { ANSIBLE_COLLECTIONS_PATH=$(collections) ansible-lint --offline --strict --nocolor; }

step_sanity() { # what it found stands once more at the end, because its output is long
  local errors
  # pylint takes as long as all others together; of the tests, ruff looks at what it would.
  if ! { tests/sanity.sh --skip-test pylint && tests/sanity.sh --test pylint plugins/; }; then
    errors=$(grep '^ERROR' "$OUTPUT/sanity.log")
    printf '\n%s\n' "$errors"
    return 1
  fi
}

step_unit() { pytest tests/unit; }

step_integration() {
  tests/rig/s3/s3.sh install # here, so that a minute of installation does not count as a slow test
  # A server that speaks German: whatever reads an English message fails here. In step matrix they speak English.
  LOCPATH=$(mktemp -d) # where the servers' user can read it
  chmod 0755 "$LOCPATH"
  localedef -i de_DE -f UTF-8 "$LOCPATH/de_DE.UTF-8"
  export LOCPATH LIFEBOAT_TEST_LC_MESSAGES=de_DE.UTF-8
  pytest -n "${WORKERS:-2}" --dist loadfile tests/integration # a file in one process: its fixtures are made once
}

step_matrix() { tests/matrix.sh; }

step_newest() { tests/matrix.sh --newest; }

step_molecule() {
  local scenario
  # Its own recap says "successful" even when a step failed; the exit status is what counts.
  for scenario in molecule/*/molecule.yml; do
    scenario=$(basename "$(dirname "$scenario")")
    ANSIBLE_COLLECTIONS_PATH=$(collections) MOLECULE_GLOB='molecule/*/molecule.yml' \
      MOLECULE_EPHEMERAL_DIRECTORY=$CACHE/molecule/$scenario molecule test --scenario-name "$scenario"
  done
}
