# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Begin a recovery on a bare machine: with this file, Python 3.11 or later, the recovery key, and a way to the store.

    python3 start.py --key-file recovery.key --application shop --store file:///mnt/backups
    python3 start.py --key-file recovery.key --application shop --store s3://BUCKET/PREFIX --endpoint https://HOST \\
        --region REGION --credentials CREDENTIALS
    python3 start.py --key-file recovery.key --kit DIRECTORY     a recovery kit that some other tool fetched

It fetches the recovery kit, checks that the recovery key signed all of it, and only then uses any of it: it makes a
Python environment of the kit's packages, unpacks the collection and the inventory, and prints what to do next.

CREDENTIALS is a file as AWS's tools have it, with aws_access_key_id and aws_secret_access_key. Without it, the
variables AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY count. --root and --serial are on the recovery card: another root
means another key, and a lower serial that somebody put an old kit back.

Before you run this file, compare its SHA-256 with the recovery card: sha256sum start.py
Exit codes: 0 done, 1 input or output failed, 2 usage, 3 something is missing here, 5 the key, 6 the kit was altered.
"""

from __future__ import annotations

import argparse
import base64
import configparser
import datetime
import hashlib
import hmac
import http.client
import json
import os
import re
import shutil
import ssl
import stat
import subprocess
import sys
import tarfile
import urllib.error
import urllib.parse
import urllib.request

FORMAT = "lifeboat-kit/1"
RECORD_LIMIT = 4 << 20
FILE_LIMIT = 1 << 30
UNPACKED_LIMIT = 4 << 30
MEMBERS = 200000
BLOCK = 1 << 20
WAIT = 60
NAME = re.compile(r"(wheels/)?[A-Za-z0-9][A-Za-z0-9._+-]{0,200}")
COLLECTION = re.compile(r"collection-[0-9a-f]{12}\.tar\.gz")
INVENTORY = re.compile(r"inventory-[0-9a-f]{12}\.lbx")
PRIME = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
EDWARDS = -121665 * pow(121666, PRIME - 2, PRIME) % PRIME
ROOT_OF_MINUS_ONE = pow(2, (PRIME - 1) // 4, PRIME)
ORDER_EIGHT_Y = 55188659117513257062467267217118295137698188065244968500265048394206261417927
SMALL_ORDER_Y = (0, 1, PRIME - 1, ORDER_EIGHT_Y, PRIME - ORDER_EIGHT_Y)
MARK = ".lifeboat-kit"


class Failed(Exception):
    """Something that ends the program, with the exit code that says what kind of thing."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


def altered(message):
    return Failed(6, f"{message} Nothing of the kit was run.")


def say(text=""):
    """A line for people; what comes from elsewhere controls no terminal."""
    line = "".join(sign if sign.isprintable() else "?" for sign in text)
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


# ---- signatures: RFC 8032, for this runs before any package is believed ----


def add(one, other):
    a = (one[1] - one[0]) * (other[1] - other[0]) % PRIME
    b = (one[1] + one[0]) * (other[1] + other[0]) % PRIME
    c = 2 * one[3] * other[3] * EDWARDS % PRIME
    d = 2 * one[2] * other[2] % PRIME
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % PRIME, g * h % PRIME, f * g % PRIME, e * h % PRIME


def multiply(number, point):
    result = (0, 1, 1, 0)
    while number:
        if number & 1:
            result = add(result, point)
        point = add(point, point)
        number >>= 1
    return result


def encode(point):
    inverse = pow(point[2], PRIME - 2, PRIME)
    x, y = point[0] * inverse % PRIME, point[1] * inverse % PRIME
    return (y | ((x & 1) << 255)).to_bytes(32, "little")


