#!/usr/bin/env bash
# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# cold_start.sh [--keep]
# A database host is installed and backed up, and is lost with the controller. A bare machine gets the recovery key, the
# store's credentials and certificate, and a key for ssh to the spare; it reaches the store and the spare, and nothing
# else. What the recovery card says is done there, until the spare has the database. Then start.py of a store that lies.
# It prints what each part took, and exits with 1 if a check failed. Three hosts of the images of tests/rig/hosts and an
# S3 server, which are removed at the end, or with --keep left.  It needs root, and the tests' environment in PATH.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=tests/rig/hosts/env.sh
. "$root/tests/rig/hosts/env.sh"
export ANSIBLE_COLLECTIONS_PATH=$root/.cache/collections ANSIBLE_HOST_KEY_CHECKING=false ANSIBLE_PIPELINING=true
keep=${1:-}
work=$LIFEBOAT_RIG/cold
port=9400

remove() { # what this run made, or an earlier one left
  podman rm --force --ignore --volumes --time 0 cold-db cold-bare cold-spare >/dev/null
  "$root/tests/rig/s3/s3.sh" wipe cold >/dev/null 2>&1 || true
  podman network rm --force lifeboat-cold >/dev/null 2>&1 || true
  rm -rf "$work"
}

fail() {
  echo "FAILED: $*" >&2
  exit 1
}

began=$SECONDS
took() { # WHAT
  echo "== $1: $((SECONDS - began)) s"
  began=$SECONDS
}

network() { # at the first prefix that is free on this machine
  local octet
  for octet in $(seq 97 116); do
    if podman network create --subnet "10.89.$octet.0/24" --gateway "10.89.$octet.1" lifeboat-cold >/dev/null 2>&1; then
      prefix=10.89.$octet
      return
    fi
  done
  fail "no free network"
}

host() { # NAME OCTET IMAGE
  podman run --detach --name "cold-$1" --hostname "$1" --systemd=always --network lifeboat-cold --ip "$prefix.$2" \
    --cap-add SYS_ADMIN,NET_ADMIN,NET_RAW,SYS_NICE,SYS_PTRACE "${RIG_SECURITY[@]}" \
    --volume "$LIFEBOAT_RIG/keys/id_ed25519.pub:/root/.ssh/authorized_keys:ro" "localhost/lifeboat-$3" >/dev/null
}

bare() { # COMMAND ...: on the bare machine, in its directory
  podman exec --workdir /root cold-bare "$@"
}

playbook() { # NAME ARGUMENT ...: on the controller that is lost afterwards
  local name=$1
  shift
  (cd "$work" && ansible-playbook "lifeboat.recovery.$name" -i "$work/inventory/hosts.yml" -e "@$work/secrets.yml" \
    -e "lifeboat_recovery_key_file=$work/recovery.key" -e "ansible_ssh_private_key_file=$LIFEBOAT_RIG/keys/id_ed25519" \
    -e "lifeboat_store_ca_cert=$work/ca.crt" "$@") >"$work/$name.log" 2>&1 || { tail -40 "$work/$name.log"; fail "$name"; }
}

remove
mkdir -p "$work/inventory"
chmod 0700 "$work"
[ "$keep" = --keep ] || trap remove EXIT
"$root/tests/rig/hosts/image.sh" trixie
network
host db 11 pg:trixie
host spare 13 base:trixie
host bare 15 base:trixie
export LIFEBOAT_RIG_ADDRESS=$prefix.1
"$root/tests/rig/s3/s3.sh" install
"$root/tests/rig/s3/s3.sh" start cold "$port" >/dev/null
"$root/tests/rig/s3/s3.sh" json cold >"$work/store.json"
took "hosts and store"

python - "$work" "$prefix" <<'PYTHON'
import configparser
import json
import pathlib
import secrets
import shutil
import sys

import boto3

work, prefix = pathlib.Path(sys.argv[1]), sys.argv[2]
store = json.loads((work / "store.json").read_text())
found = configparser.ConfigParser()
found.read(store["credentials_file"])
keys = dict(found[found.sections()[0]])
boto3.client("s3", endpoint_url=store["endpoint"], region_name=store["region"], **keys).create_bucket(Bucket="cold")
shutil.copy(store["ca_cert"], work / "ca.crt")
shutil.copy(store["credentials_file"], work / "credentials")
names = {"access_key_id": keys["aws_access_key_id"], "secret_access_key": keys["aws_secret_access_key"]}
(work / "secrets.yml").write_text(json.dumps({"lifeboat_store_credentials": names}))
(work / "recovery.key").write_text(secrets.token_hex(32))
for name in ("credentials", "secrets.yml", "recovery.key"):
    (work / name).chmod(0o600)
ssh = {"ansible_user": "root", "ansible_ssh_common_args": "-o UserKnownHostsFile=/dev/null -o LogLevel=ERROR"}
variables = {
    "lifeboat_application": "shop",
    "lifeboat_store": {"url": "s3://cold/backups", "endpoint": store["endpoint_tls"], "region": store["region"]},
    "lifeboat_databases": ["shop"],
    "lifeboat_validator": False,
    "lifeboat_wheelhouse": True,
    "lifeboat_schedule": [],
    "lifeboat_proof": "content",
    "lifeboat_contacts": [{"role": "dba", "name": "Alice", "phone": "+49 30 1"}],
    "lifeboat_spares": {"spare1": {"ansible_host": f"{prefix}.13", **ssh}},
    **ssh,
}
inventory = {"databases": {"hosts": {"db1": {"ansible_host": f"{prefix}.11"}}, "vars": variables}}
(work / "inventory" / "hosts.yml").write_text(json.dumps(inventory, indent=2))
PYTHON
for _ in $(seq 300); do
  podman exec cold-db runuser -u postgres -- psql -qc 'SELECT' >/dev/null 2>&1 && break
  sleep 0.5
