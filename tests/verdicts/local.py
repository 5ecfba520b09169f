"""What lies with this machine: files, disk, permission, sandbox, authorities, clock, memory."""

import sys

from lab.answers import SUM_NAME
from lab.sumdb import Signer

from .member import AS, Member

NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
MANY = tuple(f"m{number:02}" for number in range(12))


def _is(name: str, says: str, cls: str, /, **more: object) -> Member:
    options = {
        "kind": "local", "name": name, "goproxy": AS, "says": says, "cls": cls,
        "party": "this machine", **more,
    }  # fmt: skip
    return Member(**options)  # type: ignore[arg-type]


def _shell(setup: str, *then: str) -> tuple[str, ...]:
    return ("unshare", "-m", "sh", "-ec", f'{setup}; exec "$@"', "sh", *then)


def _cache(options: str) -> tuple[str, ...]:
    return _shell(f"mkdir -p $GOMODCACHE; mount -t tmpfs -o {options} tmpfs $GOMODCACHE")


def _files(limit: int) -> tuple[str, ...]:
    return ("prlimit", f"--nofile={limit}:{limit}")


def _sandbox(kind: str) -> tuple[str, ...]:
    return (sys.executable, "-P", "{sandbox}", kind)


EMFILE, ENOSPC, EROFS, EACCES = (
    "too many open files", "no space left on device", "read-only file system", "permission denied",
)  # fmt: skip
KEY = Signer(SUM_NAME).verifier
LATEST = f"$GOPATH/pkg/sumdb/{SUM_NAME}/latest"
CACHED = "$GOMODCACHE/cache/download/mod.lab.test/m00/@v"


def _cached(sum_of_zip: str) -> tuple[str, ...]:
    return _shell(
        f"mkdir -p {CACHED}; cd {CACHED}; printf 'module mod.lab.test/m00\\n' > v1.1.0.mod; "
        'echo \'{"Version":"v1.1.0"}\' > v1.1.0.info; '
        f"printf {sum_of_zip} > v1.1.0.ziphash; echo zip > v1.1.0.zip; cd -"
    )


