/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
/* The oldest kernel that has all we use: 5.15 brought bpf_get_attach_cookie() to perf links. */
#pragma once
#define KERNEL_VERSION(major, minor, patch) (((major) << 16) + ((minor) << 8) + (patch))
#define LINUX_VERSION_CODE KERNEL_VERSION(5, 15, 0)