def decode(data):
    """The point that these 32 bytes mean; None for those that mean none."""
    number = int.from_bytes(data, "little")
    y, sign = number & ((1 << 255) - 1), number >> 255
    if len(data) != 32 or y >= PRIME:
        return None
    square = (y * y - 1) * pow(EDWARDS * y * y + 1, PRIME - 2, PRIME) % PRIME
    x = pow(square, (PRIME + 3) // 8, PRIME)
    if (x * x - square) % PRIME:
        x = x * ROOT_OF_MINUS_ONE % PRIME
    if (x * x - square) % PRIME or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = PRIME - x
    return x, y, 1, x * y % PRIME


BASE = decode((4 * pow(5, PRIME - 2, PRIME) % PRIME).to_bytes(32, "little"))


def ed25519_public(secret):
    number = int.from_bytes(hashlib.sha512(secret).digest()[:32], "little")
    number = (number & ((1 << 254) - 8)) | (1 << 254)
    return encode(multiply(number, BASE))


def signed_by(public, signature, kind, body):
    """Whether `public` signed `body` as this kind. Keys of small order sign nothing: one signature fits all there."""
    y = int.from_bytes(public, "little") & ((1 << 255) - 1)
    point = decode(public)
    if point is None or y in SMALL_ORDER_Y or len(signature) != 64:
        return False
    number = int.from_bytes(signature[32:], "little")
    if number >= ORDER:
        return False
    name = b"application/vnd.lifeboat.%b.v1" % kind.encode()
    message = b"DSSEv1 %d %b %d %b" % (len(name), name, len(body), body)
    challenge = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % ORDER
    minus = (PRIME - point[0], point[1], 1, PRIME - point[3])
    return hmac.compare_digest(encode(add(multiply(number, BASE), multiply(challenge, minus))), signature[:32])


def hkdf(ikm, info):
    extracted = hmac.new(bytes(32), ikm, "sha256").digest()
    return hmac.new(extracted, info + b"\1", "sha256").digest()


def key_id(public):
    return hashlib.sha256(b"lifeboat v1 kid\0ed25519\0" + public).hexdigest()[:16]


# ---- the key ----


def read_root(path):
    """The root of the recovery key in a file: in a key file, as 64 digits, or as the 72 of the sheet of paper."""
    try:
        with open(path, "rb") as file:
            state = os.fstat(file.fileno())
            if stat.S_ISREG(state.st_mode) and state.st_mode & 0o077:
                raise Failed(5, f"{path} is accessible to users other than its owner. Run: chmod 600 {path}")
            data = file.read(BLOCK)
    except OSError as exc:
        raise Failed(5, f"The key file {path} cannot be read: {exc.strerror}.") from None
    text = data.decode("utf-8-sig", "replace").strip()
    if text.startswith("$ANSIBLE_VAULT"):
        raise Failed(5, f"{path} is encrypted with Ansible Vault. Run: ansible-vault decrypt {path}")
    seed = listed_seed(path, text) if text.startswith("[") else typed_seed(path, text)
    return ed25519_public(hkdf(seed, b"lifeboat v1 root"))


def typed_seed(path, text):
    digits = re.sub(r"[\s-]", "", text).lower()
    if not re.fullmatch(r"[0-9a-f]{64}([0-9a-f]{8})?", digits):
        raise Failed(5, f"{path} holds neither the 64 digits of a recovery key nor the 72 of its sheet of paper.")
    seed = bytes.fromhex(digits[:64])
    if digits[64:] not in ("", hashlib.sha256(b"lifeboat v1 paper\0" + seed).hexdigest()[:8]):
        raise Failed(5, f"The check digits in {path} do not match the key: a digit was misread. Compare the sheet.")
    return seed


def listed_seed(path, text):
    try:
        found = [
            bytes.fromhex(item["secret"])
            for item in json.loads(text)
            if item["type"] == "recovery" and item["status"] == "primary"
        ]
    except (ValueError, KeyError, TypeError):
        found = []
    if len(found) != 1 or len(found[0]) != 32:
        raise Failed(5, f"{path} does not contain exactly one primary recovery key.")
    return found[0]


# ---- the store ----


class Directory:
    """A kit in a directory."""

    def __init__(self, path):
        self.path = path

    def read(self, name, limit):
        """At most `limit` bytes of a file of the kit. What is no ordinary file is not opened."""
        path = os.path.join(self.path, name)
        try:
            handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            with os.fdopen(handle, "rb") as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    raise altered(f"{path} is no ordinary file.")
                return file.read(limit)
        except OSError as exc:
            if os.path.islink(path):
                raise altered(f"{path} is a symbolic link.") from None
            raise Failed(1, f"{path} cannot be read: {exc.strerror}.") from None


class Bucket:
    """A kit in a bucket: objects are fetched by name, each by one signed request."""

    def __init__(self, options, credentials):
        url = urllib.parse.urlsplit(options.store)
        self.prefix = "/".join(part for part in (url.path.strip("/"), options.application, "recovery-kit") if part)
        self.bucket, self.region, self.credentials = url.netloc, options.region, credentials
        self.endpoint = (options.endpoint or f"https://s3.{options.region}.amazonaws.com").rstrip("/")
        context = ssl.create_default_context(cafile=options.ca_cert or None)
        self.opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=context), NoRedirect())

    def read(self, name, limit):
        path = "/" + urllib.parse.quote(f"{self.bucket}/{self.prefix}/{name}", safe="/~")
        # Only http and https have a handler that takes such headers, and the endpoint is the user's own.
        request = urllib.request.Request(self.endpoint + path, headers=self.signed(path))  # noqa: S310
        try:
            with self.opener.open(request, timeout=WAIT) as answer:
                return answer.read(limit)
        except urllib.error.HTTPError as exc:
            code = re.search(rb"<Code>([A-Za-z0-9]{1,60})</Code>", exc.read(BLOCK)) or [b"", b"no reason"]
            told = f"{self.endpoint}{path}: the store answers {exc.code} ({code[1].decode()})."
            raise Failed(1, f"{told} {REFUSALS.get(code[1], REFUSALS[b''])}") from None
        except (OSError, http.client.HTTPException) as exc:
            raise Failed(1, f"{self.endpoint} cannot be reached: {getattr(exc, 'reason', exc)}") from None

    def signed(self, path):
        """AWS Signature Version 4 for a GET without parameters."""
        now = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%SZ")
        host = urllib.parse.urlsplit(self.endpoint).netloc
        headers = {"host": host, "x-amz-content-sha256": hashlib.sha256().hexdigest(), "x-amz-date": now}
        if self.credentials[2]:
            headers["x-amz-security-token"] = self.credentials[2]
        names = ";".join(sorted(headers))
        lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
        asked = f"GET\n{path}\n\n{lines}\n{names}\n{headers['x-amz-content-sha256']}"
        scope = f"{now[:8]}/{self.region}/s3/aws4_request"
        text = f"AWS4-HMAC-SHA256\n{now}\n{scope}\n{hashlib.sha256(asked.encode()).hexdigest()}"
        key = b"AWS4" + self.credentials[1].encode()
        for part in scope.split("/"):
            key = hmac.new(key, part.encode(), "sha256").digest()
        seal = hmac.new(key, text.encode(), "sha256").hexdigest()
        who = f"AWS4-HMAC-SHA256 Credential={self.credentials[0]}/{scope}, SignedHeaders={names}, Signature={seal}"
        return {**headers, "authorization": who}


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """A store that sends us elsewhere is not followed."""

    def redirect_request(self, *_arguments):
        return None


