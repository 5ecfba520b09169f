/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
/* bcc includes this first from any kernel tree; the one option that its own headers ask for. */
#pragma once
#define CONFIG_BPF_SYSCALL 1
