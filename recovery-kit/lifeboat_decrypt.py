# Copyright (c) 2026 Lifeboat contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""
Open one sealed file (.lbx) without the rest of the software: one file, Python 3.9 or later, and `cryptography`.

    python3 lifeboat_decrypt.py --key-file KEY [--trust TRUST.json] [--manifest MANIFEST.json] FILE.lbx -o PLAIN

KEY is a key file, or a text file with the 64 digits of the recovery key or the words of its sheet of paper. The key
must be readable by its owner only. Who may have signed the file: the root that follows from a recovery key or that
--root gives; with --trust, the signers that this root lists; with --manifest, the signer of the manifest, and the
file must then be, byte for byte, the one that the manifest names. After a rotation, --handover gives the stored
object `<application>/keys/<old key>.json`; --wraps one of `<application>/keys/<backup>/wraps-<key>.json`.

The plaintext is decompressed (zstd, by Python 3.14 or the package backports.zstd or the program zstd; or gzip), or
left as it is with --raw. With -o the output appears under its name only after everything was authenticated to the
end. To standard output bytes are written as they authenticate: if the exit code is not 0, use none of them.

Exit codes: 0 done, 1 input or output failed, 2 usage, 3 something is not installed, 5 no key opens it, 6 altered.
The format is in docs/design/format.md of the project. This file shares no code with it, on purpose.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import datetime
import hashlib
import hmac
import json
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import threading
import zlib

try:
    from cryptography import exceptions
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ed25519, x25519
    from cryptography.hazmat.primitives.ciphers import aead
except ImportError:
    exceptions = None

try:
    from compression import zstd
except ImportError:
    try:
        from backports import zstd
    except ImportError:
        zstd = None

BLOCK = 1 << 20
SEGMENT = 1 << 20
MAX_HEADER = 65536
MAX_RECORD = 23 << 20
PRIME = 2**255 - 19
ORDER_EIGHT_Y = 55188659117513257062467267217118295137698188065244968500265048394206261417927
SMALL_ORDER_Y = (0, 1, PRIME - 1, ORDER_EIGHT_Y, PRIME - ORDER_EIGHT_Y)


