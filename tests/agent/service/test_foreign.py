"""The one function through which every foreign word passes on its way out."""

import json
import re

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from modpulse.agent.records.records import Failure, Process
from modpulse.agent.service.foreign import (
    CUT,
    MAX_READ_CHARS,
    MAX_SAID_CHARS,
    said,
    say,
    visible,
)

S = "q7Zx9"
"""The planted secret; each test looks for it, or a half of it."""


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"https://u:{S}@h.example/x", "https://h.example/x"),
        (f"HTTPS://{S}@H.example/x", "HTTPS://H.example/x"),
        (f"https://u:{S}@h.example:8443", "https://h.example:8443"),
        (f"https://u:{S}@[2001:db8::1]:443/x", "https://[2001:db8::1]:443/x"),
        (f"https://u:a@{S}@h.example/x", "https://h.example/x"),
        (f"https://u:a,{S}@h.example/x", "https://h.example/x"),
        (f"https://u:a|{S}@h.example/x", "https://h.example/x"),
        (f"https://u:a/{S}@h.example/x", "https://h.example/x"),
        (f"https://u:1/{S}@h.example/x", "https://h.example/x"),
        (f"https://u:a?{S}@h.example/x", "https://h.example/x"),
        (f"https://u:a#{S}@h.example/x", "https://h.example/x"),
        (f'https://u:a"{S}@h.example/x', "https://h.example/x"),
        (f"https://u:a {S}@h.example/x", "https://h.example/x"),
        (f"https://u:a%40{S}@h.example/x", "https://h.example/x"),
        (f"https:/u:{S}@h.example/x", "https:/h.example/x"),
        (f"//u:{S}@h.example/x", "//h.example/x"),
        (f"https:\\\\u:{S}@h.example/x", "h.example/x"),
        (f"socks5://u:{S}@h.example:1080", "socks5://h.example:1080"),
        (f"u:{S}@h.example:3128", "h.example:3128"),
        (f"{S}@h.example:3128", "h.example:3128"),
        (f"https:\\/\\/u:{S}@h.example\\/x", "https:\\/\\/h.example\\/x"),
        (f"https%3A%2F%2Fu%3A{S}%40h.example%2Fx%3Fa%3D{S}&b={S}", "https://h.example/x"),
        (f"https%253A%252F%252Fu%253A{S}%2540h.example", "https://h.example"),
        (f"https://h.example/p/https%3A%2F%2Fu%3A{S}%40g.example", "https://h.example/p/https://"
         "g.example"),
    ],
)  # fmt: skip
def test_user_info(text: str, told: str) -> None:
    """However a URL is written, its user info goes, and server and path stay."""
    assert say(text) == told
    assert say(f"dial {text} failed") == f"dial {told} failed"
    assert say(f'Get "{text}": EOF') == f'Get "{told}": EOF'


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"https://h.example/x?a={S}", "https://h.example/x"),
        (f"https://h.example/x?{S}", "https://h.example/x"),
        (f"https://h.example/x#{S}", "https://h.example/x"),
        (f"https://h.example?a={S}", "https://h.example"),
        (f"https://h.example/x;jsessionid={S}", "https://h.example/x"),
        (f"https://h.example/x;{S}", "https://h.example/x"),
        (f"https://h.example/x%3B{S}", "https://h.example/x"),
        (f"https://h.example/x%40{S}", "https://h.example"),
        (f"https://h.example/{S}%2540x", "https://h.example"),
        (f"https://h.example/x%3Fa%3D{S}", "https://h.example/x"),
        (f"https://h.example/x%253fa%253d{S}", "https://h.example/x"),
        (f"https://h.example/x%23{S}", "https://h.example/x"),
        (f"https://h.example/x\\u003fa={S}\\u0026b={S}", "https://h.example/x"),
        (f"https://h.example/x?next=https://g.example/&a={S}", "https://h.example/x"),
        (f"https://h.example/x?next=https://u:p@g.example/&a={S}", f"https://{CUT}"),
        (f"/x?next=https://g.example/&a={S}", "/x"),
        (f"/x?a={S}", "/x"),
        (f"x.zip?a={S}", "x.zip"),
        (f"https://h.example/x?mail=a@b.example/{S}", f"https://{CUT}"),
    ],
)
def test_query(text: str, told: str) -> None:
    """Queries, fragments and path parameters never leave; where a server cannot be told from
    them, it does not either."""
    assert say(text) == told
    assert say(f"after {text} nothing") == f"after {told} nothing"


