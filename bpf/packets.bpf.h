/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
/*
 * Packets of watched sockets, before NAT, from the IP header on: all of DNS, the first payload
 * of each TCP connection (the TLS hellos), and every header where a trace is written (TRACE).
 */
#define IP_HEADERS_BYTES 40 /* IPv6, or IPv4 with some options, and the ports behind it */

struct packet_shape {
	u32 ip;
	u32 headers; /* IP and TCP or UDP */
	u32 payload;
};

/* False for what is no TCP or UDP over IP, extension headers included. */
static __always_inline bool read_shape(struct __sk_buff *skb, struct packet_shape *shape)
{
	u32 ip_bytes;
	u8 first, protocol, offset;

	if (bpf_skb_load_bytes(skb, 0, &first, 1))
		return false;
	if (first >> 4 == 6) {
		ip_bytes = 40;
		if (bpf_skb_load_bytes(skb, 6, &protocol, 1))
			return false;
	} else {
		ip_bytes = (first & 15) * 4;
		if (bpf_skb_load_bytes(skb, 9, &protocol, 1))
			return false;
	}
	if (protocol == IPPROTO_UDP) {
		shape->headers = ip_bytes + 8;
	} else if (protocol == IPPROTO_TCP) {
		if (bpf_skb_load_bytes(skb, ip_bytes + 12, &offset, 1))
			return false;
		shape->headers = ip_bytes + (offset >> 4) * 4;
	} else {
		return false;
	}
	shape->ip = ip_bytes;
	shape->payload = skb->len > shape->headers ? skb->len - shape->headers : 0;
	return true;
}

#define PACKET_BYTES(room) (__builtin_offsetof(struct packet_event, data) + (room))

/* What the ring gives out has a constant size: the least of three that the packet fits. */
static __always_inline void copy_packet(struct __sk_buff *skb, u64 cookie, u32 pid, bool outgoing,
					u64 caplen)
{
	struct packet_event *event;
	u64 room; /* as wide as caplen, and both as a register: what is cut is not what was tested */

	if (!may_write(pid)) {
		count_lost(COUNT_PROCESS_FULL);
		return;
	}
	if (caplen <= 160) {
		room = 160;
		event = events.ringbuf_reserve(PACKET_BYTES(160));
	} else if (caplen <= 640) {
		room = 640;
		event = events.ringbuf_reserve(PACKET_BYTES(640));
	} else {
		room = SNAP_BYTES;
		event = events.ringbuf_reserve(PACKET_BYTES(SNAP_BYTES));
	}
	if (!note_reserved(event, PACKET_BYTES(room)))
		return;
	if (caplen > room)
		caplen = room;
	fill_header(&event->header, pid, EVENT_PACKET);
	event->cookie = cookie;
	event->length = skb->len;
	event->outgoing = outgoing;
	event->_pad = 0;
	event->caplen = caplen;
	/* Two tests with a barrier between: clang would fold them into one that the verifier
	 * cannot follow, and a load of 0 bytes is refused. */
	if (caplen == 0)
		goto submit;
	asm volatile("" : "+r"(caplen));
	if (caplen > room || bpf_skb_load_bytes(skb, 0, event->data, caplen))
		event->caplen = 0;
submit:
	submit(event, BPF_RB_NO_WAKEUP);
}

#define SACK_KIND 5
#define TIMESTAMP_KIND 8
#define TIMESTAMP_BYTES 12 /* with the two bytes before it */

/* A pure acknowledgement of something that lies behind a hole (SACK, RFC 2018), which is still open
 * when none comes after it. What was got twice is acknowledged below the hole (RFC 2883): no hole. */
static __always_inline bool shows_hole(struct __sk_buff *skb, const struct packet_shape *shape)
{
	u32 at = shape->ip + 20 + 2; /* the first option, behind two that are empty */
	u32 acknowledged, beyond;
	u8 kind;

	if (shape->headers < at + 10 || bpf_skb_load_bytes(skb, at, &kind, 1))
		return false;
	if (kind == TIMESTAMP_KIND) {
		at += TIMESTAMP_BYTES;
		if (shape->headers < at + 10 || bpf_skb_load_bytes(skb, at, &kind, 1))
			return false;
	}
	if (kind != SACK_KIND)
		return false;
	if (bpf_skb_load_bytes(skb, shape->ip + 8, &acknowledged, 4) ||
	    bpf_skb_load_bytes(skb, at + 2, &beyond, 4))
		return false;
	return (s32)(bpf_ntohl(beyond) - bpf_ntohl(acknowledged)) > 0;
}

/* Only a packet that was received has come in by an interface, loopback included. */
static __always_inline void handle_packet(struct __sk_buff *skb)
{
	bool outgoing = !skb->ingress_ifindex;
	u64 cookie = socket_cookie(skb);
	struct flow *flow = flows.lookup(&cookie);
	struct packet_shape shape = {};
	u32 caplen = skb->len;
	struct owner *owner;

	if (flow) {
		owner = &flow->owner;
		if (!read_shape(skb, &shape))
			return;
		__sync_fetch_and_add(outgoing ? &flow->bytes_out : &flow->bytes_in, shape.payload);
		if (!shape.payload && outgoing)
			flow->hole_in = shows_hole(skb, &shape);
		else if (!shape.payload)
			flow->hole_out = shows_hole(skb, &shape);
		if (shape.payload && (flow->is_dns || flow->copied < FIRST_PACKETS))
			flow->copied++;
		else if (TRACE)
			caplen = shape.headers;
		else
			return;
	} else {
		owner = dns_sockets.lookup(&cookie);
		if (!owner)
			return;
	}
	copy_packet(skb, cookie, owner->pid, outgoing, caplen);
}
