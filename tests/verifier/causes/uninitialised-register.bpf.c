// SPDX-License-Identifier: MIT
/* A value is used that was not set on this path, or that a call has lost. */
#include "common.h"

MAP(HASH, seen, 64, __u32, __u64);

/* Declared by hand, with an argument too few: r4 is what was there before. */
static long (*const update_without_flags)(void *map, const void *key, const void *value) = (void *)2;

/* expect: cause=uninitialised-register fix=set-register */
SEC("kprobe/do_exit") int flags_forgotten(struct pt_regs *ctx)
{
  __u32 pid = bpf_get_current_pid_tgid() >> 32;
  __u64 now = bpf_ktime_get_ns();

  update_without_flags(&seen, &pid, &now); // <- fault
  return 0;
}

/* Only one of the two paths sets the value: clang uses that, and passes what the register had. */
static long (*const redirect_without_flags)(__u32 ifindex) = (void *)23;

/* expect: cause=uninitialised-register fix=set-register */
SEC("tc") int redirect_flags_forgotten(struct __sk_buff *skb)
{
  __u32 key = skb->mark;
  __u64 *to = bpf_map_lookup_elem(&seen, &key);

  if (!to)
    return TC_ACT_OK;
  return redirect_without_flags(*to); // <- fault
}

/* No return at the end: r0 is never set. */
/* expect: cause=uninitialised-register fix=set-register */
SEC("xdp") __attribute__((naked)) int forgets_to_return(void)
{
  asm volatile("r1 = *(u32 *)(r1 + 0);" // <- fault
               "exit;"); // <- fault
}

/* A call may change r1 to r5; the assembly behind it counts on r1. */
/* expect: cause=uninitialised-register fix=none */
SEC("socket") __attribute__((naked)) int context_lost_by_call(void)
{
  asm volatile("call 7;" // <- blame
               "r0 = *(u32 *)(r1 + 0);" // <- fault
               "exit;");
}

/* expect: cause=uninitialised-register fix=set-register */
static __noinline __attribute__((naked)) int second_argument(void)
{
  asm volatile("r0 = r2;" // <- fault
               "exit;");
}

SEC("xdp") int argument_not_passed(struct xdp_md *ctx)
{
  return second_argument();
}

/* The list of clobbered registers does not name r3, but the path that sets it is not taken. */
/* expect: cause=uninitialised-register fix=set-register */
SEC("tc") int set_on_one_path(struct __sk_buff *skb)
{
  __u64 result;

  asm volatile("r0 = *(u32 *)(%1 + 8);" // <- fault
               "if r0 == 0 goto +1;"
               "r3 = 1;"
               "%0 = r3;" // <- fault
               : "=r"(result)
               : "r"(skb)
               : "r0", "r3");
  return result ? TC_ACT_SHOT : TC_ACT_OK;
}

LICENSE("GPL");
