/* What programs at system calls see. No types of the kernel: contexts are words. */
#include <beeyard/bpf.h>

LICENSE("GPL");

__u64 entered, left, asked[2], first, pid_tgid, kernel_regs;

SEC("raw_tp/sys_enter")
int on_enter(__u64 *ctx) {
  entered = ctx[1] + 1;
  pid_tgid = bpf_get_current_pid_tgid();
  return 0;
}

SEC("raw_tp/sys_exit")
int on_exit(__u64 *ctx) {
  left = ctx[1];
  return 0;
}

/* Common fields, the number, then the arguments. */
SEC("tp/syscalls/sys_enter_openat")
int on_openat(__u64 *ctx) {
  asked[0] = ctx[2];
  asked[1] = ctx[3];
  return 0;
}

SEC("fentry/__x64_sys_openat")
int on_function(__u64 *ctx) {
  kernel_regs = ctx[0];
  first++;
  return 0;
}

SEC("raw_tp/sched_switch")
int elsewhere(__u64 *ctx) {
  return 0;
}
