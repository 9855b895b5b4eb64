// A program that makes clang use most of the instruction set. disassemble.test.ts compares our
// listing of it with what llvm-objdump printed (sample.v1.objdump, .v3, .v4).
#define SEC(name) __attribute__((section(name), used))

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

struct context {
  u32 length;
  u32 mark;
  short delta;
  signed char small;
  u8 kind;
  int balance;
};

struct {
  int (*type)[1];
  u32 *key;
  u64 *value;
} counters SEC(".maps");

static void *(*lookup)(void *map, const void *key) = (void *)1;
static u64 (*now)(void) = (void *)5;

u64 total;
const volatile u32 limit = 7;

__attribute__((noinline)) static u64 mix(u64 a, u64 b) {
  a ^= b >> 33;
  a *= 0xff51afd7ed558ccdULL;
  a ^= a << 7;
  return a - (b | 12345);
}

__attribute__((noinline)) int clamp(int value, int low, int high) {
  if (value < low) return low;
  return value > high ? high : value;
}

SEC("xdp") int count(struct context *ctx) {
  u32 key = ctx->kind;
  u64 *value = lookup(&counters, &key);
  if (!value) return 1;
  __sync_fetch_and_add(value, ctx->length);
  total += mix(ctx->length, now());
  u64 sum = 0;
  for (u32 i = 0; i < ctx->length; i++) {
    sum += (u64)ctx->mark / (i + 1) + total % (ctx->kind + 1u);
    asm volatile("" : "+r"(sum));
  }
  if (sum > limit) total = sum & ~0xffULL;
  ctx->mark = __builtin_bswap32(ctx->mark);
  return clamp(ctx->balance + ctx->delta - ctx->small, -100, 100);
}

SEC("tc") int spill(struct context *ctx) {
  volatile u8 bytes[24] = {0};
  volatile u16 *half = (volatile u16 *)bytes;
  for (int i = 0; i < 24; i++) bytes[i] = (u8)(ctx->mark >> (i & 7));
  half[3] = __builtin_bswap16(half[2]);
  *(volatile u64 *)(bytes + 8) = __builtin_bswap64(*(volatile u64 *)(bytes + 16));
  *(volatile u32 *)(bytes + 4) = 0x7fffffff;
  switch (bytes[ctx->kind & 15]) {
    case 0: return 2;
    case 9: return -1;
    case 77: return (int)ctx->balance >> 3;
    default: return (int)(ctx->length - ctx->mark);
  }
}

char licence[] SEC("license") = "GPL";
