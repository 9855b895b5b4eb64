// SPDX-License-Identifier: MIT
// A test in the style of the kernel's BPF selftests, for docs/selftests-tutorial.md. It fails: the
// tutorial finds out why, and mends it.
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include "bpf_misc.h"

SEC("xdp")
__description("the first byte of a frame decides")
__success __retval(2)
int first_byte(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;

	if (*(__u8 *)data == 0xff)
		return XDP_DROP;
	return XDP_PASS;
}

SEC("xdp")
__description("a frame is not read without a check")
__failure __msg("invalid access to packet")
int unchecked(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;

	return *(__u8 *)data;
}

char _license[] SEC("license") = "GPL";