REFUSALS = {
    b"RequestTimeTooSkewed": "Set this machine's clock.",
    b"NoSuchKey": "There is no recovery kit: check --store and --application.",
    b"NoSuchBucket": "Check --store.",
    b"InvalidAccessKeyId": "Check the credentials.",
    b"SignatureDoesNotMatch": "Check the credentials and --region.",
    b"": "Check --store, --endpoint, --region and the credentials.",
}


def read_credentials(path):
    """Access key, secret key and session token of a credentials file, or of the environment."""
    if not path:
        names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
        return tuple(os.environ.get(name, "") for name in names)
    parser = configparser.RawConfigParser()
    try:
        with open(path, encoding="utf-8") as file:
            if os.fstat(file.fileno()).st_mode & 0o077:
                raise Failed(2, f"{path} is accessible to users other than its owner. Run: chmod 600 {path}")
            parser.read_file(file)
        section = parser[parser.sections()[0]]
        names = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
        return tuple(section.get(name, "") for name in names)
    except (OSError, configparser.Error, IndexError, ValueError):
        raise Failed(2, f"{path} is no credentials file with aws_access_key_id and aws_secret_access_key.") from None


def open_kit(options, credentials):
    if options.kit:
        return Directory(options.kit)
    if not options.store or not options.application:
        raise Failed(2, "Give --store and --application, or --kit for a directory with the kit.")
    if not re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,62}", options.application):
        raise Failed(2, "--application is not the name of an application.")
    if options.store.startswith("file:///"):
        return Directory(os.path.join(options.store[len("file://") :], options.application, "recovery-kit"))
    if not options.store.startswith("s3://"):
        raise Failed(2, "--store begins with file:/// or s3://.")
    if not all(credentials[:2]):
        raise Failed(2, "The credentials of the store are missing: give --credentials.")
    return Bucket(options, credentials)