class Failed(Exception):
    """Something that ends the program, with the exit code that says what kind of thing."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


def usage(message):
    return Failed(2, message)


def no_key(message):
    return Failed(5, message)


def altered(message="The file was altered or is incomplete. Use another copy of it, or another backup."):
    return Failed(6, message)


# ---- primitives ----


def hkdf_extract(salt, ikm):
    return hmac.new(salt or bytes(32), ikm, "sha256").digest()


def hkdf_expand(key, info, length=32):
    output = block = b""
    counter = 1
    while len(output) < length:
        block = hmac.new(key, block + info + bytes([counter]), "sha256").digest()
        output += block
        counter += 1
    return output[:length]


def hkdf(ikm, info, salt=b""):
    return hkdf_expand(hkdf_extract(salt, ikm), info)


def raw_public(private):
    encoding, form = serialization.Encoding.Raw, serialization.PublicFormat.Raw
    return private.public_key().public_bytes(encoding, form)


def x25519_public(secret):
    return raw_public(x25519.X25519PrivateKey.from_private_bytes(secret))


def ed25519_public(secret):
    return raw_public(ed25519.Ed25519PrivateKey.from_private_bytes(secret))


def hpke_open(secret, info, sealed):
    """RFC 9180, base mode, X25519, HKDF-SHA256, AES-256-GCM. None for what was not made for this key and info."""
    if len(sealed) < 48:
        return None
    enc, ciphertext = sealed[:32], sealed[32:]
    kem, suite = b"KEM\x00\x20", b"HPKE\x00\x20\x00\x01\x00\x02"

    def extract(name, salt, label, ikm):
        return hkdf_extract(salt, b"HPKE-v1" + name + label + ikm)

    def expand(name, key, label, context, length):
        return hkdf_expand(key, length.to_bytes(2, "big") + b"HPKE-v1" + name + label + context, length)

    try:
        dh = x25519.X25519PrivateKey.from_private_bytes(secret).exchange(x25519.X25519PublicKey.from_public_bytes(enc))
    except ValueError:
        return None
    prk = extract(kem, b"", b"eae_prk", dh)
    shared = expand(kem, prk, b"shared_secret", enc + x25519_public(secret), 32)
    context = b"\x00" + extract(suite, b"", b"psk_id_hash", b"") + extract(suite, b"", b"info_hash", info)
    start = extract(suite, shared, b"secret", b"")
    key, nonce = expand(suite, start, b"key", context, 32), expand(suite, start, b"base_nonce", context, 12)
    try:
        return aead.AESGCM(key).decrypt(nonce, ciphertext, None)
    except exceptions.InvalidTag:
        return None


def signed_by(public, signature, kind, body):
    """Whether `public` signed `body` as this kind. Keys of small order sign nothing: one signature fits all there."""
    if not acceptable_signer(public) or len(signature) != 64:
        return False
    name = b"application/vnd.lifeboat.%b.v1" % kind.encode()
    message = b"DSSEv1 %d %b %d %b" % (len(name), name, len(body), body)
    try:
        ed25519.Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (exceptions.InvalidSignature, ValueError):
        return False
    return True


def acceptable_signer(public):
    y = int.from_bytes(public, "little") & ((1 << 255) - 1)
    return len(public) == 32 and y < PRIME and y not in SMALL_ORDER_Y


def acceptable_recipient(public):
    try:
        any_key = x25519.X25519PrivateKey.from_private_bytes(bytes(range(32)))
        any_key.exchange(x25519.X25519PublicKey.from_public_bytes(public))
    except ValueError:  # a wrong length, or a point of low order
        return False
    return True


def key_id(kind, public):
    return hashlib.sha256(b"lifeboat v1 kid\0" + kind.encode() + b"\0" + public).hexdigest()[:16]


# ---- strict JSON ----


def parse(data, limit, what):
    """JSON without duplicate keys, floats, or room for two readings."""

    def pairs(items):
        if len(dict(items)) != len(items):
            raise ValueError("duplicate key")
        return dict(items)

    def refuse(text):
        raise ValueError(text)

    try:
        if len(data) > limit:
            raise ValueError("too large")
        value = json.loads(data.decode("utf-8"), object_pairs_hook=pairs, parse_float=refuse, parse_constant=refuse)
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError):
        raise altered(f"{what} is not strict JSON. Use another copy of it.") from None
    return value


def take(value, fields, what, optional=()):
    """Return `value` if it is an object with exactly these keys and types."""
    names = {name for name in fields if name not in optional}
    well_formed = isinstance(value, dict) and names <= set(value) <= set(fields)
    if not well_formed or not all(
        isinstance(value[name], fields[name]) and not isinstance(value[name], bool) for name in value
    ):
        raise altered(f"{what} is malformed. Use another copy of it.")
    return value


def unbase64(text, what):
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except ValueError:
        data = None
    if data is None or base64.b64encode(data).decode("ascii") != text:
        raise altered(f"{what} is malformed. Use another copy of it.")
    return data


# ---- keys ----


def read_keys(path):
    """The X25519 secrets in a key file, and the roots of its recovery keys."""
    try:
        with open(path, "rb") as file:
            state = os.fstat(file.fileno())
            if os.name == "posix" and stat.S_ISREG(state.st_mode) and state.st_mode & 0o077:
                raise no_key(f"{path} is accessible to users other than its owner. Run: chmod 600 {path}")
            data = file.read(BLOCK)
    except OSError as exc:
        raise no_key(f"The key file {path} cannot be read: {exc.strerror}.") from None
    text = edited_text(data).strip()
    if text.startswith("$ANSIBLE_VAULT"):
        raise no_key(f"{path} is encrypted with Ansible Vault. Run: ansible-vault decrypt {path}")
    is_list = text.startswith("[")
    items = listed_keys(path, text.encode()) if is_list else [("recovery", typed_key(path, text), "primary")]
    opening = [hkdf(key, b"lifeboat v1 recipient") if kind == "recovery" else key for kind, key, _name in items]
    roots = [
        ed25519_public(hkdf(key, b"lifeboat v1 root"))
        for kind, key, status in items
        if kind == "recovery" and status == "primary"
    ]
    if not opening:
        raise no_key(f"{path} holds no key that opens: give a recovery key or an opening key.")
    return opening, roots


def typed_key(path, text):
    """64 digits, or the 72 of the sheet of paper, the last eight of which are a check."""
    digits = re.sub(r"[\s-]", "", text).lower()
    if not re.fullmatch(r"[0-9a-f]{64}([0-9a-f]{8})?", digits):
        raise no_key(f"{path} holds neither the 64 digits of a recovery key nor the 72 of its sheet of paper.")
    seed = bytes.fromhex(digits[:64])
    check = hashlib.sha256(b"lifeboat v1 paper\0" + seed).hexdigest()[:8]
    if digits[64:] and digits[64:] != check:
        raise no_key(
            f"The check digits in {path} do not match the key: a digit was misread. Compare it with the printed sheet."
        )
    if len(set(seed)) < 18:
        raise no_key(f"The recovery key in {path} is not random: it repeats itself.")
    return seed


def listed_keys(path, data):
    fields = dict.fromkeys(("format", "type", "kid", "secret", "status", "created"), str)
    try:
        items = [take(item, fields, "A key") for item in parse(data, BLOCK, "The key file")]
        secrets = [(item["type"], bytes.fromhex(item["secret"]), item["status"]) for item in items]
    except (Failed, ValueError, TypeError):
        raise no_key(f"{path} is not a key file.") from None
    return [item for item in secrets if item[0] in {"recovery", "opening"} and len(item[1]) == 32]


def edited_text(data):
    """A text without what editors put around it: a byte order mark, or UTF-16."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "replace")
    return data.decode("utf-16-le" if data[1:2] == b"\0" else "utf-8-sig", "replace")


