# shellcheck shell=bash
# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Source me: Debian's packages, asked for by name and installed only when they are missing.

export DEBIAN_FRONTEND=noninteractive

apt() { # COMMAND ...: apt-get that waits for another one's lock and tries again when a mirror stumbles
  local attempt
  for attempt in 1 2 3; do
    if apt-get -q -y -o DPkg::Lock::Timeout=300 -o Acquire::Retries=5 "$@" >>"$OUTPUT/packages.log" 2>&1 </dev/null; then
      return
    fi
    sleep "$((attempt * 5))"
  done
  tail -n 20 "$OUTPUT/packages.log" >&2
  return 1
}

apt_lists() { # the package lists are fetched once in a run
  [ -n "${APT_LISTS:-}" ] || apt update || return
  APT_LISTS=fresh
}

installed() { dpkg-query -W -f "\${Status}\n" "$1" 2>/dev/null | grep -q ' installed$'; }

packages() { # PACKAGE ...: installs what is missing; "NAME?" is wanted only where the suite has it
  local package missing=()
  for package in "$@"; do
    installed "${package%\?}" || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  apt_lists || return
  local wanted=()
  for package in "${missing[@]}"; do
    case $package in
      *\?) [ -z "$(apt-cache madison "${package%\?}")" ] || wanted+=("${package%\?}") ;;
      *) wanted+=("$package") ;;
    esac
  done
  [ ${#wanted[@]} -gt 0 ] || return 0
  no_main_cluster
  no_watchers "${wanted[@]}"
  echo "installing ${wanted[*]}"
  apt install --no-install-recommends "${wanted[@]}"
}

no_watchers() { # PACKAGE ...: nor may it start daemons that watch, pool, answer or let people in, now or when it boots
  local package
  for package in "$@"; do
    case $package in
      prometheus* | pgbouncer) masked "$package.service" ;;
      bind9) masked named.service ;;
      openssh-server) masked ssh.service ;;
    esac
  done
}

masked() { # UNIT: what systemctl mask does, without a systemd that runs
  mkdir -p /etc/systemd/system
  [ -e "/etc/systemd/system/$1" ] || ln -s /dev/null "/etc/systemd/system/$1"
}

no_main_cluster() { # the tests start servers of their own; Debian must not start one that nobody asked for
  if ! installed postgresql-common && [ ! -e /etc/postgresql-common/createcluster.conf ]; then
    mkdir -p /etc/postgresql-common
    echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
  fi
}
