#!/usr/bin/env bash
# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# A real S3 server for the tests: Ceph's radosgw with one monitor and one OSD, from Debian packages in a chroot.
# Everything lies below $LIFEBOAT_RIG/s3; needs root, because chroot and a private mount of /proc do.

set -euo pipefail

usage() {
  cat >&2 <<'USAGE'
usage: s3.sh install                          put the server's chroot in place (once; about a minute)
       s3.sh start [NAME] [PORT] [STORE]      start server NAME (main) on PORT (9000); STORE: bluestore or memstore
       s3.sh hold  [NAME] [PORT] [STORE]      start it where it does not run, print what json prints, and let it run
                                              until standard input ends; the last who holds it stops it
       s3.sh stop  [NAME]                     stop it, keep its data
       s3.sh wipe  [NAME]                     stop it and remove its data
       s3.sh env   [NAME]                     print endpoint and credentials as shell variables
       s3.sh json  [NAME]                     print them as JSON
       s3.sh admin NAME ARGUMENT...           run radosgw-admin in it

PORT is http, PORT+9 is https; PORT+1 to PORT+8 are the cluster's own. All listen on 127.0.0.1 only;
with LIFEBOAT_RIG_ADDRESS http and https listen there instead. PORT can be the word free: the ports that the server
had, and where another program has them, a server without data on ten others.
Environment: LIFEBOAT_RIG           where it all goes (default: .cache/rig of this checkout)
             LIFEBOAT_RIG_SUITES    Debian suites to try in order (default: "forky trixie": Ceph 20, else Ceph 18)
             LIFEBOAT_RIG_MIRROR    Debian mirror (default: the one this machine uses)
             LIFEBOAT_RIG_DAY       seconds that a "day" of lifecycle rules lasts (default: 0, a real day)
             LIFEBOAT_RIG_REGION    the server's region (default: us-east-1); counts at the first start only
             LIFEBOAT_RIG_ADDRESS   where http and https listen (default: 127.0.0.1); counts at the first start only
USAGE
  exit 2
}

export LIFEBOAT_RIG=${LIFEBOAT_RIG:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)/.cache/rig}
ROOT=$LIFEBOAT_RIG/s3
CHROOT=$ROOT/debian
ADDRESS=${LIFEBOAT_RIG_ADDRESS:-127.0.0.1}
ACTION=${1:-}
NAME=${2:-main}
PORT=${3:-9000}
STORE=${4:-bluestore}
INSIDE=/srv/$NAME           # the server's directory, as it is seen in the chroot
HOME_DIR=$CHROOT$INSIDE     # and as it is seen from here
LOG=$HOME_DIR/log
STARTED=                    # yes, where this script did it

die() {
  echo "s3.sh: $*" >&2
  exit 1
}

# A mount namespace of its own gives the chroot its /proc, and takes it away again however the program ends.
# An array and not a function, so that `"${WITHIN[@]}" program &` leaves the program's own process id in $!.
# shellcheck disable=SC2016
WITHIN=(unshare -m bash -c 'mount --make-rprivate / && mount -t proc proc "$0/proc" && exec chroot "$0" "$@"' "$CHROOT")

# --- install ---------------------------------------------------------------------------------------------------------

install_server() {
  [ -f "$ROOT/installed" ] && return
  [ "$(id -u)" = 0 ] || die "install needs root."
  mkdir -p "$ROOT"
  # Two sessions that start at once must not build the same chroot; the second waits and finds it done.
  flock "$ROOT/install.lock" "${BASH_SOURCE[0]}" install-alone
}

install_alone() {
  [ -f "$ROOT/installed" ] && return
  need_packages debootstrap curl openssl util-linux
  local suite
  for suite in ${LIFEBOAT_RIG_SUITES:-forky trixie}; do
    rm -rf --one-file-system "$CHROOT"
    if build_chroot "$suite" >"$ROOT/install-$suite.log" 2>&1; then
      chroot "$CHROOT" radosgw --version >"$ROOT/version"
      echo "$suite" >"$ROOT/installed"
      return
    fi
    echo "s3.sh: Debian $suite could not be installed, see $ROOT/install-$suite.log" >&2
  done
  die "no suite could be installed."
}

