"""A real collector process, a certificate authority for it, and a plain HTTP client."""

import contextlib
import datetime as dt
import http.client
import ipaddress
import json
import os
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from modpulse.agent.batch.batch import Batch, ProxyWindow, encode

PROGRAM = "import sys; from modpulse.collector.cli import main; sys.exit(main())"


class Collector:
    """One `modpulse-collector serve` on a port of its own."""

    def __init__(self, directory: Path, tables: str = "", **keys: object) -> None:
        """
        Args:
            directory: Of its files.
            tables: TOML of what the environment cannot say.
            keys: The others.
        """
        self.directory = directory
        self.tables = tables
        self.keys = {"listen": "127.0.0.1:0", "database": str(directory / "db" / "c.db")} | keys
        self.url = ""
        self.log: list[str] = []
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None

    def start(self, **environment: str) -> "Collector":
        """Start it and wait until it serves."""
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("MODPULSE")}
        settings = {f"MODPULSE_COLLECTOR_{k.upper()}": str(v) for k, v in self.keys.items()}
        arguments = ["serve"]
        if self.tables:
            (self.directory / "tables.toml").write_text(self.tables)
            arguments += ["--config", str(self.directory / "tables.toml")]
        self._process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *arguments],
            env=inherited | settings | environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._process.stderr
        for line in self._process.stderr:
            self.log.append(line)
            if "collector.started" in line:
                self.url = line.split("url=")[1].split()[0]
                break
        else:
            self._process.stderr.close()
            raise AssertionError(f"collector did not start: {self._process.wait()} {self.log}")
        self._reader = threading.Thread(target=self.log.extend, args=(self._process.stderr,))
        self._reader.start()
        return self

    @property
    def pid(self) -> int:
        """Of the process."""
        assert self._process
        return self._process.pid

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.url.rpartition(":")[2])

    def kill(self) -> None:
        """`kill -9`."""
        assert self._process
        self._process.kill()
        self._close()

    def stop(self) -> int:
        """SIGTERM; returns the exit code."""
        assert self._process
        self._process.terminate()
        return self._close()

    def _close(self) -> int:
        assert self._process
        assert self._process.stderr
        code = self._process.wait(30)
        if self._reader:
            self._reader.join(30)
        self._process.stderr.close()
        self._process = None
        return code

    def end(self) -> None:
        """Leave nothing running, whatever the test did."""
        if self._process:
            self.kill()


def write_certificates(folder: Path, *clients: str) -> None:
    """Write ca.pem, server.pem (127.0.0.1) and a client certificate with key for each name."""
    now = dt.datetime.now(dt.UTC)
    signer = ec.generate_private_key(ec.SECP256R1())

    def issue(name: str, key: ec.EllipticCurvePrivateKey, extension: x509.ExtensionType) -> bytes:
        certificate = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test CA")]))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=1))
            .not_valid_after(now + dt.timedelta(days=1))
            .add_extension(extension, critical=True)
            .sign(signer, hashes.SHA256())
        )
        return certificate.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )

    root = issue("test CA", signer, x509.BasicConstraints(ca=True, path_length=None))
    (folder / "ca.pem").write_bytes(root)
    here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    (folder / "server.pem").write_bytes(
        issue("collector", ec.generate_private_key(ec.SECP256R1()), here)
    )
    for name in clients:
        plain = x509.SubjectAlternativeName([x509.DNSName(f"{name}.example")])
        (folder / f"{name}.pem").write_bytes(
            issue(name, ec.generate_private_key(ec.SECP256R1()), plain)
        )


@dataclass(frozen=True, slots=True)
class Reply:
    """What the collector answered."""

    status: int
    headers: Mapping[str, str]
    body: Any


def call(
    collector: Collector,
    method: str,
    path: str,
    body: bytes | None = None,
    context: ssl.SSLContext | None = None,
    **headers: str,
) -> Reply:
    """Do one request; header names are written with _ for -."""
    connection: http.client.HTTPConnection
    if context:
        connection = http.client.HTTPSConnection(
            "127.0.0.1", collector.port, timeout=30, context=context
        )
    else:
        connection = http.client.HTTPConnection("127.0.0.1", collector.port, timeout=30)
    with contextlib.closing(connection):
        connection.request(
            method, path, body, {name.replace("_", "-"): value for name, value in headers.items()}
        )
        answer = connection.getresponse()
        content = answer.read()
        is_json = answer.headers["content-type"] == "application/json"
        return Reply(
            answer.status,
            {name.lower(): value for name, value in answer.getheaders()},
            json.loads(content) if content and is_json else content,
        )


def post(
    collector: Collector,
    body: bytes,
    context: ssl.SSLContext | None = None,
    **headers: str,
) -> Reply:
    """POST a batch."""
    kind = {"Content_Type": "application/msgpack"}
    return call(collector, "POST", "/api/v1/batches", body, context, **kind | headers)


def batch_bytes(
    agent_id: str = "build-1",
    seq: int = 0,
    ok: int = 1,
    failing: str | None = None,
    end_ns: int | None = None,
    windows: tuple[ProxyWindow, ...] = (),
) -> bytes:
    """Make a batch of requests to https://good.example, and nine refused ones to `failing`."""
    if not windows:
        windows = (ProxyWindow(proxy="https://good.example", requests=ok),)
    if failing:
        windows += (ProxyWindow(proxy=failing, requests=9, failures={"tcp.refused": 9}),)
    end_ns = time.time_ns() if end_ns is None else end_ns
    return encode(
        Batch(
            agent_id=agent_id,
            run_id=b"run",
            seq=seq,
            window_start_ns=max(0, end_ns - 10**10),
            window_end_ns=end_ns,
            proxies=windows,
        )
    )
