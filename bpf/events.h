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
#define TAIL_BYTES 32
#define OPERATION_BYTES 16 /* `proxyconnect`, `socks connect`, `remote error` */
#define LEAF_BYTES 80   /* net.DNSError with its flags, the largest leaf that is read */
#define DER_BYTES 4096
#define MODULE_BYTES 200
#define VERSION_BYTES 56
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
	SITE_ROUND_TRIP_START = 2,
	SITE_ROUND_TRIP_DONE = 3,
	SITE_GOT_CONN = 4,
	SITE_BODY_CLOSED = 5,
	SITE_PROXY_LIST = 6,
	SITE_LOOKUP_START = 7,
	SITE_LOOKUP_DONE = 8,
	SITE_DIAL_START = 9,
	SITE_DIAL_DONE = 10,
	SITE_HANDSHAKE_START = 11,
	SITE_HANDSHAKE_DONE = 12,
	SITE_VERIFY_START = 13,
	SITE_VERIFY_DONE = 14,
	SITE_OPERATION_FAILED = 15,
	SITE_READ_REMOTE_FAILED = 16,
	SITE_CHECK_SUM_DB_FAILED = 17,
	SITE_DOWNLOAD_ZIP_FAILED = 18,
	SITE_ERROR_SAID = 19,
	SITE_OS_EXIT = 20,
	SITE_STREAM_FAILED = 21,
	SITE_UNZIP_FAILED = 22,
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
	u32 is_named; /* like `go` */
	u32 go_pid;   /* of the `go` that it is called to fetch for, see process.bpf.h; 0 = none */
	u32 top_pid;  /* of the child of that `go` which it is, or is below */
	char filename[256];
};