DEAD_CA = {"SSL_CERT_DIR": "{folder}/none"}
USUAL_CA = {"SSL_CERT_FILE": "", "SSL_CERT_DIR": ""}
NOWHERE = {"endpoint": "", "section": "nothing on the network"}
MEMBERS = (
    *(
        _is(f"{limit} descriptors", f"{EMFILE}|no such host|24|unknown authority|roots",
            "local.files",
            before=_files(limit), exit_code=code, endpoint=endpoint)
        for limit, code, endpoint in ((5, 1, ""), (6, 2, ""), (8, 1, "mod"), (9, 1, ""), (10, 1,
        ""))
    ),
    *(
        _is(f"{limit} descriptors, twelve modules",
            f"{EMFILE}|no such host|unknown authority|roots",
            "local.files", before=_files(limit), requires=MANY, env={"GOMAXPROCS": "8"},
            endpoint="mod")
        for limit in (9, 10, 11, 12, 14)
    ),
    *(
        _is(f"{limit} descriptors, by address", f"{EMFILE}|unknown authority|roots", "local.files",
            before=_files(limit), goproxy="https://10.44.2.1")
        for limit in (8,)
    ),
    _is("a module cache of 4 KiB", ENOSPC, "local.disk", before=_cache("size=4k"), endpoint="zip"),
    _is("a module cache of 12 KiB", ENOSPC, "local.disk", before=_cache("size=12k"),
        endpoint="zip"),
    _is("a module cache of 24 KiB", ENOSPC, "local.disk", before=_cache("size=24k"), endpoint=""),
    _is("a module cache of 1 MiB for a big zip", ENOSPC, "local.disk", before=_cache("size=1m"),
        requires=("big",), endpoint="zip"),
    _is("a module cache without inodes", ENOSPC, "local.disk", before=_cache("nr_inodes=8"),
        endpoint=""),
    _is("a read-only module cache", EROFS, "local.disk|local.permission", before=_cache("ro"),
        endpoint=""),
    _is("a full cache, twice with |", ENOSPC, "local.disk", before=_cache("size=12k"),
        goproxy=f"{AS}|https://as-h1.lab.test", endpoint="zip"),
    _is("files of 100 bytes at most", "write /", "local.disk",
        before=("prlimit", "--fsize=100"), endpoint="zip", judgement=True),
    _is("a read-only main module", "permission denied|read-only", "local.permission|local.disk",
        before=_shell("mount --bind . .; mount -o remount,ro,bind .; cd $PWD"), endpoint=""),
    _is("another user's cache", EACCES, "local.permission", before=NOBODY, endpoint=""),
    _is("a cache nobody may enter", EACCES, "local.permission", endpoint="",
        before=_shell("mkdir -p $GOMODCACHE; chmod 0 $GOMODCACHE", *NOBODY)),
    _is("a cache that is a file", "not a directory", "local.permission|local.disk|local.config",
        before=_shell("mkdir -p $GOPATH/pkg; touch $GOMODCACHE"), endpoint="", judgement=True),
    _is("no permission for the build cache", EACCES, "local.permission", args=("build", "./..."),
        before=_shell("mkdir -p $GOMODCACHE; chmod 777 $GOMODCACHE; printf 'package x' > x.go",
        *NOBODY),
        requires=(), **{**NOWHERE, "section": ""}),
    _is("no folder for temporary files", "no such file", "local.config|local.disk",
        args=("build", "./..."), requires=(), env={"GOTMPDIR": "{folder}/none"},
        before=_shell("printf 'package x' > x.go"), endpoint="", judgement=True),
    _is("a full build cache", ENOSPC, "local.disk", args=("build", "./..."), requires=(),
        endpoint="",
        before=_shell("mount -t tmpfs -o nr_inodes=4 tmpfs $GOCACHE; printf 'package x' > x.go")),
    _is("full temporary files", ENOSPC, "local.disk", args=("build", "./..."), requires=(),
        endpoint="", before=_shell("mount -t tmpfs -o nr_inodes=1 tmpfs $TMPDIR; "
                                   "printf 'package x' > x.go")),
    _is("a full build cache after the downloads", ENOSPC, "local.disk", args=("build", "./..."),
        endpoint="", env={"GOFLAGS": "-mod=mod -modcacherw"},
        before=_shell("mount -t tmpfs -o nr_inodes=4 tmpfs $GOCACHE; "
                      "printf 'package x\\nimport _ \"mod.lab.test/m00\"\\n' > x.go")),
    _is("sandbox: connect EPERM", "connect: operation not permitted", "local.permission",
        before=_sandbox("connect-EPERM")),
    _is("sandbox: connect EACCES", "connect: permission denied", "local.permission",
        before=_sandbox("connect-EACCES")),
    _is("sandbox: no INET sockets", "address family not supported", "local.permission",
        before=_sandbox("inet-EAFNOSUPPORT")),
    _is("sandbox: socket EPERM", "socket: operation not permitted", "local.permission",
        before=_sandbox("inet-EPERM")),
    _is("sandbox: socket EACCES", "socket: permission denied", "local.permission",
        before=_sandbox("inet-EACCES")),
    _is("sandbox: UDP EPERM", "operation not permitted", "local.permission",
        before=_sandbox("udp-EPERM")),
    _is("sandbox: TCP EPERM", "operation not permitted", "local.permission",
        before=_sandbox("tcp-EPERM")),
    _is("sandbox: TCP EMFILE", EMFILE, "local.files", before=_sandbox("tcp-EMFILE")),
    _is("sandbox: TCP ENFILE", "too many open files in system", "local.files",
        before=_sandbox("tcp-ENFILE")),
    _is("sandbox: TCP ENOBUFS", "no buffer space", "local.files|local.permission",
        before=_sandbox("tcp-ENOBUFS"), judgement=True),
    _is("sandbox: TCP ENOMEM", "cannot allocate memory", "local.files|local.permission",
        before=_sandbox("tcp-ENOMEM"), judgement=True),
    _is("sandbox: connect EADDRNOTAVAIL", "cannot assign requested address",
        "local.files|local.permission", before=_sandbox("connect-EADDRNOTAVAIL"),
        goproxy="https://10.44.2.1", judgement=True),
    _is("sandbox: UDP EMFILE", EMFILE + "|no such host", "local.files",
        before=_sandbox("udp-EMFILE")),
    _is("sandbox: landlock", "connect: permission denied", "local.permission",
        before=_sandbox("landlock")),
    _is("sandbox: landlock, twice with |", "connect: permission denied", "local.permission",
        before=_sandbox("landlock"), goproxy=f"{AS}|https://as-h1.lab.test"),
    _is("sandbox: an HTTP proxy may not be reached", "proxyconnect tcp: .*permission denied",
        "local.permission", before=_sandbox("landlock"),
        env={"HTTPS_PROXY": "http://hp.lab.test:3201"}),
    _is("no file of authorities", "unknown authority", "local.ca",
        env={"SSL_CERT_FILE": "{folder}/none", **DEAD_CA}),
    _is("a container without authorities", "unknown authority", "local.ca", env=USUAL_CA,
        before=_shell("mount -t tmpfs tmpfs /etc/ssl")),
    _is("a container whose file of authorities is empty", "unknown authority", "local.ca",
        env=USUAL_CA, before=_shell("mount -t tmpfs tmpfs /etc/ssl; mkdir /etc/ssl/certs; "
                                    "touch /etc/ssl/certs/ca-certificates.crt")),
    _is("an empty folder of authorities", "unknown authority", "local.ca",
        env={"SSL_CERT_FILE": "{folder}/none", "SSL_CERT_DIR": "{folder}/tmp:{folder}/none"}),
    _is("a file of other authorities", "unknown authority", "tls.untrusted",
        env={"SSL_CERT_FILE": "{folder}/../ca.pem", **DEAD_CA}, party="module proxy",
        goproxy="https://stranger.crt.lab.test", host="stranger.crt.lab.test", judgement=True),
    _is("a file of authorities that is a folder", "failed to load system roots", "local.ca",
        env={"SSL_CERT_FILE": "/tmp", **DEAD_CA}),
    _is("a file of authorities without one", "unknown authority", "local.ca",
        env={"SSL_CERT_FILE": "/etc/passwd", **DEAD_CA}),
    _is("an empty file of authorities", "unknown authority", "local.ca",
        env={"SSL_CERT_FILE": "/dev/null", **DEAD_CA}),
    _is("a file of authorities that may not be read",
        "failed to load system roots|unknown authority",
        "local.ca", env={"SSL_CERT_FILE": "{folder}/ca.pem", **DEAD_CA,
        "GOMODCACHE": "{folder}/tmp/m",
                         "GOFLAGS": "-mod=mod -modcacherw"},
        before=_shell("touch ../ca.pem; chmod 0 ../ca.pem; chmod -R 777 ../src ../tmp", *NOBODY)),
    _is("no memory: address space", "out of memory|cannot allocate|reserve", "local.files|",
        before=("prlimit", "--as=100000000"), exit_code=2, judgement=True, **NOWHERE),
    _is("no memory: data", "out of memory", "local.files|", judgement=True,
        before=("prlimit", "--data=40000000"), exit_code=2, **NOWHERE),
    _is("no threads", "failed to create new OS thread", "local.files|", judgement=True,
        before=("prlimit", "--nproc=1:1", *NOBODY), exit_code=2, **NOWHERE),
    _is("no home", "module cache not found|GOPATH", "local.config", party="configuration",
        before=("env", "-u", "HOME", "-u", "GOPATH", "-u", "GOMODCACHE"), endpoint=""),
    *(
        _is(f"the checksum database's cache: {name}", says, "checksum.sumdb",
            env={"GOSUMDB": f"{KEY} https://as.lab.test"}, endpoint="", before=_shell(setup))
        for name, setup, says in (
            ("a file", "mkdir -p $GOPATH/pkg; touch $GOPATH/pkg/sumdb", "not a directory"),
            ("not readable", f"mkdir -p {LATEST}", "is a directory"),
            ("corrupt", f"mkdir -p {LATEST}; rmdir {LATEST}; echo x > {LATEST}", "malformed"),
        )
    ),
    _is("a tool that may not be run", EACCES, "local.permission", args=("build", "./..."),
        requires=(), endpoint="", judgement=True,
        before=_shell("touch k; printf 'package x' > x.go; export GOFLAGS=-toolexec=$PWD/k")),
    _is("a working directory that is gone", "no such file|getwd", "local.config",
        party="configuration", endpoint="", before=_shell("mkdir d; cd d; rmdir ../d")),
    _is("a compiler that is killed", "signal: killed", "", args=("build", "./..."), requires=(),
        before=_shell("printf '#!/bin/sh\nkill -9 $$' > k; chmod +x k; printf 'package x' > x.go; "
                      "export GOFLAGS=-toolexec=$PWD/k"), **NOWHERE),
    _is("a cached go.mod that go.sum contradicts", "SECURITY ERROR|checksum mismatch",
        "checksum.gosum", go_sum=f"mod.lab.test/m00 v1.1.0/go.mod h1:{'A' * 43}=\n", endpoint="",
        goproxy="off", before=_cached(f"h1:{'B' * 43}=")),
    _is("a cached zip that is none", "not a valid zip", "local.disk", goproxy="off", endpoint="",
        before=_cached(f"h1:{'B' * 43}=")),
    _is("git is missing", "executable file not found", "local.config|", party="this machine",
        goproxy="direct", requires=("as.lab.test/get.meta-git/x@v1.0.0",), endpoint="",
        before=("env", "PATH={folder}/none"), judgement=True),
)  # fmt: skip