def public_key(text):
    if not re.fullmatch(r"[0-9a-fA-F]{64}", text.strip()):
        raise usage("--root and --signer take a public key of 64 hexadecimal digits.")
    return bytes.fromhex(text.strip())


# ---- sealed records ----


def read_small(path, limit=MAX_RECORD):
    try:
        with open(path, "rb") as file:
            return file.read(limit + 1)
    except OSError as exc:
        raise Failed(1, f"{path} cannot be read: {exc.strerror}.") from None


def open_record(kind, path, allowed):
    """The payload of a sealed record and the allowed keys that signed it."""
    what = f"The {kind} {path}"
    envelope = take(
        parse(read_small(path), MAX_RECORD, what), {"payloadType": str, "payload": str, "signatures": list}, what
    )
    if envelope["payloadType"] != f"application/vnd.lifeboat.{kind}.v1":
        raise altered(f"{what} is a record of another kind. Use another copy of it.")
    payload = unbase64(envelope["payload"], what)
    known = {key_id("ed25519", public): public for public in allowed}
    signers = []
    if not 1 <= len(envelope["signatures"]) <= 16:
        raise altered(f"{what} is malformed. Use another copy of it.")
    for item in envelope["signatures"]:
        take(item, {"keyid": str, "sig": str}, what)
        signature, public = unbase64(item["sig"], what), known.get(item["keyid"])
        if public is None:
            continue
        if not signed_by(public, signature, kind, payload):
            raise altered(f"{what} has an invalid signature. Use another copy of it.")
        signers.append(public)
    if not signers:
        raise altered(f"{what} is not signed by any key that may sign it: the wrong root, or a forgery.")
    return payload, signers


