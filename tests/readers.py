"""What a browser makes of a page, without one: its elements, and what it would run or fetch."""

from html.parser import HTMLParser
from http.client import HTTPConnection

from collectors import Collector


class Read(HTMLParser):
    """One page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note it."""
        self.names.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        """Note it."""
        self.text += data

    def links(self) -> list[str]:
        """Where it leads."""
        return [value or "" for name, value in self.attributes if name == "href"]


def get(collector: Collector, path: str, **headers: str) -> tuple[int, dict[str, str], str]:
    """Ask; return status, headers and text."""
    connection = HTTPConnection("127.0.0.1", collector.port, timeout=30)
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request("GET", path, headers=sent)
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    return answer.status, {k.lower(): v for k, v in answer.getheaders()}, body
