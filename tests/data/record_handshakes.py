"""
Record real TLS handshakes on loopback into the .bin files of this folder; see README.md.

A real `go` command or `openssl s_client` talks to `openssl s_server` through a relay that keeps
what each side sent. Run it from anywhere: it needs `go` and `openssl`, and writes beside itself.
"""

import contextlib
import os
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path

HERE = Path(__file__).parent
KEPT_BYTES = 2600


class Relay:
    """Passes one connection on and keeps the first bytes of both directions."""

    def __init__(self, upstream: int) -> None:
        self.client, self.server = bytearray(), bytearray()
        self.upstream = upstream
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self) -> None:
        near, _ = self.listener.accept()
        self.listener.close()
        far = socket.create_connection(("127.0.0.1", self.upstream))
        back = threading.Thread(target=self.copy, args=(far, near, self.server), daemon=True)
        back.start()
        self.copy(near, far, self.client)
        back.join()

    @staticmethod
    def copy(source: socket.socket, sink: socket.socket, kept: bytearray) -> None:
        try:
            while data := source.recv(65536):
                kept += data
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def save(self, name: str) -> None:
        for side, data in (("client", self.client), ("server", self.server)):
            (HERE / f"{name}-{side}.bin").write_bytes(data[:KEPT_BYTES])


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def make_certificate(folder: Path) -> None:
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-keyout", "key.pem", "-out", "cert.pem", "-days", "90",
         "-subj", "/CN=goproxy.test", "-addext",
         "subjectAltName=DNS:localhost,DNS:*.goproxy.test,IP:127.0.0.1"],
        cwd=folder, check=True, capture_output=True,
    )  # fmt: skip
    der = subprocess.check_output(
        ["openssl", "x509", "-in", "cert.pem", "-outform", "DER"], cwd=folder
    )
    (HERE / "leaf.der").write_bytes(der)


def record(name: str, folder: Path, server: list[str], client: list[list[str]], trust: str) -> None:
    port = free_port()
    s_server = subprocess.Popen(
        ["openssl", "s_server", "-accept", str(port), "-key", "key.pem", "-cert", "cert.pem",
         "-www", *server],
        cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    time.sleep(0.5)
    try:
        for command in client:
            relay = Relay(port)
            filled = [word.format(port=relay.port) for word in command]
            env = os.environ | {
                "GOPROXY": f"https://localhost:{relay.port}",
                "GOSUMDB": "off", "GOTOOLCHAIN": "local", "GOFLAGS": "-modcacherw",
                "GOMODCACHE": str(folder / f"cache{relay.port}"), "SSL_CERT_FILE": trust,
            }  # fmt: skip
            with contextlib.suppress(subprocess.TimeoutExpired):
                subprocess.run(
                    filled, cwd=folder, env=env, input=b"", capture_output=True, timeout=5,
                    check=False,
                )  # fmt: skip
            time.sleep(0.2)
        relay.save(name)
    finally:
        s_server.kill()
        s_server.wait()


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        make_certificate(folder)
        trust, nobody = str(folder / "cert.pem"), os.devnull
        go = ["go", "list", "-m", "-versions", "example.com/m"]
        s_client = ["openssl", "s_client", "-connect", "127.0.0.1:{port}", "-ign_eof"]
        named = [*s_client, "-servername", "localhost", "-alpn", "h2,http/1.1"]
        record("go-tls13", folder, ["-tls1_3", "-alpn", "http/1.1"], [go], trust)
        record("go-tls12", folder, ["-tls1_2", "-alpn", "http/1.1"], [go], trust)
        record("go-tls12-untrusted", folder, ["-tls1_2"], [go], nobody)
        record("go-tls13-retry", folder, ["-tls1_3", "-groups", "P-384"], [go], trust)
        record("go-alert", folder, ["-tls1_2", "-cipher", "AES128-CCM8"], [go], trust)
        record("openssl-tls13", folder, ["-tls1_3"], [named], trust)
        for version in ("1_2", "1_3"):
            keep, use = ["-sess_out", "session.pem"], ["-sess_in", "session.pem"]
            get = ["sh", "-c", "printf 'GET / HTTP/1.0\\r\\n\\r\\n' | \"$@\"", "sh", *named]
            record(
                f"openssl-tls{version.replace('_', '')}-resumed",
                folder, [f"-tls{version}"], [[*get, *keep], [*get, *use]], trust,
            )  # fmt: skip


if __name__ == "__main__":
    main()