class Trust:
    """Who may have signed: the signers of a trust file, or the roots alone; and those that the user adds."""

    def __init__(self, path, roots, extra):
        self.extra = set(extra)
        self.roots = set(roots)
        self.entries = None
        self.application = None
        if path is not None:
            payload, _signer = open_record("trust", path, self.roots)
            what = f"The trust file {path}"
            fields = take(
                parse(payload, BLOCK, what),
                {"application": str, "serial": int, "created": str, "recipients": list, "signers": list},
                what,
            )
            self.application = fields["application"]
            self._check(fields, what)
            self.entries = [self._entry(item, what) for item in fields["signers"]]

    @staticmethod
    def _check(fields, what):
        """What does not matter for opening, and still must not be there."""
        usable = 1 <= fields["serial"] <= 99999999 and 1 <= len(fields["recipients"]) <= 16
        for item in fields["recipients"]:
            take(item, {"kid": str, "type": str, "public": str}, what)
            public = unbase64(item["public"], what)
            if item["type"] == "hpke-x25519":
                usable = usable and acceptable_recipient(public) and item["kid"] == key_id(item["type"], public)
        if not usable:
            raise altered(f"{what} lists a key that cannot be used, or has an impossible serial.")

    @staticmethod
    def _entry(item, what):
        optional = (str, type(None))
        take(item, {"public": str, "scope": list, "from": str, "until": optional, "compromised_since": optional}, what)
        entry = {**item, "public": unbase64(item["public"], what)}
        if not acceptable_signer(entry["public"]) or not all(isinstance(scope, str) for scope in item["scope"]):
            raise altered(f"{what} lists a signer that cannot be used.")
        return entry

    def signers(self, scope=None, at=None):
        """The keys that may sign; a compromised one only if the user names it, having looked at the store's times."""
        if self.entries is None:
            return self.roots | self.extra
        return self.extra | {item["public"] for item in self.entries if self._stands(item, scope, at)}

    @staticmethod
    def _stands(item, scope, at):
        covers = scope is None or any(
            scope.startswith(entry[:-1]) if entry.endswith("*") else scope == entry for entry in item["scope"]
        )
        # Times are compared as text to the second: they are all UTC in one form.
        in_time = at is None or (item["from"] <= at and (item["until"] is None or at < item["until"]))
        return covers and in_time and item["compromised_since"] is None


def read_manifest(path, trust):
    """The manifest's fields, and its signer as the only one that the file may have."""
    what = f"The manifest {path}"
    payload, signers = open_record("manifest", path, trust.signers())
    fields = parse(payload, MAX_RECORD, what)
    form = {"format": str, "application": str, "component": str, "finished": str, "files": list}
    take({name: fields[name] for name in form if name in fields} if isinstance(fields, dict) else None, form, what)
    if fields["format"] != "lifeboat-manifest/1":
        raise altered(f"{what} has a format that this version does not support.")
    if trust.application not in {None, fields["application"]}:
        raise altered(f"{what} is that of another application than the trust file.")
    try:
        finished = datetime.datetime.strptime(fields["finished"][:19], "%Y-%m-%dT%H:%M:%S")
    except ValueError:
        raise altered(f"{what} contains a malformed time.") from None
    standing = trust.signers(fields["component"], finished.strftime("%Y-%m-%dT%H:%M:%SZ"))
    signers = [public for public in signers if public in standing]
    if not signers:
        raise altered(f"{what} was not signed by a key that might sign this component at its time.")
    return fields, set(signers)


def expected_entry(manifest, name):
    """What the manifest says of the file with this name."""
    form = {"name": str, "size": int, "sha256": str, "head_sha256": str, "plain_size": int}
    for item in manifest["files"]:
        if isinstance(item, dict) and item.get("name") == name:
            return take({key: item.get(key) for key in form}, form, "The manifest")
    raise altered(f"The manifest does not name {name}: this file belongs to another backup.")


# ---- the file ----


class Source:
    """The file's bytes, counted and hashed as they are read."""

    def __init__(self, file):
        self.file = file
        self.size = 0
        self.hash = hashlib.sha256()

    def take(self, size):
        parts = []
        while size > 0:
            piece = self.file.read(min(size, BLOCK))
            if not piece:
                break
            self.size += len(piece)
            self.hash.update(piece)
            parts.append(piece)
            size -= len(piece)
        return b"".join(parts)