def test_a_quoted_query_may_hold_quotes() -> None:
    """A URL in quotes ends where %q ends it."""
    text = f'parse "https://h.example/x?a=\\"{S} {S}\\u0026": invalid'

    assert say(text) == 'parse "https://h.example/x": invalid'


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"https://u:{S}@a.example,https://v:{S},|@b.example|direct",
         "https://a.example,https://b.example|direct"),
        (f"https://u:{S}@a.example|direct", "https://a.example|direct"),
        (f"https://a.example/x,https://b.example/y?z={S}", "https://a.example/x,https://b.example/y"),
        (f"redirected from secure URL https://a.example/m/@v/list?x={S} to insecure URL "
         f"http://u:{S}@b.example/z?y={S}",
         "redirected from secure URL https://a.example/m/@v/list to insecure URL "
         "http://b.example/z"),
    ],
)  # fmt: skip
def test_several(text: str, told: str) -> None:
    """Each URL of a list or a sentence is seen for itself."""
    assert say(text) == told


@pytest.mark.parametrize(
    "text",
    [
        f"Authorization: Basic {S}==",
        f"authorization: {S}",
        f"Proxy-Authorization: Bearer {S}",
        f"malformed MIME header line: Authorization Basic {S}",
        f"Set-Cookie: a={S}; Path=/",
        f"X-Api-Key: {S}",
        f"password={S}",
        f'{{"token": "{S}"}}',
        f"GITHUB_TOKEN={S}",
        f"--access-key={S}",
        f"X-JFrog-Art-Api: {S}",
        f"PRIVATE-TOKEN: {S}",
        f"X-Amz-Security-Token: {S}",
        f"MYSQL_PWD={S}",
        f"GITHUB_PAT={S}",
        f"-X main.dbPass={S}",
        f"token%3D{S}",
        f"x.zip%3Fx%3D{S}",
    ],
)
def test_credentials(text: str) -> None:
    """What stands behind a name of credentials goes."""
    assert S not in say(text)


TOKENS = (
    "ghp_16C7e42F292c6912E7710c838347Ae178B4a", "github_pat_11aabbcc0abcdef_a1b2c3d4e5f6g7h8i9j0",
    "glpat-x7dk-abc_defghijkl", "xoxb-123456-7890123-abcdefghijkl", "AKIAIOSFODNN7EXAMPLE",
    "npm_abcdefghij0123456789klmnopqrstuvwxyz", "sk-proj-aBc_def-ghi1234567",
    "hvs.caesi1jabcdefghijk",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc-def_g", "AKCp8k8XyZabcdefgh0123456789ABCDEFGHIJ",
    "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNza==\n-----END OPENSSH PRIVATE KEY-----",
)  # fmt: skip


@pytest.mark.parametrize("token", TOKENS)
@pytest.mark.parametrize("form", ["{}", "x {} y", '"{}"', "https://h.example/{}/go/x", "a,{}"])
def test_tokens(form: str, token: str) -> None:
    """A token goes by its own form, wherever it stands."""
    told = say(form.format(token))

    assert not any(token[start : start + 8] in told for start in range(8, len(token) - 7))


@pytest.mark.parametrize("size", range(8, 41))
def test_a_token_that_was_cut(size: int) -> None:
    """The beginning of a token is none of the words that stay."""
    assert say(f"no {TOKENS[-2][:size]}{CUT}") == f"no {CUT}{CUT}"


