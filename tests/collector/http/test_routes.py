"""Rules of the table of requests."""

import pytest

from modpulse.collector.http.routes import (
    AUDIT,
    BATCHES,
    END,
    LOG_IN,
    LOG_OUT,
    NOTES,
    ROUTES,
    chosen,
    routes_of,
)


def test_who_changes_anything_is_an_admin() -> None:
    """What is no GET and no batch wants an admin; health, the summary, dress of pages: nobody."""
    changing = {route for route in ROUTES if route.method != "GET"}
    changing -= {BATCHES, LOG_IN, LOG_OUT}

    assert {route.role for route in changing} == {"admin"}
    assert AUDIT.role == "admin"
    assert {route.path for route in ROUTES if route.role is None} == {
        "/healthz", "/readyz", "/api/v1/public", "/public", "/badge/*", "/look", "/assets/*",
        "/login", "/logout",
    }  # fmt: skip


def test_what_stands_for_a_star() -> None:
    """A star is one word that is not empty."""
    assert routes_of("/api/v1/incidents/12-1700000000/notes") == ((NOTES,), "12-1700000000")
    assert routes_of("/api/v1/maintenance/3") == ((END,), "3")
    for path in ("/api/v1/maintenance/", "/api/v1/maintenance/3/", "/api/v1/incidents//notes", ""):
        assert routes_of(path) == ((), "")


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_each_is_found(route: object) -> None:
    """Each request leads to its own row; HEAD is a GET."""
    found, _ = routes_of(route.path.replace("*", "x"))  # type: ignore[attr-defined]

    assert chosen(found, route.method) is route  # type: ignore[attr-defined]
    assert (chosen(found, "HEAD") is route) == (route.method == "GET")  # type: ignore[attr-defined]
    assert chosen(found, "PUT") is None