def read_head(source, signers):
    """Magic, limit, signer, signature; only then the JSON."""
    start = source.take(9)
    length = int.from_bytes(start[5:], "big")
    if len(start) != 9 or start[:5] != b"LBX1\n" or length > MAX_HEADER:
        raise altered("This is no file of the format lbx, or it was altered or is incomplete.")
    rest = source.take(length + 96)
    if len(rest) != length + 96:
        raise altered()
    head, signer, signature = start + rest, rest[length : length + 32], rest[length + 32 :]
    if signer not in signers:
        raise altered(
            f"The file is signed by {signer.hex()}, which may not sign it. If you know better from another source, "
            "for example from the store's own times, give it with --signer."
        )
    if not signed_by(signer, signature, "lbx-head", head[:-64]):
        raise altered()
    fields = take(
        parse(rest[:length], MAX_HEADER, "The file's header"),
        {"format": str, "name": str, "commit": str, "wraps": list, "digest": str, "lineage": list},
        "The file's header",
        optional=("digest", "lineage"),
    )
    if fields["format"] != "lbx/1":
        raise altered("The file has an unsupported format.")
    commit_ok = re.fullmatch(r"[0-9a-f]{64}", fields["commit"])
    if not commit_ok or not re.fullmatch(r"([0-9a-f]{64})?", fields.get("digest", "")) or fields.get("digest") == "":
        raise altered("The file's header is malformed.")
    fields["wraps"] = parse_wraps(fields["wraps"], "The file's header")
    return head, fields


def parse_wraps(items, what):
    wraps = []
    for item in items:
        take(item, {"kid": str, "type": str, "ct": str}, what)
        wraps.append((item["kid"], item["type"], unbase64(item["ct"], what)))
        if not all(wraps[-1]):
            raise altered(f"{what} is malformed.")
    if not 1 <= len(wraps) <= 16 or len({kid for kid, _kind, _ct in wraps}) != len(wraps):
        raise altered(f"{what} is malformed.")
    return wraps


def find_data_key(head, fields, secrets, handovers, side_wraps):
    """Try the keys, then what old keys handed over, then added wraps, until the commitment fits."""
    commit = bytes.fromhex(fields["commit"])
    own = {key_id("hpke-x25519", x25519_public(secret)): secret for secret in secrets}
    keys = dict(own)
    progress = True
    while progress:  # one rotation after another
        progress = False
        for path in handovers:
            kid, old = accept_handover(path, keys)
            if old is not None and kid not in keys:
                keys[kid] = old
                progress = True
    wraps = list(fields["wraps"])
    digest = hashlib.sha256(head).hexdigest()
    for path in side_wraps:
        what = f"The file {path}"
        added = take(parse(read_small(path), MAX_RECORD, what), {"format": str, "wraps": dict}, what)
        if digest in added["wraps"]:
            wraps += parse_wraps([added["wraps"][digest]], what)
    for _kid, kind, ct in wraps:
        for secret in keys.values() if kind == "hpke-x25519" else ():
            data_key = hpke_open(secret, b"lifeboat v1 wrap\0" + commit, ct)
            if data_key and hmac.compare_digest(hkdf(data_key, b"lifeboat v1 commit"), commit):
                return data_key
    raise no_key(
        f"No key at hand opens this file. It is encrypted to {', '.join(kid for kid, _kind, _ct in fields['wraps'])}; "
        f"the available keys are {', '.join(own)}. After a rotation, give the old key's --handover."
    )


def accept_handover(path, keys):
    what = f"The handover {path}"
    fields = take(
        parse(read_small(path, 1 << 16), 1 << 16, what),
        {"format": str, "type": str, "public": str, "wraps": list},
        what,
    )
    public = unbase64(fields["public"], what)
    if fields["format"] != "lifeboat-handover/1" or fields["type"] != "hpke-x25519":
        raise altered(f"{what} has a format that this version does not support.")
    for _kid, kind, ct in parse_wraps(fields["wraps"], what):
        for secret in keys.values() if kind == "hpke-x25519" else ():
            old = hpke_open(secret, b"lifeboat v1 handover\0" + public, ct)
            if old and len(old) == 32 and x25519_public(old) == public:
                return key_id("hpke-x25519", public), old
    return None, None