@pytest.mark.parametrize(
    "text",
    [
        "lookup proxy.example on 10.0.0.53:53: no such host",
        "golang.org/x/text@v0.3.0",
        "verifying example.com/a@v1.0.0/go.mod: checksum mismatch",
        "https://h.example:8443/golang.org/x/text/@v/v0.3.0.zip",
        "https://h.example/golang.org/x/text/@latest",
        "https://h.example/sumdb/s.example/lookup/golang.org/x/text@v0.3.0",
        "certificate of h.example is signed by an unknown authority: CN=Lab CA,O=x",
        "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAd8OuAn8",
        "/user.slice/user-1000.slice/user@1000.service/app.slice",
        "git@github.com:owner/repository",
        "[fe80::1]:443",
        "*.example.com",
        "-ldflags=-X main.version=1",
        "token_file = '/etc/modpulse/token': no token in it",
        "file:///srv/mirror",
        "http2: server sent GOAWAY and closed the connection",
        "github.com/Azure/azure-sdk-for-go/services/compute/mgmt/2019-07-01/compute",
        "k8s.io/api@v0.0.0-20250325101103-175b25e1c1b9",
        "docker://b3b0cda2e3d04fa7a8d1e9c2f1f0a5d6b3b0cda2e3d04fa7a8d1e9c2f1f0a5d6",
        "github.com/sk-tools/gltf-pipeline-2024",
        "go get -u github.com/a/b https://h.example/x",
        "the token is unknown; see token_file",
        "token 1 was dropped",
        "https://h.example/x; then nothing",
    ],
)
def test_the_harmless_stays(text: str) -> None:
    """Names, versions, addresses and reasons stay as they are."""
    assert say(text) == text


def test_steering() -> None:
    """What steers a terminal is gone, and what cannot be encoded is replaced."""
    evil = "a\x1b[2Jb\x1b]0;owned\x07c\u202ed\u200be\u2066f\u3164g\x9b1mh\x00i\ud800j\nk\u2028l"

    assert say(evil) == "abcdefghi\N{REPLACEMENT CHARACTER}j k l"


def test_steering_within_a_url() -> None:
    """Invisible characters do not hide a URL."""
    assert say(f"https:\u200b//u:\x1b[0m{S}\u202e@h.example/x") == "https://h.example/x"


def test_cut() -> None:
    """A text that is too long ends with a mark."""
    told = say("word " * 1000)

    assert len(told) == MAX_SAID_CHARS
    assert told.endswith(CUT)
    assert len(say("a" * 10**6)) == MAX_SAID_CHARS


@pytest.mark.parametrize("size", range(1, 130))
def test_cut_by_the_kernel(size: int) -> None:
    """A URL that was cut shows no more than a whole one."""
    url = f"https://builder:{S * 3},|/{S}@h.example/x?a={S * 20}"
    told = say(url[:size] + CUT)

    assert S[:3] not in told
    assert "builder" not in told


def test_cut_far_behind() -> None:
    """User info that goes on beyond what is read is no server."""
    assert say(f"https://u:{S * MAX_READ_CHARS}@h.example")[-1] == CUT
    assert S not in say(f"https://u:{S * MAX_READ_CHARS}@h.example")


def test_records() -> None:
    """Every text of a record is said, whatever its field; a clean record is itself."""
    process = Process(
        pid=1, start_at_ns=0, argv=("go", "-u", f"a:{S}"), exe=f"/x?a={S}",
        job={"URL": f"https://u:{S}@h.example"},
    )  # fmt: skip
    clean = Failure("http.5xx", "https", "h.example answered 500", "h.example")

    assert S not in repr(said(process))
    assert said(process).pid == 1
    assert said(clean) is clean
    assert S not in repr(said([clean, {"a": (f"u:{S}@h.example:1",)}]))


@pytest.mark.parametrize(
    "form",
    [
        "sig={}", "AccountKey={}==", "pw={}", "cert_pw={}", "key={}", "otp={}", "pin={}",
        "Token {}", "ApiKey {}", "-u user:{}", "--user=user:{}", "--proxy-user u:{}",
        "http://[{}]:9",
    ],
)  # fmt: skip
@pytest.mark.parametrize("around", ["{}", "ran curl {} x", "({})", 'a "{}": b'])
def test_short_names_of_secrets(around: str, form: str) -> None:
    """What people call a secret in a word or an option hides it as longer names do."""
    told = say(around.format(form.format(S)))

    assert S not in told
    assert say(told) == told


SPLITS = [*(chr(code) for code in range(32, 127)), "\t", "\n", "\r\n", "  ", " <", "> "]


@pytest.mark.parametrize("before", ["", "ab", "u:", "u:12", "u:p"])
@pytest.mark.parametrize("split", SPLITS)
def test_whatever_splits_user_info(split: str, before: str) -> None:
    """Each printable character and blank, wherever it ends a word, hides what follows it."""
    if not before and split.isspace():
        return  # `https:// x@h` has an empty server
    for form in ("{}", "Get {}: EOF", "sum.golang.org {}", "https://a.example,{}|direct"):
        for end in ("@h.example/x", "@h", f"{split}@127.0.0.1:9"):
            told = say(form.format(f"https://{before}{split}{S}{end}"))

            assert S not in told, (form, end)
            assert say(told) == told


