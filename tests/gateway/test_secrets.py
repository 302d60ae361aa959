import os
import random

import pytest

from gateway.secrets import (
    SecretError,
    hash_password,
    is_hash,
    made_password,
    read_secret_file,
    read_token_file,
    verify,
    world_readable,
)


def test_a_hash_knows_its_password_and_no_other():
    hashed = hash_password(b"secret08", random.Random(1).randbytes)
    assert hashed.startswith("scrypt:ln=13,r=8,p=1:")
    assert is_hash(hashed)
    assert verify(b"secret08", hashed)
    assert not verify(b"secret09", hashed)
    assert not verify(b"", hashed)


def test_the_salt_makes_each_hash_its_own():
    assert hash_password(b"a", os.urandom) != hash_password(b"a", os.urandom)


def test_rfc_7914_vector():
    """RFC 7914 §12: scrypt("password", "NaCl", N=1024, r=8, p=16) is beyond our p; N=16384, r=8, p=1 is in reach."""
    import base64

    derived = bytes.fromhex("7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2")
    salt = base64.b64encode(b"SodiumChloride").decode()
    assert verify(b"pleaseletmein", f"scrypt:ln=14,r=8,p=1:{salt}:{base64.b64encode(derived).decode()}")


SALT, HASH = "A" * 22 + "==", "B" * 43 + "="


@pytest.mark.parametrize(
    "text",
    [
        "",
        "secret",
        f"scrypt:ln=13,r=8:{SALT}:{HASH}",
        f"scrypt:ln=18,r=8,p=1:{SALT}:{HASH}",
        f"scrypt:ln=0,r=8,p=1:{SALT}:{HASH}",
        f"scrypt:ln=13,r=9,p=1:{SALT}:{HASH}",
        f"scrypt:ln=13,r=8,p=5:{SALT}:{HASH}",
        f"scrypt:ln=13,r=8,p=1:AAAA:{HASH}",
        f"scrypt:ln=13,r=8,p=1:{SALT}:BBBB",
        f"scrypt:ln=13,r=8,p=1:{SALT}:{HASH}\n",
        f"scrypt:ln=13,r=8,p=1:A{SALT}:{HASH}",
        f"argon2:ln=13,r=8,p=1:{SALT}:{HASH}",
    ],
)
def test_no_hash(text):
    assert not is_hash(text)
    assert not verify(b"secret", text)


def test_that_form_is_a_hash():
    assert is_hash(f"scrypt:ln=13,r=8,p=1:{SALT}:{HASH}")


def test_made_passwords_fit_smpp_and_spread_evenly():
    rnd = random.Random(7).randbytes
    letters = "".join(made_password(rnd) for _ in range(7000))
    counts = {letter: letters.count(letter) for letter in set(letters)}
    assert len(made_password(rnd)) == 8
    assert len(counts) == 56
    assert not set(letters) & set("0Oo1lI")
    assert all(850 < count < 1150 for count in counts.values())


@pytest.mark.parametrize(
    ("content", "secret"),
    [(b"abc", "abc"), (b"abc\n", "abc"), (b"abc\r\n", "abc"), (b" a b \n", " a b "), (b"a\n\n", "a\n")],
)
def test_a_secret_file_without_the_editors_line_end(tmp_path, content, secret):
    (tmp_path / "s").write_bytes(content)
    assert read_secret_file(tmp_path / "s") == secret


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "is empty"), (b"\n", "is empty"), (b"\xff", "no UTF-8"), (b"x" * 70_000, "70000 octets")],
)
def test_what_is_no_secret(tmp_path, content, words):
    (tmp_path / "s").write_bytes(content)
    with pytest.raises(SecretError, match=words):
        read_secret_file(tmp_path / "s")


def test_what_can_not_be_read_says_path_reason_and_mode(tmp_path):
    with pytest.raises(SecretError, match=r"nowhere can't be read: No such file or directory$"):
        read_secret_file(tmp_path / "nowhere")
    folder = tmp_path / "folder"
    folder.mkdir(mode=0o700)
    with pytest.raises(SecretError, match=r"folder can't be read: Is a directory \(mode 0700\)"):
        read_secret_file(folder)


@pytest.mark.parametrize(("mode", "readable"), [(0o600, False), (0o660, False), (0o604, True)])
def test_world_readable(tmp_path, mode, readable):
    (tmp_path / "s").touch()
    (tmp_path / "s").chmod(mode)
    assert world_readable(tmp_path / "s") is readable
    assert not world_readable(tmp_path / "nowhere")


@pytest.mark.parametrize("text", ["a-token-of-16-ch", "a-token-of-16-ch\n", "0123456789abcdef" * 4])
def test_tokens(tmp_path, text):
    (tmp_path / "token").write_text(text)
    assert read_token_file(tmp_path / "token") == text.strip()


@pytest.mark.parametrize(
    "text",
    ["short", "", "a token of 16 characters", "é" * 16, "0123456789abcde\x07f", "0123456789\n0123456789"],
)
def test_what_is_no_token(tmp_path, text):
    (tmp_path / "token").write_text(text)
    with pytest.raises(SecretError, match="token"):
        read_token_file(tmp_path / "token")