# ---- the kit ----


def read_kit(kit, root, options):
    """What the root signed as the list of the kit's files."""
    envelope = strict(kit.read("kit.json", RECORD_LIMIT + 1), {"payloadType": str, "payload": str, "signatures": list})
    payload = unbase64(envelope["payload"])
    if envelope["payloadType"] != "application/vnd.lifeboat.kit.v1" or not any(
        isinstance(item, dict) and signed_by(root, unbase64(item.get("sig", "")), "kit", payload)
        for item in envelope["signatures"][:16]
    ):
        raise altered(
            f"kit.json is not signed by this recovery key, whose root is {key_id(root)}: it is another key, or the kit "
            "is forged."
        )
    fields = {"format": str, "application": str, "serial": int, "created": str, "version": str, "files": list}
    found = strict(payload, fields)
    if found["format"] != FORMAT:
        raise Failed(3, f"The kit has the format {found['format']}, which this start.py does not know. Use the kit's.")
    if options.application and found["application"] != options.application:
        raise altered(f"The kit is that of {found['application']}, and {options.application} was asked for.")
    for each in found["files"]:
        item = strict(each, {"name": str, "size": int, "sha256": str})
        if not NAME.fullmatch(item["name"]) or ".." in item["name"] or not 0 <= item["size"] <= FILE_LIMIT:
            raise altered(f"kit.json lists a file that no kit has: {item['name']!r}.")
    if len({item["name"] for item in found["files"]}) != len(found["files"]):
        raise altered("kit.json lists a file twice.")
    for what in (COLLECTION, INVENTORY):
        if sum(bool(what.fullmatch(item["name"])) for item in found["files"]) != 1:
            raise altered("kit.json does not list one collection and one inventory.")
    return found


def strict(data, fields):
    """An object of exactly these keys and types, from JSON in which no key is there twice."""

    def pairs(items):
        if len(dict(items)) != len(items):
            raise ValueError("duplicate key")
        return dict(items)

    value = data
    if isinstance(data, bytes):
        try:
            if len(data) > RECORD_LIMIT:
                raise ValueError("too large")
            value = json.loads(data.decode("utf-8"), object_pairs_hook=pairs)
        except (ValueError, RecursionError):
            raise altered("kit.json is not as it was written.") from None
    typed = isinstance(value, dict) and set(value) == set(fields)
    if not typed or any(not _is(value[name], kind) for name, kind in fields.items()):
        raise altered("kit.json is not as it was written.")
    return value


def _is(value, kind):
    """Whether a value of JSON is of this kind; for Python true is a number, too."""
    return isinstance(value, kind) and not isinstance(value, bool)


def unbase64(text):
    try:
        return base64.b64decode(text, validate=True)
    except (ValueError, TypeError):
        raise altered("kit.json is not as it was written.") from None


def check_serial(found, options, into):
    """An old kit is as well signed as a new one: only who remembers a serial can tell."""
    serial, known = found["serial"], options.serial or 0
    mark = os.path.join(into, MARK)
    if os.path.exists(mark):
        with open(mark, encoding="utf-8") as file:
            known = max(known, int(json.load(file)["serial"]))
    if serial < known:
        raise altered(
            f"The store has kit {serial} of {found['created']}, and kit {known} is known: somebody put an old kit "
            f"back. If you know why, give --serial {serial} and another --into."
        )
    if not known:
        say(f"This is kit {serial} of {found['created']}. If the recovery card has a higher number, stop: an old kit")
        say("was put back.")