def plaintext(source, data_key, head, expected):
    """Tink's AES256_GCM_HKDF_1MB: yield each segment after it authenticated, the last after the whole file fits."""
    segment = source.take(SEGMENT)
    if len(segment) < 56 or segment[0] != 40:
        raise altered()
    aad = b"lifeboat v1 stream\0" + hashlib.sha256(head).digest()
    cipher = aead.AESGCM(hkdf(data_key, aad, segment[1:33]))
    prefix, segment, number = segment[33:40], segment[40:], 0
    while True:
        following = source.take(SEGMENT)
        if not following and expected is not None:
            fits = source.size == expected["size"] and source.hash.hexdigest() == expected["sha256"]
            if not fits:
                raise altered()
        nonce = prefix + number.to_bytes(4, "big") + (b"\0" if following else b"\1")
        try:
            yield cipher.decrypt(nonce, segment, None)
        except exceptions.InvalidTag:
            raise altered() from None
        if not following:
            return
        segment, number = following, number + 1
        if number >= 1 << 18:
            raise altered()


# ---- decompression ----


def decompress(blocks):
    """zstd frames or gzip members, told apart by their first bytes; both with checksums, both to their true end."""
    start = b""
    for block in blocks:
        start += block
        if len(start) >= 4:
            break
    rest = chain([start], blocks)
    if start.startswith(b"\x28\xb5\x2f\xfd"):
        return frames(rest, zstd.ZstdDecompressor, zstd.ZstdError) if zstd else zstd_program(rest)
    if start.startswith(b"\x1f\x8b"):
        return frames(rest, GzipMember, zlib.error)
    raise altered("The plaintext is neither zstd nor gzip. Give --raw to have it as it is.")


def chain(first, rest):
    yield from first
    yield from rest


class GzipMember:
    """One member, with the interface of a zstd frame's decompressor."""

    def __init__(self):
        self.member = zlib.decompressobj(wbits=31)

    def decompress(self, data, max_length):
        return self.member.decompress(self.member.unconsumed_tail + data, max_length)

    @property
    def eof(self):
        return self.member.eof

    @property
    def unused_data(self):
        return self.member.unused_data

    @property
    def needs_input(self):
        return not self.member.eof and not self.member.unconsumed_tail


def frames(blocks, make, error):
    frame = make()
    fresh = True
    try:
        for block in blocks:
            data = block
            while data or not (fresh or frame.needs_input):
                plain = frame.decompress(data, BLOCK)
                fresh, data = False, b""
                if plain:
                    yield plain
                if frame.eof:
                    frame, data, fresh = make(), frame.unused_data, True
    except (error, EOFError, ValueError):
        raise altered("The compressed data inside does not end as it began: it was not written whole.") from None
    if not fresh:
        raise altered("The compressed data inside is incomplete: it was not written whole.")


