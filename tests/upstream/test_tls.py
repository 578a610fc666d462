"""Whom a TLS context trusts; the handshakes themselves are in `test_transport_tls.py`."""

import ssl
from pathlib import Path

import pytest

from gateway.upstream.tls import create_tls_context, load_system_cas
from tests.upstream.certificates import PrivateCa


def trusted_cas(bundle: Path, folder: Path) -> int:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    load_system_cas(context, bundle, folder)
    return context.cert_store_stats()["x509_ca"]


def test_a_system_without_cas_gets_those_of_certifi(tmp_path: Path) -> None:
    ca = PrivateCa(tmp_path)
    missing, empty = tmp_path / "none", tmp_path / "empty"
    empty.mkdir()
    assert trusted_cas(ca.file, empty) == 1
    assert trusted_cas(missing, tmp_path) == 0  # a folder is searched when a server is verified
    assert trusted_cas(missing, empty) > 50
    assert trusted_cas(missing, missing) > 50


def test_an_operators_ca_is_trusted_besides_the_systems(tmp_path: Path) -> None:
    alone = create_tls_context().cert_store_stats()["x509_ca"]
    both = create_tls_context(str(PrivateCa(tmp_path).file))
    assert both.cert_store_stats()["x509_ca"] == alone + 1


def test_verification_is_on_and_old_versions_are_off() -> None:
    context = create_tls_context()
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2


def test_a_ca_file_that_cannot_be_used_says_so_at_start(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        create_tls_context(str(tmp_path / "none.pem"))
    (tmp_path / "bad.pem").write_text("no certificate")
    with pytest.raises(ssl.SSLError):
        create_tls_context(str(tmp_path / "bad.pem"))
