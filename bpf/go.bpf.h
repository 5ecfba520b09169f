/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
/*
 * What probes in `go` binaries read, one function a site. Argument registers are named in the
 * order of ABIInternal; each function says what it finds there. The error of a site is only
 * noted, and read in one place at the end: inlined at each site it would double the compile time.
 */
struct hit {
	struct go_registers go;
	const struct layout *layout;
	u64 at_ns;
	u64 goid;
	u64 parent_goid;
	struct event_header *record; /* what to submit; NULL: lost or filtered */
	struct socket_ends *ends;    /* where the ends of a connection go, NULL: the site has none */
	u64 conn;                    /* a net.TCPConn, or */
	u64 remote;                  /* where there is none yet, the net.TCPAddr that is dialled */
	struct error_chain *error;   /* where the error goes, NULL: the site has none */
	struct go_error_said_event *said;  /* where the module goes that the error is about */
	u64 itab;
	u64 data;
	u64 wake;                    /* BPF_RB_FORCE_WAKEUP where the record cannot wait */
	u32 record_bytes;
	u32 lost;                    /* why there is no record */
	u32 pid;
	u16 binary;
	u8 site;
	bool may_write;
};

#define NO_OFFSET 0xffff

static __always_inline void *begin(struct hit *hit, u64 size)
{
	if (!hit->may_write) {
		hit->lost = COUNT_PROCESS_FULL;
		return NULL;
	}
	hit->record_bytes = size;
	hit->record = events.ringbuf_reserve(size);
	if (!hit->record)
		hit->lost = COUNT_RING_FULL;
	return hit->record;
}

static __always_inline void note_ends(struct hit *hit, struct socket_ends *ends, u64 conn, u64 remote)
{
	hit->ends = ends;
	hit->conn = conn;
	hit->remote = remote;
}

static __always_inline void note_error(struct hit *hit, struct error_chain *error, u64 itab, u64 data)
{
	hit->error = error;
	hit->itab = itab;
	hit->data = data;
}

static __always_inline void go_plain(struct hit *hit)
{
	begin(hit, sizeof(struct go_event));
}

/* Of an url.URL. */
static __always_inline void read_url(u16 *host_bytes, u16 *path_bytes, u8 *scheme, char *host,
				     char *path, u64 url)
{
	char letter = 0;

	*host_bytes = read_string(host, HOST_BYTES, url + URL_HOST);
	*path_bytes = read_string(path, PATH_BYTES, url + URL_PATH);
	*scheme = SCHEME_HTTPS;
	if (read_u64(url + URL_SCHEME + 8) == 4) { /* http or file, in lower case: net/url sees to that */
		read_user(&letter, sizeof(letter), (void *)read_u64(url + URL_SCHEME));
		*scheme = letter == 'f' ? SCHEME_FILE : SCHEME_HTTP;
	}
}

/* Tells a toolchain by the end of its name, `….linux-amd64.zip`, for a search takes a loop. */
static __always_inline bool is_toolchain(u64 url)
{
	u64 path[2] = {};

	read_user(path, sizeof(path), (void *)(url + URL_PATH));
	switch (read_u64(path[0] + path[1] - 8)) {
	case 0x70697a2e3436646d: /* md64.zip */
	case 0x70697a2e34366d72: /* rm64.zip */
		return true;
	}
	return false;
}

/* web.get(security, url *url.URL). The binary in a toolchain has to be probed before it runs. */
static __always_inline void go_web_get(struct hit *hit)
{
	struct go_web_get_event *event = begin(hit, sizeof(*event));

	if (!event)
		return;
	if (is_toolchain(hit->go.arg[1]))
		hit->wake = BPF_RB_FORCE_WAKEUP;
	__builtin_memset(event->_pad, 0, sizeof(event->_pad));
	read_url(&event->host_bytes, &event->path_bytes, &event->scheme, event->host,
		 event->path, hit->go.arg[1]);
}

/* (*Transport).roundTrip(t, req *Request) */
static __always_inline void go_round_trip_start(struct hit *hit)
{
	struct go_host_event *event = begin(hit, sizeof(*event));

	if (!event)
		return;
	__builtin_memset(event->_pad, 0, sizeof(event->_pad));
	event->host_bytes =
		read_string(event->host, HOST_BYTES, read_u64(hit->go.arg[1] + REQUEST_URL) + URL_HOST);
}

/* http.send: (*Response, didTimeout func() bool, error) */
static __always_inline void go_round_trip_done(struct hit *hit)
{
	struct go_round_trip_done_event *event = begin(hit, sizeof(*event));
	u64 response = hit->go.arg[0];

	if (!event)
		return;
	__builtin_memset(event->_pad, 0, sizeof(event->_pad));
	event->status = response ? read_u64(response + RESPONSE_STATUS) : 0;
	event->http_major = response ? read_u64(response + RESPONSE_MAJOR) : 0;
	event->http_minor = response ? read_u64(response + RESPONSE_MINOR) : 0;
	event->content_length = response ? (s64)read_u64(response + RESPONSE_LENGTH) : -1;
	event->tls_state = response ? read_u64(response + RESPONSE_TLS) : 0;
	note_error(hit, &event->error, hit->go.arg[2], hit->go.arg[3]);
}

