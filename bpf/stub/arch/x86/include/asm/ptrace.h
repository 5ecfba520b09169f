/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
/* arch/x86/include/asm/ptrace.h: the registers as a uprobe program gets them. */
#pragma once

struct pt_regs {
	unsigned long r15, r14, r13, r12, bp, bx;
	unsigned long r11, r10, r9, r8, ax, cx, dx, si, di;
	unsigned long orig_ax, ip, cs, flags, sp, ss;
};