@pytest.mark.parametrize(
    "text",
    [
        "https://a.example has no module m.example/x@v1.2.3",
        "reading https://a.example: golang.org/x/text@v0.3.0: not found",
        "https://a.example <module@v1.2.3>",
        "https://a.example gives m.example/x@latest for x@v0.0.0-20170915032832-14c0d48ead0c",
        "https://a.example/x and mail@a.example",
        'Get "https://a.example": mail@a.example',
        "https://a.example, then https://b.example/x and mail@a.example",
    ],
)
def test_a_sentence_behind_a_url_stays(text: str) -> None:
    """An `@` of a module, or behind a path, a closed quote or another URL is not its user's."""
    assert say(text) == text


PASSWORD = st.text(st.characters(codec="utf-8", exclude_characters=' \t\n"`<>'), max_size=12)
HOSTS = st.sampled_from(["h.example", "10.0.0.1", "[2001:db8::1]", "h.example:8443", "localhost"])
SCHEMES = st.sampled_from(["https://", "HTTP://", "//", "https:/", "socks5://", "git+ssh://"])
AROUND = st.sampled_from(
    [
        ("", ""), ("Get ", " failed"), ('Get "', '": EOF'), ("GOPROXY=", ""), ("--x=", ""),
        ("(", ")"), ("a.example|", ",direct"), ("https://a.example,", "|direct"), ("'", "'"),
    ]
)  # fmt: skip


@given(PASSWORD, PASSWORD, HOSTS, SCHEMES, AROUND)
@example("1/", "?", "h.example", "https://", ("", ""))
@example("@", "/@v/", "h.example", "https://", ("", ""))
def test_no_password_is_said(
    before: str, after: str, host: str, scheme: str, around: tuple[str, str]
) -> None:
    """Wherever a secret stands in user info, and whatever stands around it, it does not leave."""
    head, tail = around
    assume(not any(char.isspace() for char in before + after))
    text = f"{head}{scheme}user:{before}{S}{after}@{host}/path{tail}"
    told = say(text)

    assert S not in told
    assert "user:" not in told
    assert say(told) == told


@given(PASSWORD, st.text(max_size=20), HOSTS, SCHEMES, AROUND)
def test_no_query_is_said(
    before: str, after: str, host: str, scheme: str, around: tuple[str, str]
) -> None:
    """Wherever a secret stands in a query, it does not leave."""
    head, tail = around
    assume(not re.search(r"[\s\"'`<>]", before))
    text = f"{head}{scheme}{host}/path?sig={before}{S}&{after}{tail}"

    assert S not in say(text)


@given(PASSWORD, HOSTS)
def test_quoted_by_go_and_json(password: str, host: str) -> None:
    """What %q or JSON makes of a URL is read as what it was."""
    url = f"https://user:{password}{S}@{host}/x?a={S}"

    assert S not in say(f"parse {json.dumps(url)}: invalid")
    assert S not in say(f"parse {json.dumps(json.dumps(url))}: invalid")


@given(st.text(max_size=3000))
def test_whatever_it_is(text: str) -> None:
    """Any text becomes one that is printable, encodable, bounded, and said."""
    told = say(text)

    assert told.isprintable()
    assert told.encode().decode() == told
    assert len(told) <= MAX_SAID_CHARS
    assert say(told) == told


LIKELY = st.lists(
    st.sampled_from([*"a1:/?#@,|;=\"'\\%.& -", "https://", "//", "%3A%2F%2F", "…", S, "token="])
).map("".join)


@given(LIKELY)
def test_saying_twice(text: str) -> None:
    """Saying what was said changes nothing, also of what looks like URLs."""
    assert say(say(text)) == say(text)


@given(LIKELY)
def test_visible_is_a_part(url: str) -> None:
    """What may be seen begins behind every user info, and has no query."""
    seen = visible(url)
    if seen is None:
        return
    shown = url[seen.start : seen.end]

    assert "?" not in shown
    assert "#" not in shown