need_packages() {
  local package missing=()
  for package in "$@"; do
    dpkg-query -W -f '${Status}\n' "$package" 2>/dev/null | grep -q ' installed$' || missing+=("$package")
  done
  [ ${#missing[@]} = 0 ] && return
  apt-get update -q >&2
  DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}" >&2
}

# Errors must end it even though it stands in a condition, where bash suspends `set -e`: hence the chain of &&.
build_chroot() {
  local suite=$1 script=/usr/share/debootstrap/scripts/$1
  [ -e "$script" ] || script=/usr/share/debootstrap/scripts/sid   # a suite younger than this debootstrap
  debootstrap --variant=minbase --include=ca-certificates "$suite" "$CHROOT" "$(mirror)" "$script" &&
    printf '#!/bin/sh\nexit 101\n' >"$CHROOT/usr/sbin/policy-rc.d" &&
    chmod 0755 "$CHROOT/usr/sbin/policy-rc.d" &&
    "${WITHIN[@]}" env DEBIAN_FRONTEND=noninteractive \
      apt-get install -y -q --no-install-recommends radosgw ceph-mon ceph-osd ceph-common &&
    chroot "$CHROOT" apt-get clean
}

mirror() {
  local from=${LIFEBOAT_RIG_MIRROR:-}
  [ -n "$from" ] || from=$(awk '/^URIs:/ {print $2; exit}' /etc/apt/sources.list.d/*.sources 2>/dev/null || true)
  [ -n "$from" ] || from=$(awk '$1 == "deb" {print $2; exit}' /etc/apt/sources.list 2>/dev/null || true)
  [ -n "$from" ] || die "no Debian mirror found; set LIFEBOAT_RIG_MIRROR."
  echo "$from"
}

# --- start and stop --------------------------------------------------------------------------------------------------

start_server() {
  install_server
  exec 9>"$ROOT/$NAME.lock"
  flock 9
  if answers; then return; fi
  stop_server
  # Two servers that start at once, of whatever rigs, must not choose the same ports: the second one waits.
  exec 7>/run/lifeboat-rig-s3.lock
  flock 7
  if [ "$PORT" = free ]; then choose_ports; fi
  refuse_taken_port
  if [ ! -f "$HOME_DIR/ready" ]; then
    rm -rf --one-file-system "$HOME_DIR"   # what an interrupted first start left
    create_cluster
  fi
  run_daemon mon ceph-mon -f -i a
  [ -f "$HOME_DIR/ready" ] || create_osd
  run_daemon osd ceph-osd -f -i 0
  [ -f "$HOME_DIR/ready" ] || create_user
  run_daemon rgw radosgw -f -n client.rgw.a
  touch "$HOME_DIR/ready"
  local _
  for _ in $(seq 600); do
    if answers; then
      STARTED=yes
      exec 7>&-
      return
    fi
    kill -0 "$(cat "$HOME_DIR/rgw.pid")" 2>/dev/null || break
    sleep 0.1
  done
  die "the server does not answer; see $LOG."
}

hold_server() {
  install_server
  exec 8>"$ROOT/$NAME.holders"
  flock --shared 8
  start_server
  [ -z "$STARTED" ] || touch "$HOME_DIR/held"
  exec 9>&-
  json
  while read -r _; do :; done
  exec 9>"$ROOT/$NAME.lock"
  flock 9
  # Who started it by hand, stops it by hand.
  if [ -f "$HOME_DIR/held" ] && flock --nonblock 8; then stop_server; fi
}

choose_ports() {
  if [ -f "$HOME_DIR/ready" ]; then
    PORT=$(cat "$HOME_DIR/port")
    if are_free; then return; fi
    rm -rf --one-file-system "$HOME_DIR"
  fi
  for PORT in $(seq 9000 10 19990); do # below those that the system hands out by itself
    if are_free; then return; fi
  done
  die "no ten free ports in a row."
}

are_free() {
  local port
  for port in $(seq "$PORT" $((PORT + 9))); do
    if listens "$port"; then return 1; fi
  done
}

listens() { (exec 3<>"/dev/tcp/$ADDRESS/$1") 2>/dev/null; }

refuse_taken_port() { # or somebody else's server would be taken for ours
  local port=$PORT
  [ ! -f "$HOME_DIR/ready" ] || port=$(cat "$HOME_DIR/port")
  if listens "$port"; then
    die "port $port is in use by another program; stop it, or name another port for a server of another name."
  fi
}

answers() {
  [ -f "$HOME_DIR/port" ] && [ -f "$HOME_DIR/rgw.pid" ] && kill -0 "$(cat "$HOME_DIR/rgw.pid")" 2>/dev/null &&
    curl -fs --noproxy '*' -o /dev/null --max-time 5 "http://$ADDRESS:$(cat "$HOME_DIR/port")/"
}

run_daemon() {
  local role=$1 program=$2
  shift 2
  "${WITHIN[@]}" setsid "$program" -c "$INSIDE/ceph.conf" "$@" >"$LOG/$role.out" 2>&1 </dev/null 7>&- 8>&- 9>&- &
  echo $! >"$HOME_DIR/$role.pid"
}

stop_server() {
  local role pid _
  for role in rgw osd mon; do
    [ -f "$HOME_DIR/$role.pid" ] || continue
    pid=$(cat "$HOME_DIR/$role.pid")
    # A recycled process id must not be hit: only what runs in this chroot is ours.
    if [ "$(readlink "/proc/$pid/root")" = "$(realpath "$CHROOT")" ]; then
      kill "$pid" 2>/dev/null || true
      for _ in $(seq 100); do
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.1
      done
      kill -9 "$pid" 2>/dev/null || true
    fi
    rm -f "$HOME_DIR/$role.pid"
  done
  rm -f "$HOME_DIR/held"
}

create_cluster() {
  mkdir -p "$HOME_DIR/mon" "$HOME_DIR/osd" "$HOME_DIR/rgw" "$LOG"
  create_certificates
  (
    umask 077
    printf '[default]\naws_access_key_id = %s\naws_secret_access_key = %s\n' \
      "RIG$(openssl rand -hex 8)" "$(openssl rand -hex 20)" >"$HOME_DIR/credentials"
  )
  cat /proc/sys/kernel/random/uuid >"$HOME_DIR/osd.uuid"
  local cluster
  cluster=$(cat /proc/sys/kernel/random/uuid)
  settings "$cluster" >"$HOME_DIR/ceph.conf"
  echo "$PORT" >"$HOME_DIR/port"
  "${WITHIN[@]}" monmaptool --create --fsid "$cluster" --addv a "[v2:127.0.0.1:$((PORT + 1))]" "$INSIDE/monmap" >"$LOG/mkfs.out"
  "${WITHIN[@]}" ceph-mon -c "$INSIDE/ceph.conf" -i a --mkfs --monmap "$INSIDE/monmap" >>"$LOG/mkfs.out" 2>&1
}

# A certificate of a small authority, not a self-signed one: strict clients refuse an authority as a server.
create_certificates() {
  local curve=(-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes)
  {
    openssl req -x509 "${curve[@]}" -days 3650 -subj '/CN=rig authority' \
      -addext keyUsage=critical,keyCertSign -keyout "$HOME_DIR/ca.key" -out "$HOME_DIR/ca.crt"
    openssl req "${curve[@]}" -subj /CN=localhost -keyout "$HOME_DIR/tls.key" -out "$HOME_DIR/tls.csr"
    printf 'subjectAltName=DNS:localhost,IP:127.0.0.1,IP:%s\nbasicConstraints=CA:FALSE\n' "$ADDRESS" |
      openssl x509 -req -in "$HOME_DIR/tls.csr" -CA "$HOME_DIR/ca.crt" -CAkey "$HOME_DIR/ca.key" -CAcreateserial \
        -days 3650 -extfile /dev/stdin -out "$HOME_DIR/tls.crt"
  } >"$LOG/tls.out" 2>&1
}

create_osd() {
  local uuid
  uuid=$(cat "$HOME_DIR/osd.uuid")
  "${WITHIN[@]}" timeout 60 ceph -c "$INSIDE/ceph.conf" osd new "$uuid" 0 >>"$LOG/mkfs.out" 2>&1
  "${WITHIN[@]}" ceph-osd -c "$INSIDE/ceph.conf" -i 0 --mkfs --osd-uuid "$uuid" >>"$LOG/mkfs.out" 2>&1
}

create_user() {
  local key secret account=() id
  key=$(awk '$1 == "aws_access_key_id" {print $3}' "$HOME_DIR/credentials")
  secret=$(awk '$1 == "aws_secret_access_key" {print $3}' "$HOME_DIR/credentials")
  # The root user of an account may use the IAM API, from Ceph 19 on: tests make write-only users with it.
  id=$("${WITHIN[@]}" timeout 120 radosgw-admin -c "$INSIDE/ceph.conf" account create --account-name=rig 2>>"$LOG/user.out" |
    sed -n 's/.*"id": "\(RGW[0-9]*\)".*/\1/p' | head -n 1) || true
  [ -z "$id" ] || account=("--account-id=$id" --account-root)
  "${WITHIN[@]}" timeout 120 radosgw-admin -c "$INSIDE/ceph.conf" user create --uid=rig --display-name=rig \
    "--access-key=$key" "--secret-key=$secret" "${account[@]}" >>"$LOG/user.out" 2>&1
  local region=${LIFEBOAT_RIG_REGION:-us-east-1}
  echo "$region" >"$HOME_DIR/region"
  [ "$region" = us-east-1 ] && return
  "${WITHIN[@]}" radosgw-admin -c "$INSIDE/ceph.conf" zonegroup get --rgw-zonegroup=default 2>>"$LOG/user.out" |
    sed "s/\"api_name\": \"[^\"]*\"/\"api_name\": \"$region\"/" >"$HOME_DIR/zonegroup.json"
  "${WITHIN[@]}" radosgw-admin -c "$INSIDE/ceph.conf" zonegroup set --rgw-zonegroup=default \
    --infile "$INSIDE/zonegroup.json" >>"$LOG/user.out" 2>&1
}

settings() {
  cat <<CONF
[global]
fsid = $1
mon_host = [v2:127.0.0.1:$((PORT + 1))]
auth_cluster_required = none
auth_service_required = none
auth_client_required = none
ms_bind_msgr1 = false
ms_bind_msgr2 = true
ms_mon_client_mode = crc
ms_mon_cluster_mode = crc
ms_mon_service_mode = crc
paxos_propose_interval = 0.05
paxos_min_wait = 0.01
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
ms_bind_port_min = $((PORT + 2))
ms_bind_port_max = $((PORT + 8))
run_dir = $INSIDE
admin_socket = $INSIDE/\$name.asok
log_file = $INSIDE/log/\$name.log
crash_dir = $INSIDE/log
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 8
osd_pool_default_pgp_num = 8
osd_pool_default_pg_autoscale_mode = off
osd_crush_chooseleaf_type = 0
mon_allow_pool_size_one = true
mon_max_pg_per_osd = 1000
mon_warn_on_pool_no_redundancy = false
[mon]
mon_data = $INSIDE/mon
mon_cluster_log_file = $INSIDE/log/cluster.log
mon_data_avail_crit = 1
mon_data_avail_warn = 2
[osd]
osd_data = $INSIDE/osd
osd_objectstore = $STORE
memstore_device_bytes = $((8 << 30))
bluestore_block_size = $((20 << 30))
bluestore_block_create = true
osd_memory_target = $((1 << 30))
osd_op_queue = wpq
osd_class_load_list = *
osd_class_default_list = *
[client.rgw.a]
rgw_frontends = beast tcp_nodelay=1 endpoint=$ADDRESS:$PORT ssl_endpoint=$ADDRESS:$((PORT + 9)) ssl_certificate=$INSIDE/tls.crt ssl_private_key=$INSIDE/tls.key
rgw_data = $INSIDE/rgw
rgw_enable_usage_log = false
rgw_lc_debug_interval = ${LIFEBOAT_RIG_DAY:-0}
rgw_thread_pool_size = 64
rgw_gc_obj_min_wait = 1
rgw_gc_processor_period = 2
rgw_gc_processor_max_time = 2
rgw_crypt_require_ssl = false
CONF
}

# --- what others need to know ----------------------------------------------------------------------------------------

facts() {
  [ -f "$HOME_DIR/ready" ] || die "server $NAME was never started."
  PORT=$(cat "$HOME_DIR/port")
  echo "LIFEBOAT_S3_ENDPOINT=http://$ADDRESS:$PORT"
  echo "LIFEBOAT_S3_ENDPOINT_TLS=https://$ADDRESS:$((PORT + 9))"
  echo "LIFEBOAT_S3_CA_CERT=$HOME_DIR/ca.crt"
  echo "LIFEBOAT_S3_CREDENTIALS_FILE=$HOME_DIR/credentials"
  echo "LIFEBOAT_S3_REGION=$(cat "$HOME_DIR/region")"
  echo "LIFEBOAT_S3_VERSION='$(cat "$ROOT/version")'"
}

json() {
  facts | sed -e "s/'//g" -e 's/^LIFEBOAT_S3_\([A-Z_]*\)=\(.*\)$/\L\1\E\t\2/' |
    awk -F '\t' 'BEGIN {printf "{"} {printf "%s\"%s\": \"%s\"", (NR > 1 ? ", " : ""), $1, $2} END {print "}"}'
}

case $ACTION in
  install) install_server ;;
  install-alone) install_alone ;; # what install runs under its lock
  start)
    start_server
    rm -f "$HOME_DIR/held"
    facts
    ;;
  hold) hold_server ;;
  stop) stop_server ;;
  wipe) stop_server && rm -rf --one-file-system "$HOME_DIR" ;;
  env) facts ;;
  json) json ;;
  admin)
    [ $# -ge 3 ] || usage
    shift 2
    "${WITHIN[@]}" radosgw-admin -c "$INSIDE/ceph.conf" "$@"
    ;;
  *) usage ;;
esac
