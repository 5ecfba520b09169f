/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
/*
 * Everything that crosses the ring buffer, mirrored by agent/kernel/decode.py under a test.
 * Compiles under plain cc with u8…u64 defined; flat fields only, host byte order,
 * addresses as 16 bytes (IPv4 mapped), at_ns is CLOCK_MONOTONIC (stops in suspend).
 */
#pragma once

#define HOST_BYTES 264 /* 253 of a DNS name, colon, 5 digits of a port, rounded up */
#define PATH_BYTES 512
#define TEXT_BYTES 128
#define LEAF_BYTES 80   /* net.DNSError with its flags, the largest leaf that is read */
#define DER_BYTES 4096
#define CHAIN_ENTRIES 8 /* a GOPROXY list longer than this is cut, and says so */
#define ERROR_LEVELS 7

enum event_kind {
	EVENT_EXEC = 1,
	EVENT_EXIT = 2,
	EVENT_TCP = 3,
	EVENT_PACKET = 4,
	EVENT_GO = 5,
};

/* Where in a go binary a probe sits; the low byte of the attach cookie. */
enum site {
	SITE_WEB_GET = 1,
	SITE_ROUND_TRIP = 2,
	SITE_SEND_RET = 3,
	SITE_GET_CONN_RET = 4,
	SITE_BODY_CLOSE = 5,
	SITE_PROXY_LIST_RET = 6,
	SITE_LOOKUP = 7,
	SITE_LOOKUP_RET = 8,
	SITE_DIAL = 9,
	SITE_DIAL_RET = 10,
	SITE_HANDSHAKE = 11,
	SITE_HANDSHAKE_RET = 12,
	SITE_VERIFY = 13,
	SITE_VERIFY_RET = 14,
	SITE_VERSION_ERROR = 15,
	SITE_READ_REMOTE_RET = 16,
	SITE_CHECK_SUM_DB_RET = 17,
	SITE_DOWNLOAD_ZIP_RET = 18,
	SITE_FATALF = 19,
	SITE_OS_EXIT = 20,
};

struct event_header {
	u64 at_ns;
	u64 goid;        /* 0 outside go code */
	u64 parent_goid; /* 0 where the release does not tell (1.19) */
	u32 pid;         /* the owner's thread group, 0 = unknown */
	u16 binary;      /* which probed binary, as numbered by user space */
	u8 kind;
	u8 site;
};

struct exec_event {
	struct event_header header;
	u64 cgroup_id;
	u32 parent_pid;
	u32 _pad;
	char filename[256];
};

struct exit_event {
	struct event_header header;
};

struct tcp_event {
	struct event_header header;
	u64 cookie;
	u64 bytes_in;  /* TCP payload so far, as seen at the socket */
	u64 bytes_out;
	u32 retransmits;
	u16 syn_retransmits;
	u16 sport;
	u16 dport;
	u8 old_state;  /* include/net/tcp_states.h */
	u8 new_state;
	u8 reset;      /* an RST had come in */
	u8 in_owner;   /* the change was made by the owner's own system call */
	u8 _pad[2];
	u8 saddr[16];
	u8 daddr[16];
};

struct packet_event {
	struct event_header header;
	u64 cookie;
	u32 length;     /* as on the wire, from the IP header */
	u16 caplen;     /* bytes of data that follow */
	u8 outgoing;
	u8 _pad;
	u8 data[SNAP_BYTES];
};

/* The two ends of a net.TCPConn; ports 0 when they could not be read. */
struct socket_ends {
	u16 sport;
	u16 dport;
	u8 daddr_bytes; /* 4, 16, or 0 = not read */
	u8 _pad[3];
	u8 daddr[16];
};

/* A Go error value: its types from the outside in, then the leaf. */
struct error_chain {
	u64 types[ERROR_LEVELS];
	u8 levels; /* 0: no error */
	u8 text_bytes;
	u8 _pad[6];
	u8 leaf[LEAF_BYTES];
	char text[TEXT_BYTES]; /* what a string header at the start of the leaf points to */
};

/* BODY_CLOSE, VERIFY_RET */
struct go_event {
	struct event_header header;
};

/* WEB_GET */
struct go_url_event {
	struct event_header header;
	u16 host_bytes;
	u16 path_bytes;
	u8 is_https;
	u8 _pad[3];
	char host[HOST_BYTES];
	char path[PATH_BYTES];
};

/* ROUND_TRIP, LOOKUP: a host, with or without port */
struct go_host_event {
	struct event_header header;
	u16 host_bytes;
	u8 _pad[6];
	char host[HOST_BYTES];
};

