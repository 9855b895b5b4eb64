// SPDX-License-Identifier: MIT
// Runs one natively compiled benchmark: `harness PROGRAM.so [PACKETS]`, told what to do by lines on
// standard input, one answer line each on standard output.
//
//   setup            runs setup                                  -> r0
//   run N            runs N times (or N passes over the packets) -> r0 of the last (sum of r0s)
//   check            runs check                                  -> r0
//   hash             FNV-1a of `work`, the packets and verdicts  -> hex
//   use S R C [F]    from now on setup, run and check are S, R and C; F reads what a run wrote
//   time COUNT NS    COUNT samples of about NS nanoseconds       -> ns per call, each
//
// PACKETS: u32 count, then per packet u32 length and its bytes. They are put below 4 GiB.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

typedef unsigned int u32;
typedef unsigned long u64;

struct context {
  u32 data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex;
  u32 reserved[10];
};

typedef int (*program_fn)(struct context *);

static program_fn setup, run, check;
static u32 (*batch)(struct context *, u32, int *);
/* What takes the records of a run, and the sum of what it said. */
static u32 (*reader)(void);
static u32 seen;
static struct context *contexts;
static u32 packets;
static int *verdicts;
static unsigned char *packet_bytes;
static u64 packet_size;

static u64 now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000ul + time.tv_nsec;
}

static void *low_memory(u64 size) {
  int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT;
  void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, -1, 0);
  if (memory == MAP_FAILED) {
    perror("mmap");
    exit(1);
  }
  return memory;
}

#define HEADROOM 256
#define ALIGN(x) (((x) + 63) & ~63ul)

static void load_packets(const char *path) {
  FILE *file = fopen(path, "rb");
  if (!file || fread(&packets, 4, 1, file) != 1) {
    perror(path);
    exit(1);
  }
  contexts = low_memory(packets * sizeof(*contexts));
  verdicts = low_memory(packets * sizeof(*verdicts));
  packet_size = packets * 2048ul;
  packet_bytes = low_memory(packet_size);
  u32 at = (u32)(u64)packet_bytes;
  for (u32 i = 0; i < packets; i++) {
    u32 length;
    if (fread(&length, 4, 1, file) != 1 || fread((void *)(u64)(at + HEADROOM), 1, length, file) != length)
      exit(1);
    contexts[i].data = contexts[i].data_meta = at + HEADROOM;
    contexts[i].data_end = at + HEADROOM + length;
    at += ALIGN(HEADROOM + length);
  }
  packet_size = at - (u32)(u64)packet_bytes;
  fclose(file);
}

/* The driver's way: the program is called for each packet. */
static __attribute__((noinline)) u32 call_each(void) {
  u32 sum = 0;
  for (u32 i = 0; i < packets; i++)
    sum += verdicts[i] = run(&contexts[i]);
  return sum;
}

static int calls_each;

/* One call, or one pass over all packets, in the way that is quicker. */
static __attribute__((noinline)) u32 once(void) {
  if (packets == 0) {
    u32 result = run(contexts);
    if (reader)
      seen += reader();
    return result;
  }
  return calls_each ? call_each() : batch(contexts, packets, verdicts);
}

static u32 fnv(u32 hash, const void *bytes, u64 size) {
  const unsigned char *at = bytes;
  for (u64 i = 0; i < size; i++)
    hash = (hash ^ at[i]) * 16777619u;
  return hash;
}

static u32 digest(void *(*work)(u64 *)) {
  u32 hash = 2166136261u;
  u64 size = 0;
  void *bytes = work ? work(&size) : NULL;
  hash = fnv(hash, bytes, size);
  for (u32 i = 0; i < packets; i++) {
    hash = fnv(hash, (void *)(u64)contexts[i].data, contexts[i].data_end - contexts[i].data);
    hash = fnv(hash, &verdicts[i], 4);
  }
  return hash;
}

/* Best time of a few passes in one of the two ways. */
static u64 pass_time(int each) {
  u64 best = ~0ul;
  calls_each = each;
  for (int i = 0; i < 40; i++) {
    u64 start = now();
    once();
    u64 took = now() - start;
    best = took < best ? took : best;
  }
  return best;
}

static void choose_way(void) {
  if (packets == 0)
    return;
  u64 expanded = pass_time(0), called = pass_time(1);
  calls_each = called < expanded;
}

static void sample(int count, u64 length) {
  choose_way();
  u64 calls = 1, took = 0;
  while ((took = now(), ({ for (u64 i = 0; i < calls; i++) once(); }), took = now() - took) < length / 4)
    calls *= 2;
  calls = calls * length / took;
  if (calls == 0)
    calls = 1;
  for (int i = 0; i < count; i++) {
    u64 start = now();
    for (u64 k = 0; k < calls; k++)
      once();
    printf("%.3f ", (double)(now() - start) / calls);
  }
  printf("\n");
}

static program_fn named(void *library, const char *name) {
  return (program_fn)dlsym(library, name);
}

/* Names of the programs that are meant from now on; false if there is no such program to run. */
static int use(void *library, const char *line) {
  char names[4][64] = {};
  if (sscanf(line, "use %63s %63s %63s %63s", names[0], names[1], names[2], names[3]) < 3)
    return 0;
  setup = named(library, names[0]);
  run = named(library, names[1]);
  check = named(library, names[2]);
  seen = 0;
  reader = names[3][0] ? (u32(*)(void))dlsym(library, names[3]) : NULL;
  return run != NULL && (reader != NULL || !names[3][0]);
}

int main(int argc, char **argv) {
  void *library = argc > 1 ? dlopen(argv[1], RTLD_NOW) : NULL;
  if (!library) {
    fprintf(stderr, "%s\n", argc > 1 ? dlerror() : "usage: harness PROGRAM.so [PACKETS]");
    return 1;
  }
  setup = named(library, "setup");
  run = named(library, "run");
  check = named(library, "check");
  batch = (u32(*)(struct context *, u32, int *))dlsym(library, "bench_batch");
  void *(*work)(u64 *) = (void *(*)(u64 *))dlsym(library, "bench_work");
  if (argc > 2)
    load_packets(argv[2]);
  else
    contexts = low_memory(4096);

  char line[256];
  int count;
  u64 length;
  while (fgets(line, sizeof(line), stdin)) {
    if (!strcmp(line, "setup\n"))
      printf("%u\n", setup ? (u32)setup(contexts) : 0);
    else if (sscanf(line, "run %d", &count) == 1) {
      u32 result = 0;
      while (count-- > 0)
        result = once();
      printf("%u\n", result);
    } else if (!strcmp(line, "check\n"))
      printf("%u\n", (check ? (u32)check(contexts) : 0) + seen);
    else if (!strcmp(line, "hash\n"))
      printf("%x\n", digest(work));
    else if (!strncmp(line, "use ", 4))
      printf("%d\n", use(library, line));
    else if (sscanf(line, "time %d %lu", &count, &length) == 2)
      sample(count, length);
    else
      printf("?\n");
    fflush(stdout);
  }
  return 0;
}
