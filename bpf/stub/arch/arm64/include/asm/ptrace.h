/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
/* arch/arm64/include/uapi/asm/ptrace.h: struct user_pt_regs, what a uprobe program gets. */
#pragma once

struct pt_regs {
	unsigned long long regs[31];
	unsigned long long sp, pc, pstate;
};
