#!/usr/bin/env bash
# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# fault.sh FAULT HOST [ARGUMENT ...]     faults on running hosts, all from outside: the host needs nothing for them
#   partition A B            A and B no longer hear each other; packets vanish
#   refuse A B PORT          B's PORT answers A with a reset
#   cut_after A B PORT BYTES connections from A to B's PORT die after so many bytes
#   lossy A PROBABILITY      of what A sends, this share is lost (0.3)
#   slow A RATE              A sends at this rate at most (512kbit)
#   heal A                   ends all of the above
#   isolate A / rejoin A     the network cable
#   freeze A / thaw A        the whole host stands still
#   powercut A / poweron A   everything dies at once; the file system survives
#   small A DIR SIZE [MODE]  a disk of SIZE (16m) on DIR
#   resize A DIR SIZE        make that disk larger or smaller
#   readonly A DIR / writable A DIR
set -euo pipefail
# shellcheck source=tests/rig/hosts/env.sh
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"

usage() {
  sed -n '/^# fault.sh/,/^set/{s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}" >&2
  exit 2
}
pid() { podman inspect --format '{{.State.Pid}}' "$1"; }
address() { podman inspect --format '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' "$1"; }
net() { nsenter --target "$(pid "$1")" --net -- "${@:2}"; }
mnt() { nsenter --target "$(pid "$1")" --mount -- "${@:2}"; }
reset() { net "$1" iptables -I OUTPUT -p tcp -d "$(address "$2")" --dport "$3" "${@:4}" -j REJECT --reject-with tcp-reset; }

[ $# -ge 2 ] || usage
fault=$1
shift
case $fault/$# in
  partition/2)
    net "$1" iptables -I INPUT -s "$(address "$2")" -j DROP
    net "$1" iptables -I OUTPUT -d "$(address "$2")" -j DROP
    ;;
  refuse/3) reset "$@" ;;
  cut_after/4) reset "$1" "$2" "$3" -m connbytes --connbytes "$4:" --connbytes-dir original --connbytes-mode bytes ;;
  lossy/2) net "$1" iptables -I OUTPUT -m statistic --mode random --probability "$2" -j DROP ;;
  slow/2) net "$1" tc qdisc replace dev eth0 root tbf rate "$2" burst 4kb latency 400ms ;;
  heal/1)
    net "$1" iptables -F
    net "$1" tc qdisc del dev eth0 root 2>/dev/null || true
    ;;
  isolate/1) net "$1" ip link set eth0 down ;;
  rejoin/1)
    net "$1" ip link set eth0 up
    net "$1" ip route replace default via "$(rig_prefix).1" # a link that goes down loses it
    ;;
  freeze/1) podman pause "$1" >/dev/null ;;
  thaw/1) podman unpause "$1" >/dev/null ;;
  powercut/1) podman kill --signal KILL "$1" >/dev/null ;;
  poweron/1) podman start "$1" >/dev/null ;;
  small/3 | small/4)
    mnt "$1" mkdir -p "$2"
    mnt "$1" mount -t tmpfs -o "size=$3,mode=${4:-0755}" tmpfs "$2"
    ;;
  resize/3) mnt "$1" mount -o "remount,size=$3" "$2" ;;
  readonly/2) mnt "$1" mount -o remount,ro "$2" ;;
  writable/2) mnt "$1" mount -o remount,rw "$2" ;;
  *) usage ;;
esac
