/* Each task shares a page of its own memory with a program: it says there which system calls it may
 * make a second, and reads there how many it made. Neither asks the other, and nothing is copied.
 * Members with __uptr are of Linux 6.13; 6.12 takes them for numbers and refuses the program. */
#include <beeyard/objects.h>

#define NO_PREALLOC 1

struct task_struct;

struct budget {
  __u64 limit;
  __u64 calls;
  __u64 refused;
};

struct account {
  struct budget __uptr *budget;
  __u64 calls;
};

struct {
  __uint(type, BPF_MAP_TYPE_TASK_STORAGE);
  __uint(map_flags, NO_PREALLOC);
  __type(key, int);
  __type(value, struct account);
} accounts SEC(".maps");

HELPER_(156, void *, bpf_task_storage_get, void *map, struct task_struct *task, void *value,
        __u64 flags);
HELPER_(158, struct task_struct *, bpf_get_current_task_btf, void);

/* A function of its own, so that clang writes down what a budget is. */
static __noinline int charge(struct budget *budget) {
  budget->calls++;
  if (budget->calls > budget->limit)
    budget->refused++;
  return 0;
}

SEC("tp_btf/sys_enter")
int count(void *ctx __attribute__((unused))) {
  struct account *account =
      bpf_task_storage_get(&accounts, bpf_get_current_task_btf(), (void *)0, 0);
  struct budget *budget;
  if (!account)
    return 0;
  account->calls++;
  budget = account->budget;
  return budget ? charge(budget) : 0;
}

LICENSE("GPL");