def fetch_all(kit, found, into):
    """Copy the kit's files; each is compared with what the root signed before the next one is asked for."""
    for item in found["files"]:
        path = os.path.join(into, item["name"])
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        data = kit.read(item["name"], item["size"] + 1)
        if len(data) != item["size"] or hashlib.sha256(data).hexdigest() != item["sha256"]:
            raise altered(f"{item['name']} is not what the recovery key signed: it is altered, swapped or incomplete.")
        with open(path, "xb") as file:
            file.write(data)


# ---- what is made of it ----


def unpack(path, into):
    """Unpack ordinary files and directories, and nothing that leads elsewhere."""
    total = count = 0
    with tarfile.open(path) as archive:
        for member in archive:
            parts = member.name.split("/")
            total, count = total + member.size, count + 1
            wild = any(part in {"", ".", ".."} for part in parts) or not member.name.isprintable()
            if wild or not (member.isreg() or member.isdir()):
                raise Failed(6, f"{os.path.basename(path)} contains {member.name!r}, which is no plain file below it.")
            if total > UNPACKED_LIMIT or count > MEMBERS:
                raise Failed(6, f"{os.path.basename(path)} is larger than any kit.")
            place = os.path.join(into, *parts)
            os.makedirs(place if member.isdir() else os.path.dirname(place), mode=0o700, exist_ok=True)
            if member.isreg():
                mode = 0o700 if member.mode & 0o100 else 0o600
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
                with os.fdopen(os.open(place, flags, mode), "wb") as file:
                    shutil.copyfileobj(archive.extractfile(member), file)


def run(argv, what, cwd=None, code=3, **environ):
    """Run a program with an environment that nobody else arranged; its output goes on."""
    kept = {name: os.environ[name] for name in ("HOME", "PATH", "SSH_AUTH_SOCK", "TERM", "USER") if name in os.environ}
    env = {**kept, "LC_ALL": "C.UTF-8", "PWD": cwd or os.getcwd(), **environ}
    done = subprocess.run(argv, cwd=cwd, env=env, stdin=subprocess.DEVNULL, check=False)
    if done.returncode != 0:
        raise Failed(code, f"{what} failed; the lines above say why.")


PIP = "import runpy, sys; sys.path.insert(0, sys.argv.pop(1)); runpy.run_module('pip', run_name='__main__')"


def make_environment(into, options):
    """Make the Python environment from the kit's packages, without any network; pip itself is one of them."""
    python = os.path.join(into, "venv", "bin", "python")
    run([sys.executable, "-I", "-m", "venv", "--without-pip", os.path.join(into, "venv")], "Making the environment")
    wheels = os.path.join(into, "kit", "wheels")
    pip = [name for name in sorted(os.listdir(wheels)) if name.startswith("pip-")] if os.path.isdir(wheels) else []
    wanted = ["-r", os.path.join(into, *ROOM, "meta", "ee-requirements.txt"), "ansible-core"]
    flags = ["install", "--isolated", "--quiet", "--disable-pip-version-check", "--no-cache-dir"]
    if pip:
        argv = [python, "-I", "-c", PIP, os.path.join(wheels, pip[-1])]
        told = f"Installing the kit's packages for Python {sys.version_info[0]}.{sys.version_info[1]}"
        run([*argv, *flags, "--no-index", "--find-links", wheels, *wanted], told)
        return
    if not options.index_url:
        raise Failed(
            3,
            "The kit has no packages (lifeboat_kit_wheels: false). With --index-url they are fetched from a package "
            "index, which nothing of the kit vouches for.",
        )
    run([sys.executable, "-I", "-m", "venv", "--upgrade", os.path.join(into, "venv")], "Adding pip (python3-venv)")
    run([python, "-I", "-m", "pip", *flags, "--index-url", options.index_url, *wanted], "Installing the packages")


ROOM = ("ansible_collections", "lifeboat", "recovery")
PLAYBOOK = "venv/bin/ansible-playbook"


