#!/bin/sh
# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# state.sh     prints, a line each, everything of this host that a drill could change or leave behind
set -eu
pruned='/proc /sys /dev /run /var/log /var/cache /var/lib/apt /var/lib/systemd /var/lib/postgresql'
set --
for path in $pruned; do set -- "$@" -path "$path" -prune -o; done
# Servers write their files, those of tablespaces too, when they like.
find / -xdev "$@" -path '/var/lib/dpkg/*' -prune -o -path '*/PG_[0-9]*/*' -prune -o -type f -exec md5sum {} + \
  -o -type l -printf 'link %p\n' -o -type d -printf 'folder %p\n'
find /var/lib/postgresql -mindepth 1 -maxdepth 2 -printf 'data %p\n' 2>/dev/null || true
getent passwd | sed 's/^/user /'
getent group | sed 's/^/group /'
nft list ruleset 2>/dev/null | sed 's/^/rule /' || true
systemctl list-units --all --plain --no-legend --type=service,timer,socket |
  awk '$4 ~ /running|failed|listening|waiting/ {print "unit", $1, $4}'
# shellcheck disable=SC2009 # pgrep shows no users
ps -e -o user=,comm= | grep -v -E ' (ps|sh|sed|awk|grep|sort|systemd-userwor|sshd.*)$' | sed 's/^/process /'
