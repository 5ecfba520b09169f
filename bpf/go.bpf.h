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
	u64 itab;
	u64 data;
	u64 wake;                    /* BPF_RB_FORCE_WAKEUP where the record cannot wait */
	u32 lost;                    /* why there is no record */
	u32 pid;
	u16 binary;
	u8 site;
};

#define NO_OFFSET 0xffff

static __always_inline void *begin(struct hit *hit, u64 size)
{
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

/* url.URL{Scheme 0, Host 40, Path 56} */
static __always_inline void read_url(u16 *host_bytes, u16 *path_bytes, u8 *is_https, char *host,
				     char *path, u64 url)
{
	*host_bytes = read_string(host, HOST_BYTES, url + 40);
	*path_bytes = read_string(path, PATH_BYTES, url + 56);
	*is_https = read_u64(url + 8) == 5; /* the schemes that cmd/go sends are http and https */
}

/* Tells a toolchain by the end of its name, `….linux-amd64.zip`, for a search takes a loop. */
static __always_inline bool is_toolchain(u64 url)
{
	u64 path[2] = {};

	read_user(path, sizeof(path), (void *)(url + 56));
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
	struct go_url_event *event = begin(hit, sizeof(*event));

	if (!event)
		return;
	if (is_toolchain(hit->go.arg[1]))
		hit->wake = BPF_RB_FORCE_WAKEUP;
	__builtin_memset(event->_pad, 0, sizeof(event->_pad));
	read_url(&event->host_bytes, &event->path_bytes, &event->is_https, event->host,
		 event->path, hit->go.arg[1]);
}

/* (*Transport).roundTrip(t, req *Request{URL 16}) */
static __always_inline void go_round_trip(struct hit *hit)
{
	struct go_host_event *event = begin(hit, sizeof(*event));

	if (!event)
		return;
	__builtin_memset(event->_pad, 0, sizeof(event->_pad));
	event->host_bytes =
		read_string(event->host, HOST_BYTES, read_u64(hit->go.arg[1] + 16) + 40);
}

/* http.send: (*Response{StatusCode 16, ProtoMajor 40, ProtoMinor 48, ContentLength 80, TLS 136},
 * didTimeout func() bool, error) */
static __always_inline void go_send_ret(struct hit *hit)
{
	struct go_response_event *event = begin(hit, sizeof(*event));
	u64 response = hit->go.arg[0];

	if (!event)
		return;
	__builtin_memset(event->_pad, 0, sizeof(event->_pad));
	event->status = response ? read_u64(response + 16) : 0;
	event->http_major = response ? read_u64(response + 40) : 0;
	event->http_minor = response ? read_u64(response + 48) : 0;
	event->content_length = response ? (s64)read_u64(response + 80) : -1;
	event->tls_state = response ? read_u64(response + 136) : 0;
	note_error(hit, &event->error, hit->go.arg[2], hit->go.arg[3]);
}

/* (*persistConn{conn 80, tlsState 96}, error); under TLS conn is a tls.Conn{conn 0} */
static __always_inline void go_get_conn_ret(struct hit *hit)
{
	struct go_conn_event *event = begin(hit, sizeof(*event));
	u64 persist = hit->go.arg[0];
	u64 conn;

	if (!event)
		return;
	event->tls_state = persist ? read_u64(persist + 96) : 0;
	conn = persist ? read_u64(persist + 88) : 0;
	if (event->tls_state)
		conn = read_u64(conn + 8);
	note_ends(hit, &event->ends, conn, 0);
	note_error(hit, &event->error, hit->go.arg[1], hit->go.arg[2]);
}

/* []proxySpec{url string 0, fallBackOnError bool 16}; each call returns the same list */
static __always_inline void go_proxy_list_ret(struct hit *hit)
{
	u32 pid = hit->pid;
	struct tracked_process *process = tracked.lookup(&pid);
	u64 spec = hit->go.arg[0];
	struct go_chain_event *event;
	int i;

	if (!process || process->chain_sent || !hit->go.arg[1]) {
		hit->lost = COUNT_FILTERED;
		return;
	}
	event = begin(hit, sizeof(*event));
	if (!event)
		return;
	process->chain_sent = 1;
	event->entries = hit->go.arg[1] > 0xffff ? 0xffff : hit->go.arg[1];
	__builtin_memset(event->_pad, 0, sizeof(event->_pad));
#pragma clang loop unroll(disable)
	for (i = 0; i < CHAIN_ENTRIES; i++) {
		event->fallback[i] = 0;
		event->url_bytes[i] = 0;
		if (i >= event->entries)
			continue;
		event->url_bytes[i] = read_string(event->url[i], HOST_BYTES, spec + 24 * i);
		event->fallback[i] = read_u64(spec + 24 * i + 16) & 1;
	}
}

/* (*Resolver).lookupIPAddr(r, ctx, network, host string) */
static __always_inline void go_lookup(struct hit *hit)
{
	struct go_host_event *event = begin(hit, sizeof(*event));

	if (!event)
		return;
	__builtin_memset(event->_pad, 0, sizeof(event->_pad));
	event->host_bytes =
		copy_string(event->host, HOST_BYTES, hit->go.arg[5], hit->go.arg[6]);
}

/* (*sysDialer).dialTCP(sd, ctx, laddr, raddr *TCPAddr) */
static __always_inline void go_dial(struct hit *hit)
{
	struct go_socket_event *event = begin(hit, sizeof(*event));

	if (!event)
		return;
	__builtin_memset(event->_pad, 0, sizeof(event->_pad));
	note_ends(hit, &event->ends, 0, hit->go.arg[4]);
	event->host_bytes = read_string(event->host, HOST_BYTES,
					hit->go.arg[0] + hit->layout->sys_dialer_address);
}

/* (*TCPConn, error) */
static __always_inline void go_dial_ret(struct hit *hit)
{
	struct go_conn_event *event = begin(hit, sizeof(*event));

	if (!event)
		return;
	event->tls_state = 0;
	note_ends(hit, &event->ends, hit->go.arg[0], 0);
	note_error(hit, &event->error, hit->go.arg[1], hit->go.arg[2]);
}

/* (*tls.Conn{conn 0}).clientHandshake(c, ctx); tls.Config{ServerName 128} */
static __always_inline void go_handshake(struct hit *hit)
{
	struct goroutine key = {.pid = hit->pid, .goid = hit->goid};
	struct go_socket_event *event;
	u64 conn = hit->go.arg[0];

	if (handshakes.update(&key, &conn)) {
		hit->lost = COUNT_MAP_FULL;
		return;
	}
	event = begin(hit, sizeof(*event));
	if (!event)
		return;
	__builtin_memset(event->_pad, 0, sizeof(event->_pad));
	note_ends(hit, &event->ends, read_u64(conn + 8), 0);
	event->host_bytes = read_string(event->host, HOST_BYTES,
					read_u64(conn + hit->layout->tls_config) + 128);
}

/* error */
static __always_inline void go_handshake_ret(struct hit *hit)
{
	struct goroutine key = {.pid = hit->pid, .goid = hit->goid};
	const struct layout *layout = hit->layout;
	struct go_handshake_event *event;
	u64 conn, *known;

	known = handshakes.lookup(&key);
	if (!known) {
		hit->lost = COUNT_FILTERED;
		return;
	}
	conn = *known;
	handshakes.delete(&key);
	event = begin(hit, sizeof(*event));
	if (!event)
		return;
	__builtin_memset(event->_pad, 0, sizeof(event->_pad));
	event->version = read_u64(conn + layout->tls_vers);
	event->cipher = read_u64(conn + layout->tls_cipher_suite);
	event->resumed = layout->tls_did_resume == NO_OFFSET ?
				 0xff :
				 read_u64(conn + layout->tls_did_resume) & 1;
	event->alpn_bytes = read_string(event->alpn, sizeof(event->alpn),
					conn + layout->tls_client_protocol);
	note_error(hit, &event->error, hit->go.arg[0], hit->go.arg[1]);
}

/* (*tls.Conn).verifyServerCertificate(c, certificates [][]byte) */
static __always_inline void go_verify(struct hit *hit)
{
	struct go_certificate_event *event = begin(hit, sizeof(*event));
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
 * An error: of VERSION_ERROR(p *proxyRepo{url 0}, version string, err error), and the last result
 * of what returns. Without one only the end of a lookup tells anything.
 */
static __always_inline void go_error(struct hit *hit)
{
	bool alone = hit->site == SITE_CHECK_SUM_DB_RET || hit->site == SITE_DOWNLOAD_ZIP_RET;
	u64 itab = alone ? hit->go.arg[0] : hit->go.arg[3];
	u64 data = alone ? hit->go.arg[1] : hit->go.arg[4];
	struct go_error_event *event;

	if (!itab && hit->site != SITE_LOOKUP_RET) {
		hit->lost = COUNT_FILTERED;
		return;
	}
	event = begin(hit, sizeof(*event));
	if (!event)
		return;
	__builtin_memset(event->_pad, 0, sizeof(event->_pad));
	event->host_bytes = 0;
	event->path_bytes = 0;
	event->is_https = 0;
	if (hit->site == SITE_VERSION_ERROR)
		read_url(&event->host_bytes, &event->path_bytes, &event->is_https, event->host,
			 event->path, read_u64(hit->go.arg[0]));
	note_error(hit, &event->error, itab, data);
}

/* base.Fatalf(format string, args); os.Exit(code int) */
static __always_inline void go_exit(struct hit *hit)
{
	struct go_exit_event *event = begin(hit, sizeof(*event));
	bool fatal = hit->site == SITE_FATALF;

	if (!event)
		return;
	__builtin_memset(event->_pad, 0, sizeof(event->_pad));
	event->format = fatal ? hit->go.arg[0] : 0;
	event->format_bytes = fatal ? hit->go.arg[1] : 0;
	event->code = fatal ? 0 : hit->go.arg[0];
	event->text_bytes = copy_string(event->text, TEXT_BYTES, event->format, event->format_bytes);
}
