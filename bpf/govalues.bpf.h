/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
/*
 * Readers of Go values in the memory of a probed process. A page that is not resident cannot
 * be read from here (-EFAULT): a value is then left out, never guessed.
 * Offsets of fields come from agent/binary/offsets.py by the compiler's command line; an interface
 * is its table, then at 8 its value.
 */
/* ABIInternal: arguments and results in order, and g. cmd/compile/abi-internal.md */
struct go_registers {
	u64 arg[9];
	u64 g;
};

/* Through volatile: clang else folds ctx and offset into a pointer that the verifier refuses. */
#define READ_REGISTER(to, from)                                                                    \
	do {                                                                                       \
		volatile u64 value = (from);                                                       \
		(to) = value;                                                                      \
	} while (0)

static __always_inline void read_registers(struct pt_regs *ctx, struct go_registers *go)
{
#if defined(__TARGET_ARCH_arm64) || defined(__aarch64__)
	READ_REGISTER(go->arg[0], ctx->regs[0]);
	READ_REGISTER(go->arg[1], ctx->regs[1]);
	READ_REGISTER(go->arg[2], ctx->regs[2]);
	READ_REGISTER(go->arg[3], ctx->regs[3]);
	READ_REGISTER(go->arg[4], ctx->regs[4]);
	READ_REGISTER(go->arg[5], ctx->regs[5]);
	READ_REGISTER(go->arg[6], ctx->regs[6]);
	READ_REGISTER(go->arg[7], ctx->regs[7]);
	READ_REGISTER(go->arg[8], ctx->regs[8]);
	READ_REGISTER(go->g, ctx->regs[28]);
#else
	READ_REGISTER(go->arg[0], ctx->ax);
	READ_REGISTER(go->arg[1], ctx->bx);
	READ_REGISTER(go->arg[2], ctx->cx);
	READ_REGISTER(go->arg[3], ctx->di);
	READ_REGISTER(go->arg[4], ctx->si);
	READ_REGISTER(go->arg[5], ctx->r8);
	READ_REGISTER(go->arg[6], ctx->r9);
	READ_REGISTER(go->arg[7], ctx->r10);
	READ_REGISTER(go->arg[8], ctx->r11);
	READ_REGISTER(go->g, ctx->r14);
#endif
}

static __always_inline u64 read_u64(u64 address)
{
	u64 value = 0;

	read_user(&value, sizeof(value), (void *)address);
	return value;
}

/* Copies a Go string, cut at size; returns the bytes copied, 0 when it could not be read. */
static __always_inline u32 copy_string(char *to, const u32 size, u64 address, u64 bytes)
{
	if (bytes > size)
		bytes = size;
	asm volatile("" : "+r"(bytes));
	if (bytes == 0 || bytes > size || read_user(to, bytes, (void *)address))
		return 0;
	return bytes;
}

static __always_inline u32 read_string(char *to, const u32 size, u64 string)
{
	u64 header[2] = {};

	read_user(header, sizeof(header), (void *)string);
	return copy_string(to, size, header[0], header[1]);
}

/* Of a net.TCPAddr. */
static __always_inline void read_remote(struct socket_ends *ends, u64 tcp_addr)
{
	u64 ip[2] = {};

	ends->dport = read_u64(tcp_addr + TCP_ADDR_PORT);
	read_user(ip, sizeof(ip), (void *)(tcp_addr + TCP_ADDR_IP));
	if (ip[1] == 16 && !read_user(ends->daddr, 16, (void *)ip[0]))
		ends->daddr_bytes = 16;
	else if (ip[1] == 4 && !read_user(ends->daddr, 4, (void *)ip[0]))
		ends->daddr_bytes = 4;
}

/* net.TCPConn begins with a *netFD; its laddr and raddr are interfaces that hold a *TCPAddr. */
static __always_inline void read_ends(struct socket_ends *ends, u64 tcp_conn, u64 remote)
{
	u64 fd = tcp_conn ? read_u64(tcp_conn) : 0;
	u64 local = fd ? read_u64(fd + NET_FD_LADDR + 8) : 0;

	__builtin_memset(ends, 0, sizeof(*ends));
	if (local) {
		ends->sport = read_u64(local + TCP_ADDR_PORT);
		remote = read_u64(fd + NET_FD_RADDR + 8);
	}
	if (remote)
		read_remote(ends, remote);
}

/*
 * Walks a Go error from the outside in: each type leads to the error it wraps, or is the leaf.
 * Returns the error on the way that is about a module, 0 where none is.
 */
static __always_inline u64 read_error(struct error_chain *chain, u64 itab, u64 data, u16 binary)
{
	struct type_key key = {.binary = binary};
	u64 pair[2] = {itab, data};
	u64 text[2] = {};
	u64 text_at = 0;
	u64 module = 0;
	u32 *how;
	int i;

	__builtin_memset(chain, 0, __builtin_offsetof(struct error_chain, leaf));
	if (!itab)
		return 0;
#pragma clang loop unroll(disable)
	for (i = 0; i < ERROR_LEVELS; i++) {
		data = pair[1];
		key.type = read_u64(pair[0] + 8); /* runtime.itab{Inter 0, Type 8} */
		chain->types[i] = key.type;
		chain->levels = i + 1;
		how = wrapped.lookup(&key);
		if (!how)
			break;
		if (*how & READ_LEAF) {
			text_at = *how & READ_OFFSET;
			break;
		}
		if (*how & READ_OPERATION) {
			chain->inner_bytes = read_string(chain->inner, OPERATION_BYTES, data);
			if (!chain->outer_bytes) {
				chain->outer_bytes = chain->inner_bytes;
				__builtin_memcpy(chain->outer, chain->inner, OPERATION_BYTES);
			}
		}
		if (*how & READ_MODULE)
			module = data;
		if (read_user(pair, sizeof(pair), (void *)(data + (*how & READ_OFFSET))))
			break;
		if (!pair[0])
			break;
	}
	if (read_user(chain->leaf, LEAF_BYTES, (void *)data) &&
	    read_user(chain->leaf, 16, (void *)data) && read_user(chain->leaf, 8, (void *)data))
		__builtin_memset(chain->leaf, 0, LEAF_BYTES);
	read_user(text, sizeof(text), (void *)(data + text_at));
	if (text[1] <= 65536)
		chain->text_bytes = copy_string(chain->text, TEXT_BYTES, text[0], text[1]);
	if (text[1] > TEXT_BYTES && text[1] <= 65536 &&
	    !read_user(chain->tail, TAIL_BYTES, (void *)(text[0] + text[1] - TAIL_BYTES)))
		chain->tail_bytes = TAIL_BYTES;
	return module;
}
