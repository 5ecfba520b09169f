"""
How `go` settles a setting: its environment, then the file of `go env -w`.

Knows nothing of files or processes. Source: cmd/go/internal/cfg/cfg.go, Getenv and EnvFile.
"""

from collections.abc import Mapping


def parse_settings(text: str) -> dict[str, str]:
    """Read a `go env` file: KEY=VALUE lines; what does not begin with A–Z is no setting."""
    settings = {}
    for line in text.splitlines():
        name, equals, value = line.partition("=")
        if equals and "A" <= line[:1] <= "Z":
            settings[name] = value
    return settings


def effective(
    name: str, environ: Mapping[str, str], user_settings: Mapping[str, str]
) -> str | None:
    """Return what the environment says, else the user's file; an empty value counts as none."""
    return environ.get(name) or user_settings.get(name) or None
