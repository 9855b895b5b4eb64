/* Programs that call kernel functions: every result is counted by hand in the test. */
#include <beeyard/kfuncs.h>

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 8);
  __type(key, __u32);
  __type(value, __u64);
} results SEC(".maps");

static __always_inline void put(__u32 index, __u64 value) {
  bpf_map_update_elem(&results, &index, &value, 0);
}

/* Sum of the bytes of the packet, one number of the iterator each. */
SEC("xdp")
int sum(struct xdp_md *ctx) {
  __u8 *data = (void *)(long)ctx->data;
  __u8 *end = (void *)(long)ctx->data_end;
  __u64 total = 0;
  int i;
  bpf_for(i, 0, 1500) {
    if (data + i + 1 > end)
      break;
    total += data[i];
  }
  put(0, total);
  put(1, i);
  return XDP_PASS;
}

static __noinline __u64 triangle(int n) {
  __u64 total = 0;
  int i, k;
  bpf_for(i, 0, n) {
    bpf_for(k, 0, i)
      total++;
  }
  return total;
}

SEC("xdp")
int nested(struct xdp_md *ctx) {
  __u64 rounds = 0;
  bpf_rcu_read_lock();
  put(0, triangle(10));
  bpf_rcu_read_unlock();
  bpf_preempt_disable();
  bpf_repeat(7)
    rounds += 3;
  bpf_preempt_enable();
  put(1, rounds);
  return XDP_PASS;
}

/* What starts it with numbers that are none: the error, and no round. */
SEC("xdp")
int errors(struct xdp_md *ctx) {
  struct bpf_iter_num it;
  __u64 rounds = 0;
  put(0, bpf_iter_num_new(&it, 5, 3));
  while (bpf_iter_num_next(&it))
    rounds++;
  bpf_iter_num_destroy(&it);
  put(1, bpf_iter_num_new(&it, -5000000, 5000000));
  while (bpf_iter_num_next(&it))
    rounds++;
  bpf_iter_num_destroy(&it);
  put(2, bpf_iter_num_new(&it, -2147483647 - 1, -2147483646));
  while (bpf_iter_num_next(&it))
    rounds++;
  bpf_iter_num_destroy(&it);
  put(3, rounds);
  return XDP_PASS;
}

static __always_inline __u64 bits_of(const __u64 *words, __u32 count) {
  struct bpf_iter_bits it;
  __u64 found = 0;
  int *bit;
  int status = bpf_iter_bits_new(&it, words, count);
  while ((bit = bpf_iter_bits_next(&it)))
    found = found * 3 + *bit;
  bpf_iter_bits_destroy(&it);
  return status < 0 ? (__u64)status : found;
}

SEC("xdp")
int bits(struct xdp_md *ctx) {
  __u64 words[3] = {0x8000000000000005, 0, 0x11};
  put(0, bits_of(words, 1));
  put(1, bits_of(words, 3));
  put(2, bits_of(words, 0));
  put(3, bits_of((void *)1, 1));
  put(4, bits_of(words, 512));
  return XDP_PASS;
}

/* The kernel of the test has no such function: weak, so the program finds out. */
int there_is_no_such_function(int number) __weak __ksym;

SEC("xdp")
int absent(struct xdp_md *ctx) {
  put(0, there_is_no_such_function ? there_is_no_such_function(1) : 42);
  return XDP_PASS;
}

LICENSE("GPL");
