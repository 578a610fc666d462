"""The TLS settings of every connection to a provider. Verification cannot be switched off."""

import ssl
from pathlib import Path

import certifi


def create_tls_context(ca_file: str | None = None) -> ssl.SSLContext:
    """Return a verifying client context: the system's CAs, and those of `ca_file` (PEM) besides.

    Built by hand because `ssl.create_default_context` obeys SSL_CERT_FILE, SSL_CERT_DIR and
    SSLKEYLOGFILE: an environment variable must neither swap the CAs nor write session keys to disk.
    Where the system has no CAs (slim images) those of certifi are used. Raises OSError for a
    `ca_file` that cannot be read (ssl.SSLError: that is no PEM).
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    # `openssl_*` are the paths OpenSSL was built with; the names without it follow the environment.
    paths = ssl.get_default_verify_paths()
    load_system_cas(context, Path(paths.openssl_cafile), Path(paths.openssl_capath))
    if ca_file is not None:
        context.load_verify_locations(ca_file)
    return context


def load_system_cas(context: ssl.SSLContext, bundle: Path, folder: Path) -> None:
    """Trust the CAs of a bundle, else of a folder of hashed names, else those certifi brings."""
    if bundle.is_file():
        context.load_verify_locations(cafile=bundle)
    elif folder.is_dir() and any(folder.iterdir()):
        context.load_verify_locations(capath=folder)
    else:
        context.load_verify_locations(cafile=certifi.where())
