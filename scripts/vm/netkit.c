// The guest's part of record-netkit.mjs: attaches the pods' programs, sends the frames of /frames one
// by one, prints what packet sockets at every device saw. Needs libbpf.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct tap {
  const char *space, *device;
  int socket, ifindex;
};

static const char *PODS[] = {"client", "web", "dns"};
static const char *ADDRESSES[] = {"10.0.0.2", "10.0.0.3", "10.0.0.53"};
static struct tap taps[8];
static int tap_count, home;

static void fail(const char *what) {
  printf("E %s: %s\n", what, strerror(errno));
  exit(1);
}

static void enter(const char *space) {
  char path[64];
  snprintf(path, sizeof(path), "/run/netns/%s", space);
  int file = *space ? open(path, O_RDONLY) : home;
  if (setns(file, CLONE_NEWNET)) fail("setns");
  if (*space) close(file);
}

static void add_tap(const char *space, const char *device) {
  enter(space);
  int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, htons(ETH_P_ALL));
  struct sockaddr_ll at = {.sll_family = AF_PACKET,
                           .sll_protocol = htons(ETH_P_ALL),
                           .sll_ifindex = if_nametoindex(device)};
  if (fd < 0 || bind(fd, (void *)&at, sizeof(at))) fail("packet socket");
  taps[tap_count++] = (struct tap){space, device, fd, at.sll_ifindex};
  enter("");
}

static void drain(int number) {
  unsigned char bytes[4096];
  for (int i = 0; i < tap_count; i++) {
    struct sockaddr_ll from;
    socklen_t size = sizeof(from);
    int length;
    while ((length = recvfrom(taps[i].socket, bytes, sizeof(bytes), 0, (void *)&from, &size)) > 0) {
      const char *way = from.sll_pkttype == PACKET_OUTGOING ? "out" : "in";
      const char *slash = *taps[i].space ? "/" : "";
      printf("P %d %s%s%s %s ", number, taps[i].space, slash, taps[i].device, way);
      for (int k = 0; k < length; k++) printf("%02x", bytes[k]);
      printf("\n");
    }
  }
}

static struct bpf_object *load(int shortcut) {
  struct bpf_object *object = bpf_object__open_file("/pods.bpf.o", 0);
  if (!object) fail("open");
  size_t size;
  *(char *)bpf_map__initial_value(bpf_object__find_map_by_name(object, ".rodata"), &size) = shortcut;
  if (bpf_object__load(object)) fail("load");
  return object;
}

static void attach(struct bpf_object *object, const char *program, int ifindex) {
  struct bpf_program *found = bpf_object__find_program_by_name(object, program);
  if (!bpf_program__attach_netkit(found, ifindex, 0)) fail("attach");
}

static void add_pod(struct bpf_object *object, int i) {
  char *device;
  if (asprintf(&device, "nk-%s", PODS[i]) < 0) fail("name");
  int ifindex = if_nametoindex(device);
  attach(object, "from_pod", ifindex);
  attach(object, "to_pod", ifindex);
  unsigned key = inet_addr(ADDRESSES[i]), value[2] = {i + 1, ifindex};
  bpf_map_update_elem(bpf_object__find_map_fd_by_name(object, "endpoints"), &key, value, 0);
  add_tap("", device);
  add_tap(PODS[i], "eth0");
}

static void send_frame(const char *space, const char *hex) {
  unsigned char bytes[4096];
  int length = strlen(hex) / 2;
  for (int i = 0; i < length; i++) sscanf(hex + 2 * i, "%2hhx", &bytes[i]);
  for (int i = 0; i < tap_count; i++) {
    if (strcmp(taps[i].space, space)) continue;
    struct sockaddr_ll to = {.sll_family = AF_PACKET,
                             .sll_ifindex = taps[i].ifindex,
                             .sll_protocol = htons(bytes[12] << 8 | bytes[13])};
    // A program that drops makes this fail: that is no news.
    sendto(taps[i].socket, bytes, length, 0, (void *)&to, sizeof(to));
  }
}

int main(int count, char **words) {
  setvbuf(stdout, 0, _IOLBF, 0);
  home = open("/proc/self/ns/net", O_RDONLY);
  struct bpf_object *object = load(count > 1 ? atoi(words[1]) : 0);
  for (int i = 0; i < 3; i++) add_pod(object, i);
  struct {
    unsigned from, to;
    unsigned short port;
    unsigned char protocol, unused;
  } rule = {1, 2, 80, 6, 0};
  unsigned char one = 1;
  bpf_map_update_elem(bpf_object__find_map_fd_by_name(object, "allow"), &rule, &one, 0);
  usleep(300000);
  drain(-1);
  FILE *frames = fopen("/frames", "r");
  char space[32], hex[8192];
  for (int number = 0; fscanf(frames, "%31s %8191s", space, hex) == 2; number++) {
    send_frame(space, hex);
    usleep(60000);
    drain(number);
  }
  int counts = bpf_object__find_map_fd_by_name(object, "counts");
  for (unsigned id = 1; id < 4; id++) {
    unsigned long long value[2];
    if (bpf_map_lookup_elem(counts, &id, value)) continue;
    printf("C %u %llu %llu\n", id, value[0], value[1]);
  }
  return 0;
}