def zstd_program(blocks):
    program = shutil.which("zstd")
    if program is None:
        raise Failed(
            3, "zstd is needed: Python 3.14, or pip install backports.zstd, or the program zstd; or give --raw."
        )
    child = subprocess.Popen(
        [program, "-dcq"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    failure = []

    def feed():
        try:
            for block in blocks:
                child.stdin.write(block)
        except BrokenPipeError:
            pass  # its exit status says why
        except (Failed, OSError) as exc:
            failure.append(exc)
            child.kill()
        finally:
            with contextlib.suppress(OSError):
                child.stdin.close()

    feeder = threading.Thread(target=feed, daemon=True)
    feeder.start()
    try:
        while True:
            plain = child.stdout.read(BLOCK)
            if not plain:
                break
            yield plain
        feeder.join()
        status = child.wait()
    finally:
        child.kill()
        child.wait()
        child.stdout.close()
    if failure:
        raise failure[0]
    if status != 0:
        raise altered("The compressed data inside is incomplete or wrong: it was not written whole.")


# ---- the program ----


def opened(options, file):
    """The plaintext's blocks; whoever takes them to the end has everything authenticated."""
    secrets, roots = read_keys(options.key_file)
    roots = [public_key(text) for text in options.root] or roots
    extra = [public_key(text) for text in options.signer]
    if not roots and not extra:
        raise usage("Who may have signed the file? Give the root's public key with --root.")
    trust = Trust(options.trust, roots, extra)
    manifest, signers = read_manifest(options.manifest, trust) if options.manifest else (None, trust.signers())
    source = Source(file)
    head, fields = read_head(source, signers)
    sys.stderr.write(f"lifeboat_decrypt: the file calls itself {fields['name'] or '(a standalone archive)'}\n")
    if options.name is not None and fields["name"] != options.name:
        raise altered(f"The file was sealed under another name than {options.name}.")
    if fields["name"] and trust.application is not None and fields["name"].split("/")[0] != trust.application:
        raise altered("The file belongs to another application than the trust file.")
    expected = expected_entry(manifest, fields["name"]) if manifest else None
    if expected and hashlib.sha256(head).hexdigest() != expected["head_sha256"]:
        raise altered()
    data_key = find_data_key(head, fields, secrets, options.handover, options.wraps)
    blocks = plaintext(source, data_key, head, expected)
    return blocks if options.raw else sized(decompress(blocks), expected)


def sized(blocks, expected):
    size = 0
    for block in blocks:
        size += len(block)
        yield block
    if expected is not None and size != expected["plain_size"]:
        raise altered("The data is not as long as its manifest says.")


def write_whole(path, blocks):
    """The file appears under its name when it is complete and on the disk, or not at all."""
    if os.path.exists(path):
        raise usage(f"{path} exists already: give another name.")
    handle, temporary = tempfile.mkstemp(prefix=".lifeboat-", dir=os.path.dirname(path) or ".")
    try:
        with os.fdopen(handle, "wb") as file:
            for block in blocks:
                file.write(block)
            file.flush()
            os.fsync(file.fileno())
        os.rename(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--key-file", required=True, metavar="KEY", help="recovery key or opening key")
    parser.add_argument("--root", action="append", default=[], metavar="HEX", help="a root's public key")
    parser.add_argument("--trust", metavar="FILE", help="the application's newest trust file")
    parser.add_argument("--manifest", metavar="FILE", help="the manifest of the backup that the file belongs to")
    parser.add_argument("--signer", action="append", default=[], metavar="HEX", help="a further signer to believe")
    parser.add_argument("--handover", action="append", default=[], metavar="FILE", help="what an old key handed over")
    parser.add_argument("--wraps", action="append", default=[], metavar="FILE", help="wraps added for a backup")
    parser.add_argument("--name", help="the name in the store that the file must have been sealed under")
    parser.add_argument("--raw", action="store_true", help="do not decompress")
    parser.add_argument("-o", "--output", metavar="PLAIN", help="write here, whole or not at all")
    parser.add_argument("file", metavar="FILE.lbx", help="the file, or - for standard input")
    return parser


def main(argv=None):
    options = arguments().parse_args(argv)
    try:
        if exceptions is None:
            raise Failed(3, "The Python library cryptography is needed. Install it with: pip install cryptography")
        with contextlib.ExitStack() as stack:
            file = sys.stdin.buffer if options.file == "-" else stack.enter_context(open(options.file, "rb"))
            blocks = opened(options, file)
            if options.output:
                write_whole(options.output, blocks)
            else:
                for block in blocks:
                    sys.stdout.buffer.write(block)
                sys.stdout.buffer.flush()
    except Failed as exc:
        sys.stderr.write(f"lifeboat_decrypt: {exc}\n")
        code = exc.code
    except OSError as exc:
        sys.stderr.write(f"lifeboat_decrypt: {exc.filename or 'Input or output'}: {exc.strerror}.\n")
        code = 1
    else:
        return 0
    if not options.output:
        sys.stderr.write("lifeboat_decrypt: FAILED: use nothing of what was written.\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