/* SEND_RET */
struct go_response_event {
	struct event_header header;
	u64 tls_state;      /* identifies the connection within the process */
	s64 content_length; /* -1: not announced */
	u16 status;
	u8 http_major;
	u8 http_minor;
	u8 _pad[4];
	struct error_chain error;
};

/* GET_CONN_RET, DIAL_RET */
struct go_conn_event {
	struct event_header header;
	u64 tls_state;
	struct socket_ends ends;
	struct error_chain error;
};

/* PROXY_LIST_RET */
struct go_chain_event {
	struct event_header header;
	u16 entries; /* as in the process; may exceed CHAIN_ENTRIES */
	u8 fallback[CHAIN_ENTRIES];
	u8 _pad[6];
	u16 url_bytes[CHAIN_ENTRIES];
	char url[CHAIN_ENTRIES][HOST_BYTES];
};

/* DIAL, HANDSHAKE: host is `host:port` for DIAL, the server name for HANDSHAKE */
struct go_socket_event {
	struct event_header header;
	struct socket_ends ends;
	u16 host_bytes;
	u8 _pad[6];
	char host[HOST_BYTES];
};

/* HANDSHAKE_RET */
struct go_handshake_event {
	struct event_header header;
	u16 version;
	u16 cipher;
	u8 resumed;
	u8 alpn_bytes;
	u8 _pad[2];
	char alpn[16];
	struct error_chain error;
};

/* VERIFY */
struct go_certificate_event {
	struct event_header header;
	u32 der_bytes; /* of the certificate; may exceed DER_BYTES */
	u32 certificates;
	u8 der[DER_BYTES];
};

/* VERSION_ERROR, and with an empty URL LOOKUP_RET, READ_REMOTE_RET, CHECK_SUM_DB_RET, DOWNLOAD_ZIP_RET */
struct go_error_event {
	struct event_header header;
	u16 host_bytes;
	u16 path_bytes;
	u8 is_https;
	u8 _pad[3];
	char host[HOST_BYTES];
	char path[PATH_BYTES];
	struct error_chain error;
};

/* FATALF: the format string; OS_EXIT: the code */
struct go_exit_event {
	struct event_header header;
	u64 format; /* address of the format string, for when its page was not resident */
	u32 format_bytes;
	s32 code;
	u8 text_bytes;
	u8 _pad[7];
	char text[TEXT_BYTES];
};

/* Per-CPU counters over would-be ring records: SEEN is the sum of the others. */
enum counter {
	COUNT_SEEN,
	COUNT_SUBMITTED,
	COUNT_RING_FULL,
	COUNT_MAP_FULL,
	COUNT_FILTERED,
	COUNTERS,
};

/* What differs between releases of go: byte offsets, 0xffff = this release has none. */
struct layout {
	u16 goid;
	u16 parent_goid;
	u16 tls_config;
	u16 tls_vers;
	u16 tls_cipher_suite;
	u16 tls_client_protocol;
	u16 tls_did_resume;
	u16 sys_dialer_address;
};

_Static_assert(sizeof(struct event_header) == 32, "change agent/kernel/decode.py too");
_Static_assert(sizeof(struct exec_event) == 304, "change agent/kernel/decode.py too");
_Static_assert(sizeof(struct tcp_event) == 104, "change agent/kernel/decode.py too");
_Static_assert(sizeof(struct socket_ends) == 24, "change agent/kernel/decode.py too");
_Static_assert(sizeof(struct error_chain) == 272, "change agent/kernel/decode.py too");
_Static_assert(sizeof(struct go_url_event) == 816, "change agent/kernel/decode.py too");
_Static_assert(sizeof(struct go_host_event) == 304, "change agent/kernel/decode.py too");
_Static_assert(sizeof(struct go_response_event) == 328, "change agent/kernel/decode.py too");
_Static_assert(sizeof(struct go_conn_event) == 336, "change agent/kernel/decode.py too");
_Static_assert(sizeof(struct go_chain_event) == 2176, "change agent/kernel/decode.py too");
_Static_assert(sizeof(struct go_socket_event) == 328, "change agent/kernel/decode.py too");
_Static_assert(sizeof(struct go_handshake_event) == 328, "change agent/kernel/decode.py too");
_Static_assert(sizeof(struct go_certificate_event) == 4136, "change agent/kernel/decode.py too");
_Static_assert(sizeof(struct go_error_event) == 1088, "change agent/kernel/decode.py too");
_Static_assert(sizeof(struct go_exit_event) == 184, "change agent/kernel/decode.py too");
_Static_assert(sizeof(struct layout) == 16, "change agent/kernel/attach.py too");
