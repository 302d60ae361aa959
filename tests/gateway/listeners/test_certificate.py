"""A certificate that is renewed while its listener listens, for HTTP and for SMPP alike."""

import shutil
import socket
import ssl
import subprocess

import pytest
from peers.process import free_port
from running_http import Site
from system.certificates import certificates, client_context

from gateway.config import ConfigError
from gateway.listeners.certificate import Certificate

LISTENER = 'tls_certificate_file = "{0}/localhost.pem"\ntls_key_file = "{0}/localhost.key"'


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Two of them: another authority, another key."""
    folder = tmp_path_factory.mktemp("made")
    return [certificates(folder / name) for name in ("first", "second")]


@pytest.fixture
def tls(tmp_path, made):
    """The folder of the one in force."""
    folder = tmp_path / "tls"
    folder.mkdir()
    put(made[0], folder)
    return folder


def put(files, folder):
    shutil.copy(files.certificate, folder / "localhost.pem")
    shutil.copy(files.key, folder / "localhost.key")


def trusts(files, port):
    """Whether a client that knows only the authority of these is served."""
    try:
        with (
            socket.create_connection(("127.0.0.1", port), 5) as plain,
            client_context(files).wrap_socket(plain, server_hostname="localhost") as shaken,
        ):
            return shaken.version() in ("TLSv1.2", "TLSv1.3")
    except ssl.SSLCertVerificationError:
        return False


def test_a_reload_reads_it_again_and_connections_stand(tmp_path, tls, made):
    with Site(tmp_path, listener=LISTENER.format(tls)) as site:
        assert [trusts(files, site.http_port) for files in made] == [True, False]
        with (
            socket.create_connection(("127.0.0.1", site.http_port), 5) as plain,
            client_context(made[0]).wrap_socket(plain, server_hostname="localhost") as before,
        ):
            put(made[1], tls)
            site.run(site.app.reload())
            before.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            assert before.recv(100).startswith(b"HTTP/1.1 200 ")
        assert [trusts(files, site.http_port) for files in made] == [False, True]


def test_one_that_cannot_be_used_refuses_the_reload_and_the_former_stays(tmp_path, tls, made):
    with Site(tmp_path, listener=LISTENER.format(tls)) as site:
        shutil.copy(made[1].certificate, tls / "localhost.pem")  # half renewed: the key is another one's
        site.path.write_text(site.path.read_text().replace("rate = 1000", "rate = 7"))
        with pytest.raises(ConfigError, match=r"localhost\.key can't be used: KEY_VALUES_MISMATCH"):
            site.run(site.app.reload())
        assert site.app.dispatcher.roads["sim"].throttle.rate == 1000
        assert trusts(made[0], site.http_port)
        (tls / "localhost.key").unlink()
        with pytest.raises(ConfigError, match="No such file"):
            site.run(site.app.reload())
        assert trusts(made[0], site.http_port)


def test_the_smpp_port_has_it_too(tmp_path, tls, made):
    port = free_port()
    smpp = f"[listeners.smpp]\nport = {port}\n{LISTENER.format(tls)}\n"
    site = Site(tmp_path)
    site.config = site.config.replace("[listeners.smpp]\nenabled = false\n", smpp)
    with site:
        assert [trusts(files, port) for files in made] == [True, False]
        put(made[1], tls)
        site.run(site.app.reload())
        assert [trusts(files, port) for files in made] == [False, True]


def test_another_type_of_key_replaces_the_former_one(tmp_path, tls, made):
    """OpenSSL keeps one certificate for each type of key: of two that stand, the old one might be chosen."""
    held = Certificate(tls / "localhost.pem", tls / "localhost.key")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-days", "2",
         "-keyout", tls / "localhost.key", "-out", tls / "localhost.pem"], check=True, capture_output=True,
    )  # fmt: skip
    held.renewal("http")()
    assert peer_of(held.context) == ssl.PEM_cert_to_DER_cert((tls / "localhost.pem").read_text())


def peer_of(server):
    """The certificate that a server shows, in memory."""
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    asking, shown = client.wrap_bio(down, up), server.wrap_bio(up, down, server_side=True)
    for side in (asking, shown) * 3:
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
    return asking.getpeercert(binary_form=True)
