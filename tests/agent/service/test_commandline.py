"""What of a command line may be seen: what is known to be no secret."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modpulse.agent.service.commandline import MAX_ARGUMENT_CHARS
from modpulse.agent.service.foreign import say_arguments

S = "hunter"
"""A password without any form: a plain word."""


@pytest.mark.parametrize(
    "arguments",
    [
        ("docker", "login", "-p", S),
        ("sshpass", "-p", S, "ssh", "h"),
        ("sshpass", f"-p{S}", "ssh", "h"),
        ("mysql", f"-p{S}"),
        ("curl", "-u", f"user:{S}"),
        ("curl", "-H", f"Authorization: {S}"),
        ("curl", f"-HX-JFrog-Art-Api:{S}"),
        ("tool", "--pass", S),
        ("tool", f"--pass={S}"),
        ("sh", "-c", f"curl -u user:{S} https://h"),
        ("bash", "-lc", f"export X={S}; go build"),
        ("env", f"MYSQL_PWD={S}", "go", "mod", "download"),
        (f"GITHUB_TOKEN={S}", "go", "mod", "download"),
        ("docker", "run", "-e", f"NAME={S}", "golang", "go", "build"),
        ("make", f"TOKEN={S}"),
        ("go", "build", f"-ldflags=-X main.dbPass={S}"),
        ("go", "build", "-ldflags", f"-X 'main.dbPass={S}'", "./..."),
        ("go", "build", f"-gcflags={S}"),
        ("go", "build", "-toolexec", f"{S} {S}"),
        ("go", "test", "./...", "-args", S),
        ("go", "test", "./...", f"-password={S}"),
        ("go", "test", "-password", S, "./..."),
        ("go", "test", f"-v={S}"),
        ("go", "build", f"-p{S}"),
        ("go", "run", "./cmd/x", S),
        ("go", "run", ".", f"https://h/{S}"),
        ("go", "tool", "x", S),
        ("go", S),
        ("go", "get", S),
        ("go", "get", f"https://{S}@h.example/x"),
        ("go", "get", f"user:{S}@h.example/x"),
        ("go", "env", "-w", f"GOPROXY=https://user:{S}@h.example"),
        ("go", "env", f"GOAUTH={S}"),
        ("go", "list", "-f", S),
        ("git", "-c", f"http.extraHeader={S}", "fetch"),
        ("git", "clone", f"https://u:{S}@h.example/x"),
        ("bash", "x.sh", S),
        ("python3", "-c", S),
        ("java", f"-Dpassword={S}", "-jar", "x.jar"),
        ("./build.sh", S),
    ],
)
def test_secrets(arguments: tuple[str, ...]) -> None:
    """However a program takes its password, it is not seen."""
    told = say_arguments(arguments)

    assert S not in " ".join(told)
    assert say_arguments(told) == told


@pytest.mark.parametrize(
    "line",
    [
        "go build ./...",
        "/usr/local/go/bin/go mod download -x",
        "go1.22.1 mod tidy -compat=1.21",
        "go get -u golang.org/x/text@v0.3.0 example.com/m@latest example.com/x@>=v1.2",
        "go test -race -run ^TestX$ -count=1 -timeout 5m ./pkg/...",
        "go -C sub list -m -json all",
        "go build -mod=mod -tags a,b -o bin/x .",
        "go env GOVERSION CC",
        "go run ./cmd/x",
        "go mod edit -go=1.22",
        "go list -m -versions golang.org/x/text",
        "make -j8 test lint",
        "sh scripts/build.sh",
        "./build.sh",
    ],
)
def test_what_is_known_stays(line: str) -> None:
    """Of a command the words, flags and packages of `go` stay, targets and scripts too."""
    assert say_arguments(line.split()) == tuple(line.split())


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("timeout -k 5 60 go build ./...", "timeout … go build ./..."),
        ("env A=b /opt/go/bin/go mod download", "env … /opt/go/bin/go mod download"),
        ("go build -ldflags=-X=a.b=c -trimpath ./...", "go build -ldflags=… -trimpath ./..."),
        ("go env -w GOPROXY=off", "go env -w GOPROXY=…"),
        ("go run ./cmd/x a b c", "go run ./cmd/x …"),
        ("make test V=1", "make test V=…"),
        ("git -c a=b fetch -f https://h.example", "git … fetch …"),
    ],
)
def test_what_is_not_seen(line: str, told: str) -> None:
    """Something stands where arguments are not seen, however many."""
    assert " ".join(say_arguments(line.split())) == told


def test_a_long_argument() -> None:
    """What is longer than any name is not shown at all."""
    assert say_arguments(("go", "build", "./" + "a" * MAX_ARGUMENT_CHARS)) == ("go", "build", "…")


WORDS = st.sampled_from(
    ["go", "git", "make", "sh", "env", "build", "test", "run", "get", "mod", "-v", "-o", "-ldflags",
     "-args", "./...", "A=b", "h.example/x@v1", "…"]
)  # fmt: skip


@given(st.lists(WORDS | st.text(max_size=12), max_size=8))
def test_saying_twice(arguments: list[str]) -> None:
    """Saying what was said changes nothing, whatever the command line was."""
    told = say_arguments(arguments)

    assert say_arguments(told) == told
    assert len(told) <= len(arguments)


PROGRAMS = st.sampled_from(
    [
        "docker",
        "mysql",
        "curl",
        "env",
        "sudo",
        "git",
        "go",
        "/opt/x/tool",
        "java",
        "go1.22.1",
        "A=b",
    ]
)
SECRETS = st.sampled_from(
    [S, f"-p{S}", f"--pass={S}", f"X={S}", f"-X main.k={S}", f"u:{S}@h.example", f"-H{S}: {S}"]
)


@given(PROGRAMS, st.lists(WORDS | SECRETS, max_size=8))
def test_wherever_it_stands(program: str, arguments: list[str]) -> None:
    """Before, behind and between words of `go` no word of a secret is seen."""
    plain = {"-o"}  # names a place, which is shown
    told = say_arguments([program, *(word for word in arguments if word not in plain)])

    assert S not in " ".join(told)
