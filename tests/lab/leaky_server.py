"""
A server that writes a secret wherever a server can: `python -m lab.leaky_server ADDRESS PEM`.

What it answers is named by the first element of the path; to CONNECT it answers 407.
"""

import socket
import ssl
import sys
import threading
from collections.abc import Callable

SECRET = "q7Zx9Secret"
_END = "Content-Length: 0\r\nConnection: close\r\n\r\n"


def _redirect(to: str) -> str:
    return f"HTTP/1.1 302 Found\r\nLocation: {to}\r\n{_END}"


ANSWERS = {
    "signed": _redirect(f"https://refused.lab.test/f.zip?X-Sig={SECRET}"),
    "bad-location": _redirect(f"https://storage.lab.test/%zz?sig={SECRET}"),
    "bad-port": _redirect(f"https://u:p/{SECRET}@storage.lab.test/x"),
    "insecure": _redirect(f"http://u:{SECRET}@ok.lab.test/x?sig={SECRET}"),
    "scheme": _redirect(f"{SECRET}://ok.lab.test/x"),
    "status": f"HTTP/1.1 {SECRET} nonsense\r\n{_END}",
    "no-status": f"{SECRET} nonsense\r\n\r\n",
    "version": f"HTTP/{SECRET} 200 OK\r\n{_END}",
    "header": f"HTTP/1.1 200 OK\r\nAuthorization {SECRET}\r\n{_END}",
    "length": f"HTTP/1.1 200 OK\r\nContent-Length: {SECRET}\r\n\r\n",
    "encoding": f"HTTP/1.1 200 OK\r\nTransfer-Encoding: {SECRET}\r\n\r\n",
    "fold": f"HTTP/1.1 500 {SECRET}\r\nX-{SECRET}: 1\r\nSet-Cookie: a=1;\r\n {SECRET}\r\n{_END}",
}
CONNECT = f"HTTP/1.1 407 Use {SECRET} please\r\nProxy-Authenticate: Basic realm={SECRET}\r\n{_END}"


def _serve(connection: socket.socket) -> None:
    with connection:
        head = b""
        while b"\r\n\r\n" not in head:
            if not (data := connection.recv(65536)):
                return
            head += data
        method, target, *_ = head.decode("latin-1").split()
        answer = CONNECT if method == "CONNECT" else ANSWERS.get(target.split("/")[1], "")
        # In pieces, so that no packet has all of it.
        for start in range(0, len(answer), 25):
            connection.sendall(answer[start : start + 25].encode())


def _listen(address: str, port: int, wrap: Callable[[socket.socket], socket.socket]) -> None:
    with socket.create_server((address, port)) as listener:
        while True:
            accepted, _ = listener.accept()
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=_one, args=(accepted, wrap), daemon=True).start()


def _one(accepted: socket.socket, wrap: Callable[[socket.socket], socket.socket]) -> None:
    try:
        _serve(wrap(accepted))
    except OSError:
        accepted.close()


def main(address: str, pem: str) -> None:
    """Serve until the process is killed: TLS on 443, clear text on 80 and 3128."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    for port in (80, 3128):
        plain = threading.Thread(target=_listen, args=(address, port, lambda s: s), daemon=True)
        plain.start()
    _listen(address, 443, lambda accepted: context.wrap_socket(accepted, server_side=True))


if __name__ == "__main__":
    main(*sys.argv[1:])
