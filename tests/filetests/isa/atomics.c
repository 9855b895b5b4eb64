// What needs 32-bit registers and the newer instructions; see sample.c.
#define SEC(name) __attribute__((section(name), used))

typedef unsigned int u32;
typedef unsigned long long u64;

struct context {
  u32 length;
  int balance;
  u64 lock;
  u32 flags;
};

SEC("xdp") int swap(struct context *ctx) {
  u64 old = __sync_val_compare_and_swap(&ctx->lock, ctx->length, 3);
  old += __sync_lock_test_and_set(&ctx->lock, 4);
  old += __sync_fetch_and_or(&ctx->lock, 16);
  old += __sync_fetch_and_and(&ctx->lock, ~16ULL);
  old += __sync_fetch_and_xor(&ctx->lock, old);
  u32 flags = __sync_val_compare_and_swap(&ctx->flags, ctx->length, 3);
  flags += __sync_lock_test_and_set(&ctx->flags, 9);
  flags ^= __sync_fetch_and_add(&ctx->flags, flags);
  flags += __sync_fetch_and_or(&ctx->flags, 1u << 31);
  if ((int)flags < ctx->balance) return (int)old;
  __sync_fetch_and_add(&ctx->flags, 1);
  return (int)(old >> 32) * ctx->balance;
}