struct exit_event {
	struct event_header header;
	s32 status; /* as wait(2) has it; -1 = not known, or it became another program */
	u32 parent_pid;
	u32 for_memory; /* the kernel killed it for want of memory */
	u32 _pad;
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
	u8 hole_out;   /* the last pure acknowledgement: what came before is missing there */
	u8 hole_in;    /* and the same of what was sent to the owner */
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

/* How a type of error is read: the low bits are the offset of the error that it wraps. */
enum reading {
	READ_OFFSET = 0xffff,
	READ_LEAF = 1 << 16,      /* it wraps none: the offset is that of its text */
	READ_OPERATION = 1 << 17, /* it begins with a string that says which operation failed */
	READ_MODULE = 1 << 18,    /* it names a module and its version */
};

/* A Go error value: its types from the outside in, then the leaf. */
struct error_chain {
	u64 types[ERROR_LEVELS];
	u8 levels; /* 0: no error */
	u8 text_bytes;
	u8 outer_bytes;
	u8 inner_bytes;
	u8 tail_bytes;
	u8 _pad[3];
	char outer[OPERATION_BYTES]; /* the outermost operation */
	char inner[OPERATION_BYTES]; /* and the innermost, mostly the same */
	u8 leaf[LEAF_BYTES];
	char text[TEXT_BYTES]; /* of the leaf: its first string, or the one that its type names */
	char tail[TAIL_BYTES]; /* how a text ends that is longer: mostly the error within it */
};

/* BODY_CLOSED, VERIFY_DONE */
struct go_event {
	struct event_header header;
};

/* What cmd/go asks by: its modules may also lie in a folder, which is no network at all. */
enum scheme {
	SCHEME_HTTP = 0,
	SCHEME_HTTPS = 1,
	SCHEME_FILE = 2,
};

/* WEB_GET */
struct go_web_get_event {
	struct event_header header;
	u16 host_bytes;
	u16 path_bytes;
	u8 scheme; /* enum scheme */
	u8 _pad[3];
	char host[HOST_BYTES];
	char path[PATH_BYTES];
};

/* ROUND_TRIP_START, LOOKUP_START: a host, with or without port */
struct go_host_event {
	struct event_header header;
	u16 host_bytes;
	u8 _pad[6];
	char host[HOST_BYTES];
};

/* ROUND_TRIP_DONE */
struct go_round_trip_done_event {
	struct event_header header;
	u64 tls_state;      /* identifies the connection within the process */
	s64 content_length; /* -1: not announced */
	u16 status;
	u8 http_major;
	u8 http_minor;
	u8 _pad[4];
	struct error_chain error;
};

/* GOT_CONN, DIAL_DONE */
struct go_conn_event {
	struct event_header header;
	u64 tls_state;
	struct socket_ends ends;
	struct error_chain error;
};

/* PROXY_LIST */
struct go_proxy_list_event {
	struct event_header header;
	u16 entries; /* as in the process; may exceed CHAIN_ENTRIES */
	u8 fallback[CHAIN_ENTRIES];
	u8 _pad[6];
	u16 url_bytes[CHAIN_ENTRIES];
	char url[CHAIN_ENTRIES][HOST_BYTES];
};

/* DIAL_START, HANDSHAKE_START: host is `host:port` for DIAL_START, the server name for HANDSHAKE_START */
struct go_socket_event {
	struct event_header header;
	struct socket_ends ends;
	u16 host_bytes;
	u8 _pad[6];
	char host[HOST_BYTES];
};

/* HANDSHAKE_DONE */
struct go_handshake_done_event {
	struct event_header header;
	u16 version;
	u16 cipher;
	u8 resumed;
	u8 alpn_bytes;
	u8 _pad[2];
	char alpn[16];
	struct error_chain error;
};

/* VERIFY_START */
struct go_verify_start_event {
	struct event_header header;
	u32 der_bytes; /* of the certificate; may exceed DER_BYTES */
	u32 certificates;
	u8 der[DER_BYTES];
};

/* OPERATION_FAILED, and with an empty URL LOOKUP_DONE, READ_REMOTE_FAILED, CHECK_SUM_DB_FAILED,
 * DOWNLOAD_ZIP_FAILED, STREAM_FAILED, UNZIP_FAILED */
struct go_error_event {
	struct event_header header;
	u16 host_bytes;
	u16 path_bytes;
	u8 scheme; /* enum scheme */
	u8 _pad[3];
	char host[HOST_BYTES];
	char path[PATH_BYTES];
	struct error_chain error;
};

/* ERROR_SAID */
struct go_error_said_event {
	struct event_header header;
	u64 format; /* address of the format string, for when its page was not resident */
	u32 format_bytes;
	u8 text_bytes;
	u8 module_bytes;
	u8 version_bytes;
	u8 _pad;
	char text[TEXT_BYTES];     /* the format string */
	char module[MODULE_BYTES]; /* that the error is about */
	char version[VERSION_BYTES];
	struct error_chain error;  /* its last argument, where that is one */
};

/* OS_EXIT */
struct go_os_exit_event {
	struct event_header header;
	s32 code;
	u32 _pad;
};

/* Per-CPU counters over would-be ring records: SEEN is the sum of the others. MAP_FULL is the
 * whole host's bound, PROCESS_FULL the share of one process. */
enum counter {
	COUNT_SEEN,
	COUNT_SUBMITTED,
	COUNT_RING_FULL,
	COUNT_MAP_FULL,
	COUNT_PROCESS_FULL,
	COUNT_FILTERED,
	COUNTERS,
};

/* What differs between releases of go: byte offsets, 0xffff = this release has none. */
struct layout {
	u16 goid;
	u16 parent_goid;
	u16 conn_config;
	u16 conn_vers;
	u16 conn_cipher_suite;
	u16 conn_client_protocol;
	u16 conn_did_resume;
	u16 dialer_address;
};

_Static_assert(sizeof(struct event_header) == 32, "change agent/kernel/decode.py too");
_Static_assert(sizeof(struct exec_event) == 312, "change agent/kernel/decode.py too");
_Static_assert(sizeof(struct exit_event) == 48, "change agent/kernel/decode.py too");
_Static_assert(sizeof(struct tcp_event) == 104, "change agent/kernel/decode.py too");
_Static_assert(sizeof(struct socket_ends) == 24, "change agent/kernel/decode.py too");
_Static_assert(sizeof(struct error_chain) == 336, "change agent/kernel/decode.py too");
_Static_assert(sizeof(struct go_web_get_event) == 816, "change agent/kernel/decode.py too");
_Static_assert(sizeof(struct go_host_event) == 304, "change agent/kernel/decode.py too");
_Static_assert(sizeof(struct go_round_trip_done_event) == 392, "change agent/kernel/decode.py too");
_Static_assert(sizeof(struct go_conn_event) == 400, "change agent/kernel/decode.py too");
_Static_assert(sizeof(struct go_proxy_list_event) == 2176, "change agent/kernel/decode.py too");
_Static_assert(sizeof(struct go_socket_event) == 328, "change agent/kernel/decode.py too");
_Static_assert(sizeof(struct go_handshake_done_event) == 392, "change agent/kernel/decode.py too");
_Static_assert(sizeof(struct go_verify_start_event) == 4136, "change agent/kernel/decode.py too");
_Static_assert(sizeof(struct go_error_event) == 1152, "change agent/kernel/decode.py too");
_Static_assert(sizeof(struct go_os_exit_event) == 40, "change agent/kernel/decode.py too");
_Static_assert(sizeof(struct go_error_said_event) == 768, "change agent/kernel/decode.py too");
_Static_assert(sizeof(struct layout) == 16, "change agent/kernel/attach.py too");
