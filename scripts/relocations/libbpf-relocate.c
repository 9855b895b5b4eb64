/*
 * What libbpf hands to BPF_PROG_LOAD, without a kernel: this program is linked with libbpf (and with
 * --wrap=btf_load_into_kernel) and answers its system calls itself. Nothing reaches the host's
 * kernel.
 *
 *   libbpf-relocate RELEASE BTF KCONFIG KALLSYMS [MODULE=BTF ...] -- [BTF@]OBJECT ...
 *
 * BTF is the types of the kernel, raw; KCONFIG and KALLSYMS are files in the kernel's format.
 * `BTF@OBJECT` relocates an object against types of its own (btf_custom_path).
 * Prints a line per program, separated by tabs: object, program, how far libbpf came ('open',
 * 'relocate', 'load' name the step it failed in; 'ok'; 'left out'), its last warning, maps (names separated by
 * commas), instructions (hexadecimal). In those a map's descriptor is its place in the list of maps,
 * a module's is its place among the arguments, from 1.
 */
#define _GNU_SOURCE
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <ctype.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>
#include <zlib.h>

#define MAX_MODULES 64
#define MAX_MAPS 1024
#define MAP_BYTES (64UL << 20)
#define FIRST_BTF_ID 1

struct types {
	const char *name;
	const char *path;
	void *data;
	unsigned int size;
};

static const char *release, *kconfig, *kallsyms;
static struct types kernel[1 + MAX_MODULES];
static int kernel_count = 1;

/* Of the object at hand. */
static int map_fds[MAX_MAPS], map_count;
static int btf_fds[1 + MAX_MODULES];
/* The step behind relocation: libbpf loads the types of the object. */
static bool relocated;
static char warning[512];

static int new_fd(unsigned long size)
{
	int fd = memfd_create("beeyard", MFD_CLOEXEC);

	if (fd >= 0 && size && ftruncate(fd, size))
		perror("ftruncate");
	return fd;
}

static int fail(int error)
{
	errno = error;
	return -1;
}

/* ------------------------------------------------------------ the kernel as libbpf sees it */

static int btf_of_fd(int fd)
{
	for (int i = 0; i < kernel_count; i++)
		if (btf_fds[i] == fd)
			return i;
	return -1;
}

static int tell_about(union bpf_attr *attr)
{
	int place = btf_of_fd(attr->info.bpf_fd);
	struct bpf_btf_info *info = (void *)(unsigned long)attr->info.info;

	if (place < 0)
		return 0;
	unsigned int room = info->btf_size, name_room = info->name_len;
	info->id = FIRST_BTF_ID + place;
	info->kernel_btf = 1;
	info->btf_size = kernel[place].size;
	if (room >= kernel[place].size)
		memcpy((void *)(unsigned long)info->btf, kernel[place].data, kernel[place].size);
	if (name_room)
		snprintf((char *)(unsigned long)info->name, name_room, "%s", kernel[place].name);
	return 0;
}

static int answer(int command, union bpf_attr *attr)
{
	switch (command) {
	case BPF_MAP_CREATE:
		return new_fd(MAP_BYTES);
	case BPF_PROG_LOAD:
	case BPF_BTF_LOAD:
		return new_fd(0);
	case BPF_BTF_GET_NEXT_ID:
		if (attr->start_id >= FIRST_BTF_ID + kernel_count - 1)
			return fail(ENOENT);
		attr->next_id = attr->start_id < FIRST_BTF_ID ? FIRST_BTF_ID : attr->start_id + 1;
		return 0;
	case BPF_BTF_GET_FD_BY_ID: {
		int place = attr->btf_id - FIRST_BTF_ID;

		int fd = new_fd(0);

		/* libbpf closes those it does not want, and numbers come again. */
		for (int i = 0; i < kernel_count; i++)
			if (btf_fds[i] == fd)
				btf_fds[i] = -1;
		btf_fds[place] = fd;
		return fd;
	}
	case BPF_OBJ_GET_INFO_BY_FD:
		return tell_about(attr);
	case BPF_OBJ_GET:
		return fail(ENOENT);
	case BPF_MAP_UPDATE_ELEM:
	case BPF_MAP_FREEZE:
	case BPF_OBJ_PIN:
	case BPF_PROG_BIND_MAP:
		return 0;
	default:
		return fail(EINVAL);
	}
}