def open_inventory(into, found, options, name):
    """Decrypt inventory and runbook with the kit's own program."""
    program = os.path.join(into, *ROOM, "recovery-kit", "lifeboat_decrypt.py")
    place = f"{found['application']}/recovery-kit/{name}"
    archive = os.path.join(into, "inventory.tar")
    argv = [os.path.join(into, "venv", "bin", "python"), "-I", program, "--key-file", os.path.abspath(options.key_file)]
    run([*argv, "--name", place, "-o", archive, os.path.join(into, "kit", name)], "Opening the inventory", code=5)
    unpack(archive, into)
    os.unlink(archive)
    with open(os.path.join(into, "contents.json"), encoding="utf-8") as file:
        return json.load(file)


def write(path, text):
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "w") as file:
        file.write(text)


def write_settings(into, contents, options, credentials):
    """What makes the commands short: ansible.cfg for this directory, and the variables of this machine."""
    inventory = ",".join(os.path.join(into, *name.split("/")) for name in contents["inventory"])
    password = options.vault_password_file
    vault = f"vault_password_file = {os.path.abspath(password)}\n" if password else ""
    write(
        os.path.join(into, "ansible.cfg"),
        f"[defaults]\ninventory = {inventory}\ncollections_path = {into}\ndisplay_skipped_hosts = false\n"
        f"callback_result_format = yaml\n{vault}[connection]\npipelining = true\n",
    )
    wheels = os.path.join(into, "kit", "wheels")
    settings = {"lifeboat_recovery_key_file": os.path.abspath(options.key_file), "lifeboat_kit_dest": into}
    settings["lifeboat_runbook_command"] = f"{PLAYBOOK} -e @run.yml"
    if os.path.isdir(wheels):
        settings |= {"lifeboat_wheelhouse": True, "lifeboat_wheels_dir": wheels}
    if credentials[0] and credentials[1]:
        names = ("access_key_id", "secret_access_key", "session_token")
        given = zip(names, credentials, strict=True)
        settings["lifeboat_store_credentials"] = {name: value for name, value in given if value}
    if not options.kit and options.store.startswith("file://"):
        settings["lifeboat_recovery_store"] = {"url": options.store}  # where it is mounted on this machine
    if options.ca_cert:
        settings["lifeboat_store_ca_cert"] = os.path.abspath(options.ca_cert)
    write(os.path.join(into, "run.yml"), json.dumps(settings, indent=2) + "\n")


def require_private(into):
    """Nobody else may have put anything where this runs programs from, today or in an earlier run."""
    if os.path.lexists(into):
        state = os.lstat(into)
        if not stat.S_ISDIR(state.st_mode) or state.st_uid != os.geteuid() or state.st_mode & 0o077:
            raise Failed(2, f"{into} is not a directory of yours alone. Give another directory with --into.")


def prepare(into):
    """A private directory of ours; what an interrupted run left in it goes."""
    if not os.path.isdir(into):
        os.mkdir(into, 0o700)
    begun = os.path.join(into, ".begun")
    if os.listdir(into) and not os.path.exists(begun):
        raise Failed(2, f"{into} is in use. Give another directory with --into.")
    for name in os.listdir(into):
        path = os.path.join(into, name)
        if name != ".begun" and os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        elif name != ".begun":
            os.unlink(path)
    write(begun, "")


def build(kit, found, into, options, credentials):
    prepare(into)
    size = sum(item["size"] for item in found["files"])
    say(f"Fetching {len(found['files'])} files, {size / 2**20:.1f} MiB, and checking each.")
    fetch_all(kit, found, os.path.join(into, "kit"))
    names = [item["name"] for item in found["files"]]
    unpack(os.path.join(into, "kit", next(filter(COLLECTION.fullmatch, names))), os.path.join(into, *ROOM))
    say("Making the Python environment.")
    make_environment(into, options)
    contents = open_inventory(into, found, options, next(filter(INVENTORY.fullmatch, names)))
    write_settings(into, contents, options, credentials)
    write(os.path.join(into, MARK), json.dumps({"serial": found["serial"]}))
    os.unlink(os.path.join(into, ".begun"))
    for name, path in contents["elsewhere"].items():
        if not os.path.exists(path):
            say(f"{path} is not on this machine, and the inventory may need it. It is in {os.path.join(into, name)}")


