"""Secrets at rest: scrypt hashes of passwords, and files that hold one secret.

A hash is text, `scrypt:ln=13,r=8,p=1:SALT:HASH` in base64: 2^13 rounds take about 25 ms and 8 MiB, enough for
an 8-character password and little enough for one thread of a busy daemon. Nothing here logs or prints.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable
from pathlib import Path

__all__ = [
    "SecretError",
    "hash_password",
    "is_hash",
    "made_password",
    "read_secret_file",
    "read_token_file",
    "verify",
    "world_readable",
]

_FORM = re.compile(r"scrypt:ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2}):([A-Za-z0-9+/]+=*):([A-Za-z0-9+/]+=*)")
_LN, _R, _P = 13, 8, 1
_LARGEST = 64 * 1024
_LEAST_TOKEN = 16

# Nothing that a hand-written note confuses: no 0 O o, 1 l I. 56 of them to the eighth power: 46 bits.
_LETTERS = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"


class SecretError(Exception):
    """A secret that can't be had; the text says which file, and what to do."""


def hash_password(password: bytes, rnd: Callable[[int], bytes]) -> str:
    """The text for `password_hash`. rnd(n) gives n random octets (os.urandom)."""
    salt = rnd(16)
    return f"scrypt:ln={_LN},r={_R},p={_P}:{_text(salt)}:{_text(_derive(password, salt, _LN, _R, _P))}"


def verify(password: bytes, hashed: str) -> bool:
    """Whether the password is the one of this hash. Blocks for the whole scrypt: call it in a thread."""
    parts = _parse(hashed)
    if parts is None:
        return False
    ln, r, p, salt, expected = parts
    return hmac.compare_digest(_derive(password, salt, ln, r, p), expected)


def is_hash(text: str) -> bool:
    """Whether `text` is a hash that verify() understands and can afford."""
    return _parse(text) is not None


def made_password(rnd: Callable[[int], bytes], length: int = 8) -> str:
    """A random password of letters and digits; 8 characters is SMPP's limit."""
    made = ""
    while len(made) < length:
        octet = rnd(1)[0]
        # Octets beyond the last whole multiple are thrown away: each letter stays equally likely.
        if octet < 256 - 256 % len(_LETTERS):
            made += _LETTERS[octet % len(_LETTERS)]
    return made


def read_secret_file(path: Path) -> str:
    """The secret in a file, without the line end that an editor adds. Raises SecretError."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise SecretError(f"{path} can't be read: {error.strerror}{_mode(path)}") from error
    if len(raw) > _LARGEST:
        raise SecretError(f"{path} has {len(raw)} octets: that is no secret")
    try:
        text = raw.decode("utf-8").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError as error:
        raise SecretError(f"{path} is no UTF-8 text (octet {error.start})") from error
    if not text:
        raise SecretError(f"{path} is empty: write the secret into it, mode 0600")
    return text


def read_token_file(path: Path) -> str:
    """The bearer token in a file: ASCII without spaces, and long enough not to be guessed. Raises SecretError."""
    token = read_secret_file(path).strip()
    if not (token.isascii() and token.isprintable()) or " " in token or len(token) < _LEAST_TOKEN:
        raise SecretError(
            f"{path}: a token is at least {_LEAST_TOKEN} ASCII characters without spaces (`openssl rand -hex 32`)"
        )
    return token


def world_readable(path: Path) -> bool:
    """Whether anybody on this machine may read the file; False when it is not there."""
    try:
        return bool(path.stat().st_mode & 0o004)
    except OSError:
        return False


def _mode(path: Path) -> str:
    try:
        return f" (mode {path.stat().st_mode & 0o7777:04o})"
    except OSError:
        return ""


def _parse(text: str) -> tuple[int, int, int, bytes, bytes] | None:
    match = _FORM.fullmatch(text)
    if match is None:
        return None
    ln, r, p = int(match[1]), int(match[2]), int(match[3])
    # 128 * r * 2^ln octets of memory: a hash from a file must not be able to ask for gigabytes.
    if not (1 <= ln <= 17 and 1 <= r <= 8 and 1 <= p <= 4):
        return None
    try:
        salt, expected = base64.b64decode(match[4], validate=True), base64.b64decode(match[5], validate=True)
    except binascii.Error:
        return None
    return (ln, r, p, salt, expected) if len(salt) >= 8 and len(expected) >= 16 else None


def _derive(password: bytes, salt: bytes, ln: int, r: int, p: int) -> bytes:
    memory = 128 * r * (2**ln + p + 2) + 2**20
    return hashlib.scrypt(password, salt=salt, n=2**ln, r=r, p=p, maxmem=memory, dklen=32)


def _text(octets: bytes) -> str:
    return base64.b64encode(octets).decode("ascii")