long syscall(long number, ...)
{
	static long (*real)(long, ...);
	unsigned long args[6];
	va_list list;

	va_start(list, number);
	for (int i = 0; i < 6; i++)
		args[i] = va_arg(list, unsigned long);
	va_end(list);
	if (number == __NR_bpf)
		return answer((int)args[0], (union bpf_attr *)args[1]);
	if (number == __NR_perf_event_open)
		return new_fd(0);
	if (number == __NR_memfd_create) {
		/* libbpf keeps a place for the descriptor of each map and, behind it, of its template. */
		int fd = new_fd(0);

		if (map_count < MAX_MAPS)
			map_fds[map_count++] = fd;
		return fd;
	}
	if (!real)
		real = dlsym(RTLD_NEXT, "syscall");
	return real(number, args[0], args[1], args[2], args[3], args[4], args[5]);
}

static const char *instead(const char *path)
{
	if (strcmp(path, "/sys/kernel/btf/vmlinux") == 0)
		return kernel[0].path;
	if (strcmp(path, "/proc/kallsyms") == 0)
		return kallsyms;
	if (strncmp(path, "/boot/config-", 13) == 0 || strcmp(path, "/proc/config.gz") == 0)
		return kconfig;
	return path;
}

FILE *fopen(const char *path, const char *mode)
{
	static FILE *(*real)(const char *, const char *);

	if (!real)
		real = dlsym(RTLD_NEXT, "fopen");
	return real(instead(path), mode);
}

gzFile gzopen(const char *path, const char *mode)
{
	static gzFile (*real)(const char *, const char *);

	if (!real)
		real = dlsym(RTLD_NEXT, "gzopen");
	return real(instead(path), mode);
}

int access(const char *path, int mode)
{
	return faccessat(AT_FDCWD, instead(path), mode, 0);
}

int uname(struct utsname *into)
{
	memset(into, 0, sizeof(*into));
	strcpy(into->sysname, "Linux");
	snprintf(into->release, sizeof(into->release), "%s", release);
	strcpy(into->machine, "x86_64");
	return 0;
}

int __real_btf_load_into_kernel(struct btf *, char *, size_t, unsigned int, int);

int __wrap_btf_load_into_kernel(struct btf *btf, char *log, size_t size, unsigned int level,
				int token)
{
	relocated = true;
	return __real_btf_load_into_kernel(btf, log, size, level, token);
}

/* ------------------------------------------------------------ objects */

static int note_warning(enum libbpf_print_level level, const char *format, va_list list)
{
	char line[sizeof(warning)];

	if (level != LIBBPF_WARN)
		return 0;
	vsnprintf(line, sizeof(line), format, list);
	/* What comes last only repeats that the load failed. */
	const char *text = strncmp(line, "libbpf: ", 8) ? line : line + 8;
	if (strncmp(text, "failed to load object", 21) == 0)
		return 0;
	strcpy(warning, text);
	for (char *at = warning; *at; at++)
		if (iscntrl(*at))
			*at = ' ';
	return 0;
}

/* Numbers that are no descriptors stand in the source of the program. */
static int place_of_map(int fd)
{
	for (int i = 0; i < map_count; i++)
		if (map_fds[i] == fd)
			return i;
	return fd;
}

/* Leaves only the descriptors of maps, without those of templates: which are gone after loading. */
static void drop_templates(struct bpf_object *object)
{
	struct bpf_map *map;
	int place = 0, at = 0;

	bpf_object__for_each_map(map, object) {
		map_fds[place++] = map_fds[at];
		at += bpf_map__inner_map(map) ? 2 : 1;
	}
	map_count = place;
}

static void print_insns(const struct bpf_insn *insns, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct bpf_insn insn = insns[i];
		const unsigned char *bytes = (void *)&insn;

		if (insn.code == (BPF_LD | BPF_IMM | BPF_DW)) {
			struct bpf_insn second = insns[i + 1];

			if (insn.src_reg == BPF_PSEUDO_MAP_FD || insn.src_reg == BPF_PSEUDO_MAP_VALUE)
				insn.imm = place_of_map(insn.imm);
			if (insn.src_reg == BPF_PSEUDO_BTF_ID && second.imm)
				second.imm = btf_of_fd(second.imm);
			for (size_t k = 0; k < sizeof(insn); k++)
				printf("%02x", bytes[k]);
			bytes = (void *)&second;
			for (size_t k = 0; k < sizeof(insn); k++)
				printf("%02x", bytes[k]);
			i++;
			continue;
		}
		for (size_t k = 0; k < sizeof(insn); k++)
			printf("%02x", bytes[k]);
	}
}