/* (*persistConn, error); under TLS its conn is a tls.Conn */
static __always_inline void go_got_conn(struct hit *hit)
{
	struct go_conn_event *event = begin(hit, sizeof(*event));
	u64 persist = hit->go.arg[0];
	u64 conn;

	if (!event)
		return;
	event->tls_state = persist ? read_u64(persist + PERSIST_TLS) : 0;
	conn = persist ? read_u64(persist + PERSIST_CONN + 8) : 0;
	if (event->tls_state)
		conn = read_u64(conn + TLS_CONN + 8);
	note_ends(hit, &event->ends, conn, 0);
	note_error(hit, &event->error, hit->go.arg[1], hit->go.arg[2]);
}

/* []proxySpec, each of 24 bytes; each call returns the same list */
static __always_inline void go_proxy_list(struct hit *hit)
{
	u32 pid = hit->pid;
	struct tracked_process *process = tracked.lookup(&pid);
	u64 spec = hit->go.arg[0];
	struct go_proxy_list_event *event;
	int i;

	if (!process || process->chain_sent || !hit->go.arg[1]) {
		hit->lost = COUNT_FILTERED;
		return;
	}
	event = begin(hit, sizeof(*event));
	if (!event)
		return;
	process->chain_sent = 1;
	process->is_go = 1;
	event->entries = hit->go.arg[1] > 0xffff ? 0xffff : hit->go.arg[1];
	__builtin_memset(event->_pad, 0, sizeof(event->_pad));
#pragma clang loop unroll(disable)
	for (i = 0; i < CHAIN_ENTRIES; i++) {
		event->fallback[i] = 0;
		event->url_bytes[i] = 0;
		if (i >= event->entries)
			continue;
		event->url_bytes[i] = read_string(event->url[i], HOST_BYTES, spec + 24 * i + PROXY_SPEC_URL);
		event->fallback[i] = read_u64(spec + 24 * i + PROXY_SPEC_FALLBACK) & 1;
	}
}

/* (*Resolver).lookupIPAddr(r, ctx, network, host string) */
static __always_inline void go_lookup_start(struct hit *hit)
{
	struct go_host_event *event = begin(hit, sizeof(*event));

	if (!event)
		return;
	__builtin_memset(event->_pad, 0, sizeof(event->_pad));
	event->host_bytes =
		copy_string(event->host, HOST_BYTES, hit->go.arg[5], hit->go.arg[6]);
}

/* (*sysDialer).dialTCP(sd, ctx, laddr, raddr *TCPAddr) */
static __always_inline void go_dial_start(struct hit *hit)
{
	struct go_socket_event *event = begin(hit, sizeof(*event));

	if (!event)
		return;
	__builtin_memset(event->_pad, 0, sizeof(event->_pad));
	note_ends(hit, &event->ends, 0, hit->go.arg[4]);
	event->host_bytes = read_string(event->host, HOST_BYTES,
					hit->go.arg[0] + hit->layout->dialer_address);
}

/* (*TCPConn, error) */
static __always_inline void go_dial_done(struct hit *hit)
{
	struct go_conn_event *event = begin(hit, sizeof(*event));

	if (!event)
		return;
	event->tls_state = 0;
	note_ends(hit, &event->ends, hit->go.arg[0], 0);
	note_error(hit, &event->error, hit->go.arg[1], hit->go.arg[2]);
}

/* (*tls.Conn).clientHandshake(c, ctx) */
static __always_inline void go_handshake_start(struct hit *hit)
{
	struct goroutine key = {.pid = hit->pid, .goid = hit->goid};
	struct tracked_process *process;
	struct go_socket_event *event;
	u64 conn = hit->go.arg[0];
	u32 pid = hit->pid;

	process = tracked.lookup(&pid);
	if (!process || process->handshakes >= PROCESS_HANDSHAKES) {
		hit->lost = COUNT_PROCESS_FULL;
		return;
	}
	if (handshakes.update(&key, &conn)) {
		hit->lost = COUNT_MAP_FULL;
		return;
	}
	__sync_fetch_and_add(&process->handshakes, 1);
	event = begin(hit, sizeof(*event));
	if (!event)
		return;
	__builtin_memset(event->_pad, 0, sizeof(event->_pad));
	note_ends(hit, &event->ends, read_u64(conn + TLS_CONN + 8), 0);
	event->host_bytes = read_string(event->host, HOST_BYTES,
					read_u64(conn + hit->layout->conn_config) +
						 TLS_SERVER_NAME);
}

