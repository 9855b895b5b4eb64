/*
 * Runs inside a virtual machine as its first process, never on a host: loads every program of the
 * file /cells into the running kernel and prints a line for each to /dev/vport0p1:
 *
 *   errno <tab> what the log says of r2 after the instruction of interest <tab> its last line
 *
 * The file: u32 number of maps, then per map eight u32 (type, key size, value size, entries, flags,
 * 1 + index of the inner map, map_extra, 1 if it needs BTF); then programs: eight u32 (type, expected
 * attach type, attach BTF id, flags, capabilities, instructions, instruction of interest, 0) and the
 * instructions. Pseudo loads of maps name them by index.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { MAX_MAPS = 64, MAX_INSNS = 4096, NO_INSN = 0xff };

struct map {
	uint32_t type, key, value, entries, flags, inner, extra, btf;
};

struct program {
	uint32_t type, attach, target, flags, capabilities, count, interest, unused;
};

static int maps[MAX_MAPS];
static char text[1 << 17];
static FILE *out;

static long bpf(int command, union bpf_attr *attr)
{
	return syscall(SYS_bpf, command, attr, sizeof(*attr));
}

/* int as key, a 64-bit int as value: what maps of local storage want to know. */
static int load_btf(void)
{
	const uint32_t words[] = { 0x0001eb9f, 24, 0, 32, 32, 3,
				   1, 0x01000000, 4, 32, 1, 0x01000000, 8, 64 };
	char btf[sizeof(words) + 3] = "";
	union bpf_attr attr = { .btf = (uint64_t)btf, .btf_size = sizeof(btf) };

	memcpy(btf, words, sizeof(words));
	btf[sizeof(words) + 1] = 'i';
	return bpf(BPF_BTF_LOAD, &attr);
}

static void create_maps(FILE *file)
{
	uint32_t count = 0;
	int btf = load_btf();

	if (fread(&count, sizeof(count), 1, file) != 1 || count > MAX_MAPS)
		return;
	for (uint32_t i = 0; i < count; i++) {
		struct map map;
		union bpf_attr attr = {};

		if (fread(&map, sizeof(map), 1, file) != 1)
			return;
		attr.map_type = map.type;
		attr.key_size = map.key;
		attr.value_size = map.value;
		attr.max_entries = map.entries;
		attr.map_flags = map.flags;
		attr.map_extra = map.extra;
		if (map.inner)
			attr.inner_map_fd = maps[map.inner - 1];
		if (map.btf) {
			attr.btf_fd = btf;
			attr.btf_key_type_id = 1;
			attr.btf_value_type_id = 2;
		}
		maps[i] = bpf(BPF_MAP_CREATE, &attr);
		if (maps[i] < 0)
			fprintf(out, "map %u: %s\n", i, strerror(errno));
	}
}

/* Only the effective set: the permitted one stays, so that they can come back. */
static void set_capabilities(uint32_t set)
{
	static const int numbers[] = { CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN, CAP_SYS_ADMIN };
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2];

	syscall(SYS_capget, &header, data);
	for (int i = 0; i < 2; i++)
		data[i].effective = data[i].permitted;
	for (int i = 0; i < 4; i++)
		if (!(set & 1u << i))
			data[numbers[i] / 32].effective &= ~(1u << numbers[i] % 32);
	syscall(SYS_capset, &header, data);
}

/* What the log says of r2 once the instruction was processed. */
static void print_register(uint32_t insn)
{
	char key[16];
	char *line = text, *found;

	if (insn == NO_INSN)
		return;
	snprintf(key, sizeof(key), "%u: (", insn);
	while (line && strncmp(line, key, strlen(key)))
		line = (line = strchr(line, '\n')) ? line + 1 : NULL;
	found = line ? strstr(line, " R2_w=") : NULL;
	if (found)
		fprintf(out, "%.*s", (int)strcspn(found + 6, "\n"), found + 6);
}

static void print_last_line(void)
{
	char *end = strstr(text, "\nprocessed "), *start = end;

	if (!end)
		return;
	while (start > text && start[-1] != '\n')
		start--;
	fprintf(out, "%.*s", (int)(end - start), start);
}

static void load(const struct program *program, struct bpf_insn *insns)
{
	union bpf_attr attr = {};
	int fd;

	for (uint32_t i = 0; i < program->count; i++)
		if (insns[i].code == 0x18 && insns[i].src_reg == BPF_PSEUDO_MAP_FD)
			insns[i].imm = maps[insns[i].imm];
	attr.prog_type = program->type;
	attr.expected_attach_type = program->attach;
	attr.attach_btf_id = program->target;
	attr.prog_flags = program->flags;
	attr.insns = (uint64_t)insns;
	attr.insn_cnt = program->count;
	attr.license = (uint64_t)"GPL";
	attr.log_buf = (uint64_t)text;
	attr.log_size = sizeof(text);
	attr.log_level = 2;
	text[0] = 0;
	fd = bpf(BPF_PROG_LOAD, &attr);
	fprintf(out, "%d\t", fd < 0 ? errno : 0);
	print_register(program->interest);
	fputc('\t', out);
	if (fd < 0)
		print_last_line();
	fputc('\n', out);
	if (fd >= 0)
		close(fd);
}

static void write_file(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY);

	if (fd >= 0 && write(fd, value, strlen(value)) < 0)
		perror(path);
	if (fd >= 0)
		close(fd);
}

int main(void)
{
	static struct bpf_insn insns[MAX_INSNS];
	struct program program;
	FILE *file;

	mkdir("/proc", 0755);
	mkdir("/dev", 0755);
	mount("proc", "/proc", "proc", 0, NULL);
	mount("dev", "/dev", "devtmpfs", 0, NULL);
	write_file("/proc/sys/kernel/unprivileged_bpf_disabled", "0");
	write_file("/proc/sys/net/core/bpf_jit_enable", "1");
	out = fopen("/dev/vport0p1", "w");
	file = fopen("/cells", "r");
	if (!out || !file) {
		perror("loader");
		reboot(RB_POWER_OFF);
	}
	setvbuf(out, NULL, _IOFBF, 1 << 16);
	create_maps(file);
	while (fread(&program, sizeof(program), 1, file) == 1 && program.count <= MAX_INSNS &&
	       fread(insns, sizeof(insns[0]), program.count, file) == program.count) {
		set_capabilities(program.capabilities);
		load(&program, insns);
	}
	fprintf(out, "end\n");
	fclose(out);
	reboot(RB_POWER_OFF);
	return 0;
}