static void report(const char *path, struct bpf_object *object, struct bpf_program *program,
		   const char *step)
{
	struct bpf_map *map;
	bool first = true;

	printf("%s\t%s\t%s\t%s\t", path, program ? bpf_program__name(program) : "", step, warning);
	if (object)
		bpf_object__for_each_map(map, object) {
			printf("%s%s", first ? "" : ",", bpf_map__name(map));
			first = false;
		}
	printf("\t");
	if (program && (!strcmp(step, "ok") || !strcmp(step, "load")))
		print_insns(bpf_program__insns(program), bpf_program__insn_cnt(program));
	printf("\n");
}

static struct bpf_object *open_object(const char *path)
{
	const char *at = strchr(path, '@');
	char types[512];
	LIBBPF_OPTS(bpf_object_open_opts, options);

	map_count = 0;
	relocated = false;
	warning[0] = 0;
	if (at) {
		snprintf(types, sizeof(types), "%.*s", (int)(at - path), path);
		options.btf_custom_path = types;
	}
	struct bpf_object *object = bpf_object__open_file(at ? at + 1 : path, &options);

	if (object)
		drop_templates(object);
	return object;
}

static void close_object(struct bpf_object *object)
{
	bpf_object__close(object);
	close_range(3, ~0U, 0);
}

/* Loads one program, or all of them; prints them if libbpf got through. */
static bool load(const char *path, const char *only, bool tables)
{
	struct bpf_object *object = open_object(path);
	struct bpf_program *program;
	struct bpf_map *map;

	if (!object) {
		report(path, NULL, NULL, "open");
		return true;
	}
	bpf_object__for_each_program(program, object)
		bpf_program__set_autoload(program, !only || !strcmp(only, bpf_program__name(program)));
	if (!tables)
		bpf_object__for_each_map(map, object)
			if (bpf_map__type(map) == BPF_MAP_TYPE_STRUCT_OPS)
				bpf_map__set_autocreate(map, false);
	bool ok = bpf_object__load(object) == 0;
	const char *step = ok ? "ok" : relocated || !bpf_object__btf(object) ? "load" : "relocate";
	bool done = ok || (only && !tables);

	if (done)
		bpf_object__for_each_program(program, object)
			if (!only || !strcmp(only, bpf_program__name(program)))
				report(path, object, program,
				       bpf_program__autoload(program) ? step : "left out");
	close_object(object);
	return done;
}

static int names_of(const char *path, char names[][128], int room)
{
	struct bpf_object *object = open_object(path);
	struct bpf_program *program;
	int count = 0;

	bpf_object__for_each_program(program, object)
		if (count < room)
			snprintf(names[count++], sizeof(names[0]), "%s", bpf_program__name(program));
	close_object(object);
	return count;
}

static void relocate(const char *path)
{
	static char names[4096][128];

	if (load(path, NULL, true))
		return;
	/* Something in it does not load: one after the other, then without struct_ops tables. */
	int count = names_of(path, names, 4096);
	for (int i = 0; i < count; i++)
		if (!load(path, names[i], true))
			load(path, names[i], false);
}

static void read_types(struct types *types)
{
	struct stat status;
	int fd = open(types->path, O_RDONLY);

	if (fd < 0 || fstat(fd, &status)) {
		perror(types->path);
		exit(3);
	}
	types->size = status.st_size;
	types->data = mmap(NULL, types->size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
}

int main(int argc, char **argv)
{
	int i = 5;

	if (argc < 6)
		return 2;
	release = argv[1];
	kernel[0] = (struct types){ .name = "vmlinux", .path = argv[2] };
	kconfig = argv[3];
	kallsyms = argv[4];
	for (; i < argc && strcmp(argv[i], "--"); i++) {
		char *split = strchr(argv[i], '=');

		*split = 0;
		kernel[kernel_count++] = (struct types){ .name = argv[i], .path = split + 1 };
	}
	for (int k = 0; k < kernel_count; k++)
		read_types(&kernel[k]);
	libbpf_set_print(note_warning);
	for (i++; i < argc; i++)
		relocate(argv[i]);
	return 0;
}
