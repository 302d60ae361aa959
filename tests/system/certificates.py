"""Certificates for tests, made with the openssl command: an authority, and one for localhost signed by it."""

from __future__ import annotations

import ssl
import subprocess
from pathlib import Path

__all__ = ["Files", "certificates", "client_context", "server_context"]

DAYS = "2"


class Files:
    """Where they are."""

    def __init__(self, folder: Path) -> None:
        self.authority = folder / "ca.pem"
        self.certificate = folder / "localhost.pem"
        self.key = folder / "localhost.key"


def certificates(folder: Path) -> Files:
    """Makes them in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    files = Files(folder)
    _openssl(
        *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
        *(
            "-keyout",
            folder / "ca.key",
            "-out",
            files.authority,
            "-days",
            DAYS,
            "-subj",
            f"/CN=tests {folder.name}",
        ),
        *("-addext", "keyUsage=critical,keyCertSign"),
    )
    request, extensions = folder / "localhost.csr", folder / "localhost.ext"
    extensions.write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=CA:FALSE\n")
    _openssl(
        *(
            "req",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-subj",
            "/CN=localhost",
        ),
        *("-keyout", files.key, "-out", request),
    )
    _openssl(
        *(
            "x509",
            "-req",
            "-in",
            request,
            "-CA",
            files.authority,
            "-CAkey",
            folder / "ca.key",
            "-CAcreateserial",
        ),
        *("-days", DAYS, "-extfile", extensions, "-out", files.certificate),
    )
    files.key.chmod(0o600)
    return files


def _openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


def server_context(files: Files) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.key)
    return context


def client_context(files: Files) -> ssl.SSLContext:
    """One that trusts our authority."""
    context = ssl.create_default_context(cafile=files.authority)
    context.check_hostname = True
    return context
