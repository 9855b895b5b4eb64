// The guest's part of record-veth.mjs: attaches programs as the file it is given says, sends frames one by
// one, prints what packet sockets at every device saw, and the counters. Needs libbpf.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* Of enum bpf_attach_type; older headers have neither. */
enum { TCX_INGRESS = 46, TCX_EGRESS = 47 };
enum { MOST_TAPS = 16, MOST_STATISTICS = 256, LONGEST = 70000 };

struct tap {
  char space[32], device[32];
  int socket, ifindex;
  /* Statistics before the first frame. */
  unsigned long long before[16];
};

static struct tap taps[MOST_TAPS];
static int tap_count, home;
static struct bpf_object *object;
static unsigned char bytes[LONGEST];
static char line[2 * LONGEST];

static void fail(const char *what) {
  printf("E %s: %s\n", what, strerror(errno));
  exit(1);
}

/* "-" is the machine's own. */
static void enter(const char *space) {
  char path[64];
  snprintf(path, sizeof(path), "/run/netns/%s", space);
  int own = !strcmp(space, "-");
  int file = own ? home : open(path, O_RDONLY);
  if (setns(file, CLONE_NEWNET)) fail("setns");
  if (!own) close(file);
}

static void add_tap(const char *space, const char *device) {
  struct tap *tap = &taps[tap_count++];
  int size = 1 << 20;
  enter(space);
  tap->socket = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, htons(ETH_P_ALL));
  tap->ifindex = if_nametoindex(device);
  strcpy(tap->space, space);
  strcpy(tap->device, device);
  struct sockaddr_ll at = {.sll_family = AF_PACKET,
                           .sll_protocol = htons(ETH_P_ALL),
                           .sll_ifindex = tap->ifindex};
  setsockopt(tap->socket, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
  if (bind(tap->socket, (void *)&at, sizeof(at))) fail("packet socket");
  enter("-");
}

static void drain(int number) {
  for (int i = 0; i < tap_count; i++) {
    struct sockaddr_ll from;
    socklen_t size = sizeof(from);
    int length;
    while ((length = recvfrom(taps[i].socket, bytes, sizeof(bytes), 0, (void *)&from, &size)) > 0) {
      if (number < 0) continue;
      const char *way = from.sll_pkttype == PACKET_OUTGOING ? "out" : "in";
      printf("P %d %s/%s %s ", number, taps[i].space, taps[i].device, way);
      for (int k = 0; k < length; k++) printf("%02x", bytes[k]);
      printf("\n");
    }
  }
}

/* Constants of the program: target, flags, broadcast. */
static void load(void) {
  size_t size;
  object = bpf_object__open_file("/paths.bpf.o", 0);
  if (!object) fail("open");
  struct bpf_map *map = bpf_object__find_map_by_name(object, ".rodata");
  unsigned *constants = bpf_map__initial_value(map, &size);
  if (sscanf(line, "load %u %u %u", &constants[0], &constants[1], &constants[2]) != 3) fail(line);
  if (bpf_object__load(object)) fail("load");
}

static int program(const char *name) {
  struct bpf_program *found = bpf_object__find_program_by_name(object, name);
  if (!found) fail(name);
  return bpf_program__fd(found);
}

static void fill(void) {
  char name[32], entry[32];
  unsigned key, value[2];
  if (sscanf(line, "map %31s %u %u %31s", name, &key, &value[0], entry) != 4) fail(line);
  value[1] = strcmp(entry, "-") ? program(entry) : -1;
  if (bpf_map_update_elem(bpf_object__find_map_fd_by_name(object, name), &key, value, 0)) fail(line);
}

static void attach(void) {
  char how[16], space[32], device[32], name[32];
  if (sscanf(line, "attach %15s %31s %31s %31s", how, space, device, name) != 4) fail(line);
  enter(space);
  int ifindex = if_nametoindex(device), result = 0;
  if (!strcmp(how, "native")) result = bpf_xdp_attach(ifindex, program(name), XDP_FLAGS_DRV_MODE, 0);
  if (!strcmp(how, "generic"))
    result = bpf_xdp_attach(ifindex, program(name), XDP_FLAGS_SKB_MODE, 0);
  if (!strcmp(how, "ingress")) result = bpf_link_create(program(name), ifindex, TCX_INGRESS, 0);
  if (!strcmp(how, "egress")) result = bpf_link_create(program(name), ifindex, TCX_EGRESS, 0);
  if (result < 0) fail(line);
  enter("-");
}

