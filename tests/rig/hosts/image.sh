#!/usr/bin/env bash
# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# image.sh [--refresh] SUITE ...     SUITE is bookworm, trixie or testing
# Makes, from Debian packages alone and through the mirrors that this machine itself uses:
#   localhost/lifeboat-base:SUITE   systemd, sshd, Python with venv, sudo, cron; no PostgreSQL
#   localhost/lifeboat-pg:SUITE     the same with the suite's PostgreSQL and its cluster "main" in C.UTF-8
#   localhost/lifeboat-dns:SUITE    the first with BIND, which does not start by itself
# An image that exists is kept, unless the recipe has changed or --refresh asks for today's packages.
# Where a container registry is at hand, LIFEBOAT_DEBIAN_IMAGE=docker.io/library/debian:%s takes the place of the
# bootstrapped Debian; %s is the suite.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/rig/hosts/env.sh
. "$here/env.sh"

mirror() { # LABEL: the address from which this machine takes Debian's packages of that label
  local found
  found=$(apt-get indextargets --format "\$(LABEL)|\$(REPO_URI)" 'Created-By: Packages' | sed -n "s/^$1|//p" | head -n 1)
  if [ -z "$found" ]; then
    echo "image.sh: apt knows no mirror of $1 packages; add one to its sources, or set LIFEBOAT_DEBIAN_IMAGE." >&2
    return 1
  fi
  echo "$found"
}

bootstrap() { # SUITE: a small Debian as localhost/lifeboat-debian:SUITE
  local suite=$1 tar=$LIFEBOAT_RIG/debian-$1.tar archive security age=()
  archive=$(mirror Debian)
  security=$(mirror Debian-Security)
  # A mirror that lags behind is good enough for the hosts where it is for this machine.
  mapfile -t age < <(apt-config dump --format '%f "%v";%n' Acquire::Check-Valid-Until | sed 's/^/--aptopt=/')
  mmdebstrap --quiet --variant=apt --aptopt='Acquire::Retries "5"' "${age[@]}" --include=ca-certificates \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    "$suite" "$tar" \
    "deb $archive $suite main" "deb $archive $suite-updates main" "deb $security $suite-security main"
  podman import --quiet "$tar" "localhost/lifeboat-debian:$suite" >/dev/null
  rm -f "$tar"
}

build() { # SUITE DEBIAN TARGET
  podman build --quiet --network=host --isolation=chroot --format docker --build-arg debian="$2" --target "$3" \
    --label lifeboat.recipe="$recipe" --tag "localhost/lifeboat-$3:$1" --file "$here/Containerfile" "$here" >/dev/null
}

images() { # SUITE: makes its images, unless they are there
  local suite=$1 debian
  # Two steps of one test run may ask for the same image at the same time.
  exec 9>"$LIFEBOAT_RIG/image-$suite.lock"
  flock 9
  if [ "$refresh" = no ] && fresh "$suite"; then
    return
  fi
  echo "building the test hosts' images of $suite"
  if [ -n "${LIFEBOAT_DEBIAN_IMAGE:-}" ]; then
    # shellcheck disable=SC2059  # the variable is a format by its definition
    debian=$(printf "$LIFEBOAT_DEBIAN_IMAGE" "$suite")
  else
    debian=localhost/lifeboat-debian:$suite
    if [ "$refresh" = yes ] || ! podman image exists "$debian"; then
      bootstrap "$suite"
    fi
  fi
  build "$suite" "$debian" base
  build "$suite" "$debian" pg
  build "$suite" "$debian" dns
}

fresh() { # SUITE: whether the newest image of the suite was built by today's recipe
  [ "$(podman image inspect --format '{{index .Labels "lifeboat.recipe"}}' "localhost/lifeboat-dns:$1" 2>/dev/null)" = "$recipe" ]
}

recipe=$(sha256sum <"$here/Containerfile" | cut -c1-16)
refresh=no
if [ "${1:-}" = --refresh ]; then
  refresh=yes
  shift
fi
# A mirror stumbles, and testing's may be in the middle of a change: two more attempts, and then the cause in one line.
for suite in "${@:-bookworm}"; do
  for pause in 5 30 0; do
    set +e
    (
      set -e
      images "$suite"
    )
    status=$?
    set -e
    [ "$status" != 0 ] || break
    sleep "$pause"
  done
  [ "$status" = 0 ] || {
    echo "image.sh: no image of Debian $suite could be built in three attempts; what apt says stands above." \
      "Where it is the mirror's or testing's own trouble, run it again later." >&2
    exit 1
  }
done