done
podman exec cold-db runuser -u postgres -- createdb shop
podman exec -i cold-db runuser -u postgres -- psql --quiet --no-psqlrc --set=ON_ERROR_STOP=1 --dbname=shop \
  <"$root/inventories/demo/shop.sql" >/dev/null
count='SELECT count(*) FROM customers'
expected=$(podman exec cold-db runuser -u postgres -- psql -Atc "$count" shop)
took "database"
playbook install
took "install, with the kit ($(grep -o '[0-9]* files, [0-9.]* MiB' "$work/install.log" | head -n 1))"
playbook backup
took "backup"
podman rm --force --volumes --time 0 cold-db >/dev/null
rm "$work/inventory/hosts.yml"

# The bare machine reaches the store and the spare, and nothing else.
pid=$(podman inspect --format '{{.State.Pid}}' cold-bare)
rule() { nsenter --target "$pid" --net iptables "$@"; }
rule -A OUTPUT -o lo -j ACCEPT
rule -A OUTPUT -p tcp -d "$prefix.1" --dport $((port + 9)) -j ACCEPT
rule -A OUTPUT -p tcp -d "$prefix.13" --dport 22 -j ACCEPT
rule -P OUTPUT DROP
python - "$work" <<'PYTHON'
import configparser
import json
import pathlib
import sys

import boto3

work = pathlib.Path(sys.argv[1])
store = json.loads((work / "store.json").read_text())
found = configparser.ConfigParser()
found.read(work / "credentials")
client = boto3.client(
    "s3", endpoint_url=store["endpoint"], region_name=store["region"], **dict(found[found.sections()[0]])
)
client.download_file("cold", "backups/shop/recovery-kit/start.py", str(work / "start.py"))
PYTHON
card=$work/lifeboat-recovery-kit/shop-card.txt
on_card=$(grep -A 2 'SHA-256 of start.py' "$card" | tail -n 2 | tr -d ' \n')
[ "$(sha256sum <"$work/start.py" | cut -d ' ' -f 1)" = "$on_card" ] || fail "start.py is not the one on the card"
for file in start.py recovery.key credentials; do podman cp "$work/$file" "cold-bare:/root/$file"; done
podman cp "$work/ca.crt" cold-bare:/root/CA.crt
podman cp "$LIFEBOAT_RIG/keys/id_ed25519" cold-bare:/root/.ssh/id_ed25519
bare chmod 600 recovery.key credentials .ssh/id_ed25519
bare python3 -c 'import cryptography' 2>/dev/null && fail "the bare machine is not bare"
began=$SECONDS

# As the card says, word by word.
command=$(sed -n '/python3 start.py/,/^$/p' "$card" | tr -d '\\\n')
# shellcheck disable=SC2086
bare $command >"$work/start.log" 2>&1 || { cat "$work/start.log"; fail "start.py"; }
grep -q 'lifeboat_plan=data_loss' "$work/start.log" || fail "the plans are not shown"
grep -q '| db1/shop | backup-' "$work/start.log" || fail "the recovery point is not shown"
took "start.py"
recover=(podman exec --workdir /root/lifeboat-shop --env ANSIBLE_HOST_KEY_CHECKING=false cold-bare
  venv/bin/ansible-playbook -e @run.yml lifeboat.recovery.recover -e lifeboat_plan=data_loss
  -e '{"lifeboat_replace": {"db1": "spare1"}}')
"${recover[@]}" >"$work/recover.log" 2>&1 || { tail -60 "$work/recover.log"; fail "recover"; }
took "recover by data_loss"
found=$(podman exec cold-spare runuser -u postgres -- psql -Atc "$count" shop)
[ "$found" = "$expected" ] || fail "the spare has $found customers, and there were $expected"

# A store that lies: an altered package is named, and nothing runs.
python - "$work" <<'PYTHON'
import configparser
import json
import pathlib
import sys

import boto3

work = pathlib.Path(sys.argv[1])
store = json.loads((work / "store.json").read_text())
found = configparser.ConfigParser()
found.read(work / "credentials")
client = boto3.client(
    "s3", endpoint_url=store["endpoint"], region_name=store["region"], **dict(found[found.sections()[0]])
)
prefix = "backups/shop/recovery-kit/wheels/"
name = client.list_objects_v2(Bucket="cold", Prefix=prefix)["Contents"][0]["Key"]
content = client.get_object(Bucket="cold", Key=name)["Body"].read()
client.put_object(Bucket="cold", Key=name, Body=content[:-1] + bytes([content[-1] ^ 1]))
(work / "altered").write_text(name.removeprefix("backups/shop/recovery-kit/"))
PYTHON
# shellcheck disable=SC2086
if bare $command --into second >"$work/lie.log" 2>&1; then fail "an altered kit was used"; fi
grep -qF "$(cat "$work/altered") is not what the recovery key signed" "$work/lie.log" || fail "the altered file is not named"
bare test ! -e second/venv || fail "something of an altered kit was made"
took "a store that lies"
echo "cold_start: $expected customers are back; all checks passed."