static void send_frame(int number) {
  char space[32], device[32];
  int wait, from;
  if (sscanf(line, "send %31s %31s %d %n", space, device, &wait, &from) != 3) fail("send");
  int length = 0;
  for (const char *hex = line + from; sscanf(hex, "%2hhx", &bytes[length]) == 1; hex += 2) length++;
  for (int i = 0; i < tap_count; i++) {
    if (strcmp(taps[i].space, space) || strcmp(taps[i].device, device)) continue;
    struct sockaddr_ll to = {.sll_family = AF_PACKET,
                             .sll_ifindex = taps[i].ifindex,
                             .sll_protocol = htons(bytes[12] << 8 | bytes[13])};
    if (sendto(taps[i].socket, bytes, length, 0, (void *)&to, sizeof(to)) < 0)
      printf("X %d %d\n", number, errno);
  }
  usleep(wait * 1000);
  drain(number);
}

/* /proc/net/dev of a device: bytes, packets, errors, dropped of both ways. */
static void device_statistics(struct tap *tap, int first) {
  unsigned long long v[16];
  enter(tap->space);
  FILE *file = fopen("/proc/self/net/dev", "r");
  static char line[512];
  while (fgets(line, sizeof(line), file)) {
    char *colon = strchr(line, ':'), *name = line + strspn(line, " ");
    if (!colon) continue;
    *colon = 0;
    if (strcmp(name, tap->device)) continue;
    char *at = colon + 1;
    for (int i = 0; i < 16; i++) v[i] = strtoull(at, &at, 10) - (first ? 0 : tap->before[i]);
    if (first) memcpy(tap->before, v, sizeof(v));
    if (!first) printf("S %s/%s %llu %llu %llu %llu %llu %llu\n", tap->space, tap->device, v[1], v[0], v[3], v[9],
           v[8], v[11]);
  }
  fclose(file);
  enter("-");
}

static void driver_statistics(const struct tap *tap) {
  static struct {
    struct ethtool_gstrings head;
    char names[MOST_STATISTICS][ETH_GSTRING_LEN];
  } strings = {{ETHTOOL_GSTRINGS, ETH_SS_STATS, MOST_STATISTICS}};
  static struct {
    struct ethtool_stats head;
    unsigned long long values[MOST_STATISTICS];
  } statistics;
  struct ifreq request = {};
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  strcpy(request.ifr_name, tap->device);
  strings.head.cmd = ETHTOOL_GSTRINGS;
  strings.head.string_set = ETH_SS_STATS;
  request.ifr_data = (void *)&strings;
  if (!ioctl(fd, SIOCETHTOOL, &request)) {
    statistics.head.cmd = ETHTOOL_GSTATS;
    statistics.head.n_stats = strings.head.len;
    request.ifr_data = (void *)&statistics;
    ioctl(fd, SIOCETHTOOL, &request);
    for (unsigned i = 0; i < strings.head.len; i++)
      if (strstr(strings.names[i], "xdp") && statistics.values[i])
        printf("D %s/%s %s %llu\n", tap->space, tap->device, strings.names[i], statistics.values[i]);
  }
  close(fd);
}

static void report(void) {
  for (int i = 0; i < tap_count; i++) {
    device_statistics(&taps[i], 0);
    enter(taps[i].space);
    driver_statistics(&taps[i]);
    enter("-");
  }
  for (unsigned slot = 0; object && slot < 8; slot++) {
    unsigned value = 0;
    bpf_map_lookup_elem(bpf_object__find_map_fd_by_name(object, "seen"), &slot, &value);
    if (value) printf("M %u %u\n", slot, value);
  }
}

int main(int count, char **words) {
  char space[32], device[32];
  int number = 0, drained = 0;
  setvbuf(stdout, 0, _IOFBF, 1 << 16);
  home = open("/proc/self/ns/net", O_RDONLY);
  FILE *script = fopen(words[1], "r");
  while (script && fgets(line, sizeof(line), script)) {
    if (sscanf(line, "tap %31s %31s", space, device) == 2) add_tap(space, device);
    if (!strncmp(line, "load ", 5)) load();
    if (!strncmp(line, "map ", 4)) fill();
    if (!strncmp(line, "attach ", 7)) attach();
    if (strncmp(line, "send ", 5)) continue;
    if (!drained++) {
      usleep(250000);
      drain(-1);
      for (int i = 0; i < tap_count; i++) device_statistics(&taps[i], 1);
    }
    send_frame(number++);
  }
  report();
  return 0;
}