/* error */
static __always_inline void go_handshake_done(struct hit *hit)
{
	struct goroutine key = {.pid = hit->pid, .goid = hit->goid};
	const struct layout *layout = hit->layout;
	struct tracked_process *process;
	struct go_handshake_done_event *event;
	u64 conn, *known;
	u32 pid = hit->pid;

	known = handshakes.lookup(&key);
	if (!known) {
		hit->lost = COUNT_FILTERED;
		return;
	}
	conn = *known;
	handshakes.delete(&key);
	process = tracked.lookup(&pid);
	if (process && process->handshakes)
		__sync_fetch_and_add(&process->handshakes, -1);
	event = begin(hit, sizeof(*event));
	if (!event)
		return;
	__builtin_memset(event->_pad, 0, sizeof(event->_pad));
	event->version = read_u64(conn + layout->conn_vers);
	event->cipher = read_u64(conn + layout->conn_cipher_suite);
	event->resumed = layout->conn_did_resume == NO_OFFSET ?
				 0xff :
				 read_u64(conn + layout->conn_did_resume) & 1;
	event->alpn_bytes = read_string(event->alpn, sizeof(event->alpn),
					conn + layout->conn_client_protocol);
	note_error(hit, &event->error, hit->go.arg[0], hit->go.arg[1]);
}

/* (*tls.Conn).verifyServerCertificate(c, certificates [][]byte) */
static __always_inline void go_verify_start(struct hit *hit)
{
	struct go_verify_start_event *event = begin(hit, sizeof(*event));
	u64 leaf[2] = {};

	if (!event)
		return;
	event->certificates = hit->go.arg[2];
	read_user(leaf, sizeof(leaf), (void *)hit->go.arg[1]);
	event->der_bytes = leaf[1] > 0xffffffff ? 0 : leaf[1];
	if (!copy_string((char *)event->der, DER_BYTES, leaf[0], leaf[1]))
		event->der_bytes = 0;
}

/*
 * An error: of versionError(p *proxyRepo, version string, err error), of STREAM_FAILED(req
 * *Request, err error), in UNZIP_FAILED(e *zipError), and the last result of what returns. Without
 * one only the end of a lookup tells anything.
 */
static __always_inline void go_error(struct hit *hit)
{
	struct go_error_event *event;
	u64 itab = hit->go.arg[3];
	u64 data = hit->go.arg[4];

	if (hit->site == SITE_CHECK_SUM_DB_FAILED || hit->site == SITE_DOWNLOAD_ZIP_FAILED) {
		itab = hit->go.arg[0];
		data = hit->go.arg[1];
	} else if (hit->site == SITE_STREAM_FAILED) {
		itab = hit->go.arg[1];
		data = hit->go.arg[2];
	} else if (hit->site == SITE_UNZIP_FAILED) {
		itab = read_u64(hit->go.arg[0] + ZIP_ERROR_ERR);
		data = read_u64(hit->go.arg[0] + ZIP_ERROR_ERR + 8);
	}

	if (!itab && hit->site != SITE_LOOKUP_DONE) {
		hit->lost = COUNT_FILTERED;
		return;
	}
	event = begin(hit, sizeof(*event));
	if (!event)
		return;
	__builtin_memset(event->_pad, 0, sizeof(event->_pad));
	event->host_bytes = 0;
	event->path_bytes = 0;
	event->scheme = 0;
	if (hit->site == SITE_OPERATION_FAILED)
		read_url(&event->host_bytes, &event->path_bytes, &event->scheme, event->host,
			 event->path, read_u64(hit->go.arg[0] + PROXY_REPO_URL));
	note_error(hit, &event->error, itab, data);
}

/*
 * base.Errorf(format string, args []any): the last argument is the error, if any is. An `any` has
 * its type where an error's table is led to by 8 bytes more.
 */
static __always_inline void go_error_said(struct hit *hit)
{
	struct go_error_said_event *event = begin(hit, sizeof(*event));
	u64 last = hit->go.arg[2] + 16 * (hit->go.arg[3] - 1);

	if (!event)
		return;
	event->format = hit->go.arg[0];
	event->format_bytes = hit->go.arg[1];
	event->text_bytes = copy_string(event->text, TEXT_BYTES, hit->go.arg[0], hit->go.arg[1]);
	event->module_bytes = 0;
	event->version_bytes = 0;
	event->_pad = 0;
	hit->said = event;
	note_error(hit, &event->error, hit->go.arg[3] ? last - 8 : 0, read_u64(last + 8));
}

static __always_inline void read_module(struct go_error_said_event *event, u64 module)
{
	event->module_bytes =
		read_string(event->module, MODULE_BYTES, module + MODULE_ERROR_PATH);
	event->version_bytes =
		read_string(event->version, VERSION_BYTES, module + MODULE_ERROR_VERSION);
}

/* os.Exit(code int) */
static __always_inline void go_os_exit(struct hit *hit)
{
	struct go_os_exit_event *event = begin(hit, sizeof(*event));

	if (!event)
		return;
	event->code = hit->go.arg[0];
	event->_pad = 0;
}
