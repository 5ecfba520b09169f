"""What the probes in `go` stand for, by number."""

from enum import IntEnum


class Site(IntEnum):
    """What a probe stands for; bpf/events.h has the same numbers."""

    WEB_GET = 1
    ROUND_TRIP_START = 2
    ROUND_TRIP_DONE = 3
    GOT_CONN = 4
    BODY_CLOSED = 5
    PROXY_LIST = 6
    LOOKUP_START = 7
    LOOKUP_DONE = 8
    DIAL_START = 9
    DIAL_DONE = 10
    HANDSHAKE_START = 11
    HANDSHAKE_DONE = 12
    VERIFY_START = 13
    VERIFY_DONE = 14
    OPERATION_FAILED = 15
    READ_REMOTE_FAILED = 16
    CHECK_SUM_DB_FAILED = 17
    DOWNLOAD_ZIP_FAILED = 18
    ERROR_SAID = 19
    OS_EXIT = 20
    STREAM_FAILED = 21
    UNZIP_FAILED = 22
