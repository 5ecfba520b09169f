"""
A repository server of git over https: git-http-backend behind Python's HTTP server.

Run as a program: `git_server ADDRESS PEM FOLDER`. Below `/private` it asks for a login.
"""

import http.server
import os
import ssl
import subprocess
import sys
from pathlib import Path

BACKEND = "/usr/lib/git-core/git-http-backend"
VERSION = "v1.0.0"


def make_repository(folder: Path, module: str) -> None:
    """Make a bare repository of a module with one version."""
    env = {
        "PATH": os.defpath, "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@lab.test",
        "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@lab.test",
    }  # fmt: skip
    work = folder.with_suffix(".work")
    work.mkdir(parents=True)
    (work / "go.mod").write_text(f"module {module}\n")
    (work / "a.go").write_text("package a\n")
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "1"], ["tag", VERSION]):
        subprocess.run(["git", *words], cwd=work, env=env, check=True)
    subprocess.run(["git", "clone", "-q", "--bare", work, folder], env=env, check=True)


class Handler(http.server.BaseHTTPRequestHandler):
    """Each request is one run of git-http-backend, as CGI."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        if path.startswith("/private"):
            self.send_error(401)
            return
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        env = {
            "PATH": os.defpath, "GIT_PROJECT_ROOT": sys.argv[3], "GIT_HTTP_EXPORT_ALL": "1",
            "REQUEST_METHOD": self.command, "PATH_INFO": path, "QUERY_STRING": query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "HOME": "/nonexistent", "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*",
        }  # fmt: skip
        done = subprocess.run([BACKEND], env=env, input=body, capture_output=True, check=False)
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if line)
        self.send_response(int(fields.pop("Status", "200").split()[0]))
        for name, value in fields.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def do_POST(self) -> None:
        self.do_GET()


def main() -> None:
    """Serve until killed."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[2])
    server = http.server.ThreadingHTTPServer((sys.argv[1], 443), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
