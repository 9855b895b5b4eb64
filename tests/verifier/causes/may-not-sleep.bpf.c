// SPDX-License-Identifier: MIT
/* Something that may sleep is called in a program that may not. */
#include "common.h"

/* expect: cause=may-not-sleep fix=none */
SEC("lsm/bprm_check_security") int reads_user_memory(__u64 *ctx)
{
  char start[8] = {};

  bpf_copy_from_user(start, sizeof(start), (void *)ctx[0]); // <- fault
  return start[0] ? -1 : 0;
}

/* expect: cause=may-not-sleep fix=none */
static __noinline long peek(void *from)
{
  long word = 0;

  bpf_copy_from_user(&word, sizeof(word), from); // <- fault
  return word;
}

SEC("kprobe/do_exit") int in_a_function(struct pt_regs *ctx)
{
  return peek((void *)ctx->sp) == 1;
}

/* expect: cause=may-not-sleep fix=none */
SEC("tp_btf/sched_switch") int while_switching(__u64 *ctx)
{
  __u64 word = 0;

  bpf_copy_from_user(&word, sizeof(word), (void *)word); // <- fault
  return 0;
}

/* A callback of a timer runs where nothing may sleep. */
/* expect: cause=may-not-sleep fix=none */
SEC("fentry/do_nanosleep") int attached_without_sleep(__u64 *ctx)
{
  char text[16] = {};

  bpf_copy_from_user(text, sizeof(text), (void *)ctx); // <- fault
  return 0;
}

LICENSE("GPL");
