#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 Lifeboat contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# quickstart.sh            back up, list, verify, restore and validate a sample database on this machine
# quickstart.sh --remove   take away everything that the quickstart made
#
# Needs Debian 12 or 13, root or sudo, git and Python. Everything it makes lies below /var/lib/lifeboat-demo, but for
# Debian's packages and the user lifeboat-demo.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
[ "$(id -u)" = 0 ] || exec sudo -- "$here/quickstart.sh" "$@"

demo=/var/lib/lifeboat-demo
port=54329
socket=$demo/run
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export PATH
cd /

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
as_postgres() { setpriv --reuid=postgres --regid=postgres --init-groups -- "$@"; }
bin() { find /usr/lib/postgresql -maxdepth 3 -name "$1" -path '*/bin/*' | sort -V | tail -n 1; }

stop_server() {
  if [ -f "$demo/pg/postmaster.pid" ]; then
    as_postgres "$(bin pg_ctl)" --pgdata="$demo/pg" --mode=immediate --silent stop || true
  fi
}

remove() {
  stop_server
  rm -rf "$demo"
  if getent passwd lifeboat-demo >/dev/null; then userdel lifeboat-demo; fi
  echo "The quickstart's server, backups, keys and users are gone; Debian's packages stayed."
}

install_packages() {
  export DEBIAN_FRONTEND=noninteractive
  # Without this Debian would start a server of its own, which nobody asked for.
  if ! dpkg --status postgresql-common >/dev/null 2>&1; then
    mkdir -p /etc/postgresql-common
    echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
  fi
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends acl ca-certificates openssl postgresql python3-venv >/dev/null
}

make_controller() {
  [ -x "$demo/controller/bin/ansible-playbook" ] || {
    /usr/bin/python3 -m venv "$demo/controller"
    "$demo/controller/bin/pip" install --quiet --disable-pip-version-check \
      -r "$here/meta/ee-requirements.txt" -r <(grep '^ansible-core' "$here/tests/requirements.txt")
  }
  mkdir -p "$demo/collections/ansible_collections/lifeboat"
  ln -sfn "$here" "$demo/collections/ansible_collections/lifeboat/recovery"
}

make_server() {
  install -d -o postgres -g postgres -m 0755 "$socket"
  if [ ! -d "$demo/pg" ]; then
    install -d -o postgres -g postgres -m 0700 "$demo/pg"
    as_postgres "$(bin initdb)" --pgdata="$demo/pg" --encoding=UTF8 --locale=C.UTF-8 --data-checksums \
      --auth-local=peer --auth-host=reject --no-sync >"$demo/initdb.log"
  fi
  if ! as_postgres "$(bin pg_ctl)" --pgdata="$demo/pg" status >/dev/null; then
    as_postgres "$(bin pg_ctl)" --pgdata="$demo/pg" --silent --wait --log="$demo/pg/server.log" \
      --options="-c port=$port -c unix_socket_directories=$socket -c listen_addresses=''" start
  fi
}

fill_server() {
  local psql=("$(bin psql)" --no-psqlrc --quiet --host="$socket" --port="$port" --set=ON_ERROR_STOP=1)
  if [ "$(as_postgres "${psql[@]}" -At -d postgres -c "SELECT 1 FROM pg_database WHERE datname = 'shop'")" != 1 ]; then
    as_postgres "${psql[@]}" -d postgres -c 'CREATE DATABASE shop'
    as_postgres "${psql[@]}" -d shop --single-transaction <"$here/inventories/demo/shop.sql"
    as_postgres "${psql[@]}" -d shop -c 'ANALYZE'
  fi
  as_postgres "${psql[@]}" -At -d shop -c "
    SELECT 'The database shop has ' || sum(reltuples)::bigint || ' rows in ' || count(*) || ' tables, '
           || pg_size_pretty(pg_database_size('shop'))
    FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
}

make_key() {
  [ -s "$demo/recovery.key" ] || (umask 077 && openssl rand -hex 32 >"$demo/recovery.key")
}

play() {
  local name=$1
  shift
  "$demo/controller/bin/ansible-playbook" -i "$here/inventories/demo/hosts.yml" "lifeboat.recovery.$name" "$@"
}

case ${1:-} in
  --remove) remove; exit ;;
  '') ;;
  *) sed -n '5,9s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2; exit 2 ;;
esac

began=$SECONDS
mkdir -p "$demo"
say '1/7  Debian packages, a private Python environment, a throw-away PostgreSQL cluster, a sample database'
install_packages
make_controller
make_server
fill_server
make_key

export ANSIBLE_CONFIG=$here/ansible.cfg ANSIBLE_COLLECTIONS_PATH=$demo/collections ANSIBLE_CALLBACK_RESULT_FORMAT=yaml ANSIBLE_DISPLAY_SKIPPED_HOSTS=false
say '2/7  install: the runtime, the keys and the database role on this host'
play install
say '3/7  backup: dump, compress, encrypt and store, all streaming'
play backup
say '4/7  list: what the store holds'
play list
say '5/7  verify: every stored byte authenticated, decrypted and decompressed'
play verify
say '6/7  restore: into the database shop_restored, compared with the proof'
play restore -e "lifeboat_confirm=shop_restored@$(hostname)"
say '7/7  validate: a restore into a scratch cluster, the proof compared table by table'
play validate

say "Done in $((SECONDS - began)) seconds. What to try next:"
[ -z "${SUDO_USER:-}" ] || echo "  sudo -s                             # what follows is root's"
cat <<NEXT
  export ANSIBLE_CONFIG=$here/ansible.cfg ANSIBLE_COLLECTIONS_PATH=$demo/collections
  alias play='$demo/controller/bin/ansible-playbook -i $here/inventories/demo/hosts.yml'
  play lifeboat.recovery.backup --check --diff        # what a backup would write
  play lifeboat.recovery.backup -e lifeboat_max_age=1h  # changes nothing: the last one is young enough
  play lifeboat.recovery.restore -e lifeboat_target=shop -e lifeboat_confirm=shop@$(hostname)  # the live one, by a swap
  $demo/opt/lifeboat status
  psql: setpriv --reuid=postgres --regid=postgres --init-groups psql -h $socket -p $port shop_restored
  $here/quickstart.sh --remove
NEXT
