"""`rediss://`: encrypted, and only to the server the operator named."""

import asyncio
import datetime
import ipaddress
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.store.client import connect
from gateway.store.embedded import EmbeddedStore


def write_certificate(folder: Path) -> tuple[Path, Path]:
    """Write a certificate of 127.0.0.1, signed by itself, and its key; return their paths."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test store")])
    now = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    host = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=36500))
        .add_extension(x509.SubjectAlternativeName([host]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "store.crt", folder / "store.key"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return paths


@asynccontextmanager
async def encrypting(server: EmbeddedStore, folder: Path) -> AsyncIterator[int]:
    """Yield the port of a TLS front for the server."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*write_certificate(folder))

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
        writer.close()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream = await asyncio.open_unix_connection(server.socket)
        await asyncio.gather(pass_on(reader, upstream[1]), pass_on(upstream[0], writer))

    front = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=context)
    async with front:
        yield front.sockets[0].getsockname()[1]


async def test_a_known_certificate_is_accepted(redis_server: EmbeddedStore, tmp_path: Path) -> None:
    async with encrypting(redis_server, tmp_path) as port:
        url = f"rediss://127.0.0.1:{port}?ssl_ca_certs={tmp_path}/store.crt"
        async with await connect(url, timeout_s=5.0) as store:
            assert await store.run("ECHO", "x" * 100_000) == b"x" * 100_000


async def test_an_unknown_certificate_is_refused(
    redis_server: EmbeddedStore, tmp_path: Path
) -> None:
    async with (
        encrypting(redis_server, tmp_path) as port,
        await connect(f"rediss://127.0.0.1:{port}", timeout_s=5.0) as store,
    ):
        assert not store.healthy
