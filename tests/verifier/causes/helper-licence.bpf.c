// SPDX-License-Identifier: MIT
/* Helpers and kernel functions that want a licence compatible with the GPL. */
#include "common.h"

/* expect: cause=helper-not-available fix=licence */
SEC("kprobe/do_exit") int prints_without_gpl(struct pt_regs *ctx)
{
  bpf_printk("exit"); // <- fault
  return 0;
}

/* expect: cause=helper-not-available fix=licence */
SEC("tracepoint/syscalls/sys_enter_openat") int reads_without_gpl(__u64 *ctx)
{
  char name[16];

  bpf_probe_read_user_str(name, sizeof(name), (void *)ctx[3]); // <- fault
  return name[0];
}

/* expect: cause=kfunc-not-allowed fix=licence */
SEC("xdp") int iterates_without_gpl(struct xdp_md *ctx)
{
  struct bpf_iter_num it;

  bpf_iter_num_new(&it, 0, 4); // <- fault
  bpf_iter_num_destroy(&it);
  return XDP_PASS;
}

LICENSE("Proprietary");