def tell(into, found):
    """What to do now, with the plans and the recovery points as the store has them at this moment."""
    path = os.path.join(into, f"{found['application']}-runbook.md")
    try:
        argv = [os.path.join(into, *PLAYBOOK.split("/")), "lifeboat.recovery.runbook", "-e", "@run.yml"]
        run(argv, "Reading the recovery points", cwd=into, ANSIBLE_DISPLAY_OK_HOSTS="false")
    except Failed as exc:
        path = os.path.join(into, "runbook.md")
        say(f"{exc} What follows is the kit's own runbook, without recovery points.")
    with open(path, encoding="utf-8") as file:
        shown = re.search(r"(?ms)^## Which plan$.*?(?=^## What the messages mean$)", file.read())
    for line in shown[0].splitlines() if shown else ():
        say(line)
    say(f"Kit {found['serial']} of {found['application']} is verified and ready. The whole runbook: {path}")
    say()
    say(f"  cd {into}")
    say(f"  {PLAYBOOK} -e @run.yml lifeboat.recovery.recover -e lifeboat_plan=PLAN --check --diff")
    say(f"  {PLAYBOOK} -e @run.yml lifeboat.recovery.recover -e lifeboat_plan=PLAN")
    say()
    say("The kit cannot contain: this recovery key, the store's credentials, the password of vaulted files, ssh access")
    say("to your hosts (put the key into an agent), and the keys of DNS.")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--key-file", required=True, metavar="KEY", help="the recovery key")
    parser.add_argument("--application", metavar="NAME", help="the application, as in the store")
    parser.add_argument("--store", metavar="URL", help="file:///DIRECTORY or s3://BUCKET/PREFIX")
    parser.add_argument("--kit", metavar="DIRECTORY", help="a recovery kit that was fetched already")
    parser.add_argument("--endpoint", metavar="URL", help="the S3 server; by default AWS")
    parser.add_argument("--region", default="us-east-1", help="the region of the bucket (%(default)s)")
    parser.add_argument("--ca-cert", metavar="FILE", help="certificate authorities of the S3 server")
    parser.add_argument("--credentials", metavar="FILE", help="the credentials of the store")
    parser.add_argument("--root", metavar="KID", help="the root on the recovery card")
    parser.add_argument("--serial", type=int, metavar="N", help="the serial on the recovery card")
    parser.add_argument("--into", metavar="DIRECTORY", help="where to work; by default lifeboat-NAME here")
    parser.add_argument("--vault-password-file", metavar="FILE", help="the password of the inventory's vaulted files")
    parser.add_argument("--index-url", metavar="URL", help="a package index, for a kit without packages")
    return parser


def begin(options):
    root = read_root(options.key_file)
    if options.root and options.root.lower() != key_id(root):
        raise Failed(5, f"The root of this key is {key_id(root)}, not {options.root}: it is another recovery key.")
    credentials = read_credentials(options.credentials) if not options.kit or options.credentials else ("", "", "")
    kit = open_kit(options, credentials)
    found = read_kit(kit, root, options)
    into = os.path.abspath(options.into or f"lifeboat-{found['application']}")
    require_private(into)
    check_serial(found, options, into)
    with open(os.path.abspath(__file__), "rb") as file:
        own = hashlib.sha256(file.read()).hexdigest()
    if own not in {item["sha256"] for item in found["files"] if item["name"] == "start.py"}:
        say("This start.py is not the one of the kit. That is harmless if its SHA-256 is on a recovery card of yours.")
    if os.path.exists(os.path.join(into, MARK)):
        with open(os.path.join(into, MARK), encoding="utf-8") as file:
            ready = json.load(file)["serial"]
        if ready != found["serial"]:
            say(f"{into} has kit {ready}, and the store has {found['serial']}: give another --into to use that one.")
        found["serial"] = ready
    else:
        build(kit, found, into, options, credentials)
    tell(into, found)


def main(argv=None):
    options = arguments().parse_args(argv)
    try:
        begin(options)
    except Failed as exc:
        sys.stderr.write(f"start.py: {exc}\n")
        return exc.code
    except OSError as exc:
        sys.stderr.write(f"start.py: {exc.filename or 'Input or output'}: {exc.strerror}.\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
