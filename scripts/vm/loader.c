/*
 * The first and only process of the virtual machine of `npm run test:vm`; never run on a host. Carries
 * out the plan in the file /plan, command by command, and writes what came of each to the port
 * /dev/vport0p1. A plan is mostly bpf(2) calls as they are: the bytes of `union bpf_attr`, the buffers
 * it points to, and where to put the file descriptors that earlier commands gave. plan.mjs writes and
 * reads both formats; all numbers are little-endian, everything starts at a multiple of 8.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <sched.h>
#include <stddef.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

void prepare(void); /* boot.c */
int open_object(uint32_t kind); /* objects.c */
/* sockmap.c: a result, or a file descriptor; what was received goes to `out` */
int socket_step(uint32_t op, int fd, const int *numbers, const char *data, uint32_t size, char *out);

struct socket_call { /* sockets.c */
	uint32_t what;
	int32_t fd, a, b;
	uint32_t address_size, data_size;
};
long on_socket(const struct socket_call *call, int fd, void (*give)(const void *, size_t));

enum { MAGIC = 0x4e4c5042, MAX_BUFFERS = 16, ATTR_ROOM = 8192, ALIGN = 8 };
enum kind {
	SYSCALL = 1, CLOSE, CAPABILITIES, DUMP, RECORDS, ARENA, XLATED, FILE_BYTES, OBJECT, PATH,
	SOCKET_CALL, SOCKET_STEP, USER_RECORDS,
};
enum { IN = 1, OUT = 2, TEXT = 4 }; /* what a buffer is for; a TEXT ends at its first NUL */
enum { IN_ATTR = 0xffffffff, WHOLE = 0xffffffff, NOTHING = 0xffffffff, SKIP_ZEROS = 1 };

struct header {
	uint32_t magic, commands;
};

struct command {
	uint32_t kind, size; /* size of what follows */
};

struct syscall_head {
	uint32_t number, attr_size, buffers, references;
	uint32_t instead_of, unused; /* only if this command failed, in whose place it stands */
};

struct buffer {
	uint32_t attr_offset, size, flags, size_at; /* bytes used: number at this offset of attr */
};



struct reference {
	uint32_t place, offset, command, kind; /* a buffer's index or IN_ATTR */
};

/* What a reference is: a command's file descriptor, the id it told, the address of a buffer. */
enum { DESCRIPTOR, NEXT_ID, ADDRESS, OBJECT_ID };

struct dump {
	uint32_t map, key_size, value_size, flags;
};

struct arena {
	uint32_t map, pages;
	uint64_t address;
	/* What its first bytes are. */
	uint32_t size;
	uint8_t bytes[];
};

struct user_records {
	uint32_t map, ring_size, size, unused;
	uint8_t bytes[];
};

struct answer {
	uint32_t command;
	int32_t result;
	uint32_t size;
};

static int *handles; /* by command: its file descriptor, or negative */
static uint32_t *ids; /* by command: next_id, where it told one */
static int port;

static void stop(const char *why)
{
	perror(why);
	sync();
	reboot(RB_POWER_OFF);
}

static void put(const void *bytes, size_t size)
{
	const char *at = bytes;

	while (size > 0) {
		ssize_t written = write(port, at, size);

		if (written < 0 && errno != EINTR)
			stop("port");
		if (written > 0) {
			at += written;
			size -= written;
		}
	}
}

/* Bytes that grow until they are sent. */
static struct {
	char *bytes;
	size_t used, room;
} reply;

static void add(const void *bytes, size_t size)
{
	if (reply.used + size > reply.room) {
		reply.room = 2 * (reply.used + size) + 65536;
		reply.bytes = realloc(reply.bytes, reply.room);
		if (!reply.bytes)
			stop("memory");
	}
	memcpy(reply.bytes + reply.used, bytes, size);
	reply.used += size;
}

static void answer(uint32_t command, int32_t result)
{
	struct answer head = { command, result, reply.used };

	put(&head, sizeof(head));
	put(reply.bytes, reply.used);
	reply.used = 0;
}

static long bpf(uint32_t number, void *attr, uint32_t size)
{
	long result = syscall(SYS_bpf, number, attr, size);

	return result < 0 ? -errno : result;
}

static size_t padded(size_t size)
{
	return (size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
}

/* Memory of a buffer; pages are taken as they are touched, so a big one costs nothing. */
static char *map_buffer(const struct buffer *buffer)
{
	char *bytes = mmap(NULL, buffer->size + 1, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (bytes == MAP_FAILED)
		stop("buffer");
	return bytes;
}

static void add_buffer(const struct buffer *buffer, const char *bytes, const char *attr)
{
	uint32_t size = buffer->size, used = size;

	if (buffer->flags & TEXT)
		used = strnlen(bytes, size);
	else if (buffer->size_at != WHOLE)
		memcpy(&used, attr + buffer->size_at, sizeof(used));
	if (used > size)
		used = size;
	add(&used, sizeof(used));
	add(bytes, used);
}

/* The id of a program, map or link, which their infos have in the same place. */
static int id_of(int fd)
{
	uint32_t info[4] = {};
	union bpf_attr attr = {};

	attr.info.bpf_fd = fd;
	attr.info.info_len = sizeof(info);
	attr.info.info = (uint64_t)info;
	return bpf(BPF_OBJ_GET_INFO_BY_FD, &attr, sizeof(attr)) < 0 ? -1 : (int)info[1];
}

/* Numbers of file descriptors, or ids, into attr or buffers; false if one is missing. */
static bool resolve(const struct reference *references, uint32_t count, char *attr, char **memory)
{
	for (uint32_t i = 0; i < count; i++) {
		uint32_t command = references[i].command;
		char *place = references[i].place == IN_ATTR ? attr : memory[references[i].place];
		int fd;

		if (references[i].kind == ADDRESS) {
			memcpy(place + references[i].offset, &memory[command], sizeof(char *));
			continue;
		}
		fd = references[i].kind == NEXT_ID ? (int)ids[command] : handles[command];
		if (fd >= 0 && references[i].kind == OBJECT_ID)
			fd = id_of(fd);
		if (fd < 0)
			return false;
		memcpy(place + references[i].offset, &fd, sizeof(fd));
	}
	return true;
}

/* Commands whose file descriptors later ones may name. */
static bool gives_descriptor(uint32_t number)
{
	static const uint32_t those[] = {
		BPF_MAP_CREATE, BPF_PROG_LOAD, BPF_BTF_LOAD, BPF_OBJ_GET, BPF_PROG_GET_FD_BY_ID,
		BPF_MAP_GET_FD_BY_ID, BPF_BTF_GET_FD_BY_ID, BPF_LINK_GET_FD_BY_ID,
		BPF_RAW_TRACEPOINT_OPEN, BPF_LINK_CREATE, BPF_ENABLE_STATS, BPF_ITER_CREATE,
	};

	for (size_t i = 0; i < sizeof(those) / sizeof(*those); i++)
		if (those[i] == number)
			return true;
	return false;
}

static void run_syscall(uint32_t index, const char *at)
{
	const struct syscall_head *head = (const void *)at;
	struct buffer buffers[MAX_BUFFERS];
	char *memory[MAX_BUFFERS], attr[ATTR_ROOM] = "";
	long result = -ECANCELED;

	if (head->attr_size > ATTR_ROOM || head->buffers > MAX_BUFFERS)
		stop("plan");
	at += sizeof(*head);
	memcpy(attr, at, head->attr_size);
	at += padded(head->attr_size);
	for (uint32_t i = 0; i < head->buffers; i++) {
		uint64_t address;

		memcpy(&buffers[i], at, sizeof(buffers[i]));
		at += sizeof(buffers[i]);
		memory[i] = map_buffer(&buffers[i]);
		if (buffers[i].flags & IN) {
			memcpy(memory[i], at, buffers[i].size);
			at += padded(buffers[i].size);
		}
		address = (uint64_t)memory[i];
		memcpy(attr + buffers[i].attr_offset, &address, sizeof(address));
	}
	if (head->instead_of != NOTHING && handles[head->instead_of] >= 0)
		result = handles[head->instead_of];
	else if (resolve((const void *)at, head->references, attr, memory))
		result = bpf(head->number, attr, head->attr_size);
	add(attr, head->attr_size);
	for (uint32_t i = 0; i < head->buffers; i++) {
		if (buffers[i].flags & OUT)
			add_buffer(&buffers[i], memory[i], attr);
		munmap(memory[i], buffers[i].size + 1);
	}
	if (gives_descriptor(head->number))
		handles[index] = result;
	memcpy(&ids[index], attr + offsetof(union bpf_attr, next_id), sizeof(*ids));
	answer(index, result);
}

static void close_range_of(const uint32_t *range)
{
	for (uint32_t i = range[0]; i < range[1]; i++) {
		if (handles[i] >= 0)
			close(handles[i]);
		handles[i] = -1;
	}
}

/* Takes capabilities out of the effective set: the permitted one stays, so that they can come back. */
static void drop_capabilities(const uint32_t *dropped)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2];

	syscall(SYS_capget, &header, data);
	for (int i = 0; i < 2; i++)
		data[i].effective = data[i].permitted & ~dropped[i];
	if (syscall(SYS_capset, &header, data))
		stop("capset");
}

static bool is_zero(const char *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (bytes[i])
			return false;
	return true;
}

/* All keys with their values, in the kernel's order. */
static long dump(const struct dump *what)
{
	char key[512], next[512];
	char *value = calloc(1, what->value_size + 8);
	union bpf_attr attr;
	long result = 0;
	bool first = true;

	if (what->key_size > sizeof(key) || !value)
		stop("dump");
	for (;;) {
		memset(&attr, 0, sizeof(attr));
		attr.map_fd = handles[what->map];
		attr.key = first ? 0 : (uint64_t)key;
		attr.next_key = (uint64_t)next;
		result = bpf(BPF_MAP_GET_NEXT_KEY, &attr, sizeof(attr));
		if (result)
			break;
		first = false;
		memcpy(key, next, what->key_size);
		attr.key = (uint64_t)key;
		attr.value = (uint64_t)value;
		attr.flags = 0;
		result = bpf(BPF_MAP_LOOKUP_ELEM, &attr, sizeof(attr));
		if (result == -ENOENT)
			continue;
		if (result)
			break;
		if ((what->flags & SKIP_ZEROS) && is_zero(value, what->value_size))
			continue;
		add(key, what->key_size);
		add(value, what->value_size);
	}
	free(value);
	return result == -ENOENT ? 0 : result;
}

/* What is in a ring buffer: its data pages from the consumer's to the producer's position. */
static long records(const uint32_t *what)
{
	size_t page = sysconf(_SC_PAGESIZE), size = what[1];
	int fd = handles[what[0]];
	char *consumer = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	char *producer = mmap(NULL, page + 2 * size, PROT_READ, MAP_SHARED, fd, page);
	uint64_t from, to;

	if (consumer == MAP_FAILED || producer == MAP_FAILED)
		return -errno;
	from = *(volatile uint64_t *)consumer;
	to = *(volatile uint64_t *)producer;
	add(producer + page + (from & (size - 1)), to - from);
	munmap(consumer, page);
	munmap(producer, page + 2 * size);
	return 0;
}

/*
 * An arena needs an address before a program may use it: its own, if it was created with one. The
 * memory stays until the machine ends or another arena takes the place.
 */
static void map_arena(const struct arena *arena)
{
	size_t size = (size_t)arena->pages * sysconf(_SC_PAGESIZE);
	int flags = MAP_SHARED | (arena->address ? MAP_FIXED : 0), fd = handles[arena->map];

	if (fd < 0)
		return;
	void *at = mmap((void *)arena->address, size, PROT_READ | PROT_WRITE, flags, fd, 0);
	if (at == MAP_FAILED)
		perror("arena");
	else
		memcpy(at, arena->bytes, arena->size);
}

/* Puts records, headers and all, into a user ring buffer that nothing was ever put into. */
static void put_user_records(const struct user_records *records)
{
	size_t page = sysconf(_SC_PAGESIZE);
	int fd = handles[records->map];

	if (fd < 0)
		return;
	char *producer = mmap(NULL, page + 2 * records->ring_size, PROT_READ | PROT_WRITE, MAP_SHARED,
			      fd, page);
	if (producer == MAP_FAILED) {
		perror("user ring buffer");
		return;
	}
	memcpy(producer + page, records->bytes, records->size);
	*(volatile uint64_t *)producer = records->size;
	munmap(producer, page + 2 * records->ring_size);
}

/* One array of a program's info: how many bytes, then these. */
static void add_array(const void *bytes, uint32_t size)
{
	add(&size, sizeof(size));
	add(bytes, size);
}

/*
 * A program as the kernel made it, from its BPF_OBJ_GET_INFO_BY_FD: instructions, ids of its maps,
 * func_info, line_info.
 */
static long xlated(const uint32_t *what)
{
	struct bpf_prog_info sizes = {}, info = {};
	union bpf_attr attr = {};
	void *insns, *ids, *functions, *lines;
	long result;

	attr.info.bpf_fd = handles[what[0]];
	attr.info.info_len = sizeof(sizes);
	attr.info.info = (uint64_t)&sizes;
	result = bpf(BPF_OBJ_GET_INFO_BY_FD, &attr, sizeof(attr));
	if (result)
		return result;
	info.xlated_prog_len = sizes.xlated_prog_len;
	info.nr_map_ids = sizes.nr_map_ids;
	info.nr_func_info = sizes.nr_func_info;
	info.nr_line_info = sizes.nr_line_info;
	info.func_info_rec_size = sizes.func_info_rec_size;
	info.line_info_rec_size = sizes.line_info_rec_size;
	insns = calloc(1, info.xlated_prog_len + 1);
	ids = calloc(info.nr_map_ids + 1, sizeof(uint32_t));
	functions = calloc(info.nr_func_info + 1, sizes.func_info_rec_size + 1);
	lines = calloc(info.nr_line_info + 1, sizes.line_info_rec_size + 1);
	if (!insns || !ids || !functions || !lines)
		stop("xlated");
	info.xlated_prog_insns = (uint64_t)insns;
	info.map_ids = (uint64_t)ids;
	info.func_info = (uint64_t)functions;
	info.line_info = (uint64_t)lines;
	attr.info.info_len = sizeof(info);
	attr.info.info = (uint64_t)&info;
	result = bpf(BPF_OBJ_GET_INFO_BY_FD, &attr, sizeof(attr));
	if (!result) {
		add_array(insns, info.xlated_prog_len);
		add_array(ids, info.nr_map_ids * sizeof(uint32_t));
		add_array(functions, info.nr_func_info * info.func_info_rec_size);
		add_array(lines, info.nr_line_info * info.line_info_rec_size);
	}
	free(insns);
	free(ids);
	free(functions);
	free(lines);
	return result;
}

/* What is in a file: its path ends with a NUL. */
static long file_bytes(const char *path)
{
	static char piece[65536];
	int fd = open(path, O_RDONLY);
	ssize_t size;

	if (fd < 0)
		return -errno;
	while ((size = read(fd, piece, sizeof(piece))) > 0)
		add(piece, size);
	close(fd);
	return size;
}

/* mkdir, rmdir, unlink, rename, open of a directory, symlink: two paths, each with its NUL. */
/* Into a new network namespace, or back into the first; a descriptor of the one it is in then. */
static int namespace(bool fresh)
{
	static int home = -1;

	if (home < 0)
		home = open("/proc/self/ns/net", O_RDONLY);
	if (fresh ? unshare(CLONE_NEWNET) : setns(home, CLONE_NEWNET))
		return -errno;
	return open("/proc/self/ns/net", O_RDONLY);
}

static int on_path(uint32_t what, const char *path)
{
	const char *other = path + strlen(path) + 1;
	int result = -1;

	switch (what) {
	case 1:
		result = mkdir(path, 0700);
		break;
	case 2:
		result = rmdir(path);
		break;
	case 3:
		result = unlink(path);
		break;
	case 4:
		result = rename(path, other);
		break;
	case 5:
		result = open(path, O_RDONLY | O_DIRECTORY);
		break;
	case 6:
		result = symlink(path, other);
		break;
	case 7:
		result = open(path, O_RDONLY);
		break;
	case 8:
	case 9:
		return namespace(what == 8);
	}
	return result < 0 ? -errno : result;
}

struct socket_head {
	uint32_t op, on; /* the command that gave the socket */
	int32_t numbers[4];
	uint32_t value, size; /* the command whose descriptor is numbers[1], if any */
	char data[];
};

static void run_socket(uint32_t index, const struct socket_head *head)
{
	enum { OPEN = 1, ACCEPT = 5, RECEIVE = 7, CLOSE_IT = 12, MOST = 1 << 20 };
	static char received[MOST];
	int numbers[4], fd = head->on == NOTHING ? -1 : handles[head->on], result;

	memcpy(numbers, head->numbers, sizeof(numbers));
	if (head->value != NOTHING)
		numbers[1] = handles[head->value];
	result = socket_step(head->op, fd, numbers, head->data, head->size, received);
	if (head->op == OPEN || head->op == ACCEPT)
		handles[index] = result;
	if (head->op == CLOSE_IT)
		handles[head->on] = -1;
	if (head->op == RECEIVE && result > 0)
		add(received, result);
	answer(index, result);
}

static void carry_out(uint32_t index, const struct command *command)
{
	const char *body = (const char *)(command + 1);

	switch (command->kind) {
	case SYSCALL:
		run_syscall(index, body);
		break;
	case CLOSE:
		close_range_of((const void *)body);
		break;
	case CAPABILITIES:
		drop_capabilities((const void *)body);
		break;
	case ARENA:
		map_arena((const void *)body);
		break;
	case USER_RECORDS:
		put_user_records((const void *)body);
		break;
	case OBJECT:
		handles[index] = open_object(*(const uint32_t *)body);
		answer(index, handles[index]);
		break;
	case PATH: {
		int result = on_path(*(const uint32_t *)body, body + 8);

		if (*(const uint32_t *)body == 5 || *(const uint32_t *)body >= 7)
			handles[index] = result;
		answer(index, result);
		break;
	}
	case SOCKET_STEP:
		run_socket(index, (const void *)body);
		break;
	case SOCKET_CALL: {
		const struct socket_call *call = (const void *)body;
		long result = on_socket(call, call->fd < 0 ? -1 : handles[call->fd], add);

		/* socket and accept give descriptors, close takes one. */
		if (call->what == 1 || call->what == 5)
			handles[index] = result;
		if (call->what == 12 && call->fd >= 0)
			handles[call->fd] = -1;
		answer(index, result);
		break;
	}
	case FILE_BYTES:
		answer(index, file_bytes(body));
		break;
	case DUMP:
	case RECORDS:
	case XLATED: {
		bool there = handles[*(const uint32_t *)body] >= 0;
		long result = -ECANCELED;

		if (there && command->kind == DUMP)
			result = dump((const void *)body);
		else if (there && command->kind == RECORDS)
			result = records((const void *)body);
		else if (there)
			result = xlated((const void *)body);
		answer(index, result);
		break;
	}
	default:
		stop("plan");
	}
}

static const char *read_plan(void)
{
	struct stat about;
	int fd = open("/plan", O_RDONLY);
	char *plan;

	if (fd < 0 || fstat(fd, &about))
		stop("/plan");
	plan = mmap(NULL, about.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (plan == MAP_FAILED || ((const struct header *)plan)->magic != MAGIC)
		stop("/plan");
	return plan;
}

int main(void)
{
	const struct header *header;
	const char *at;

	prepare();
	port = open("/dev/vport0p1", O_WRONLY);
	if (port < 0)
		stop("/dev/vport0p1");
	header = (const void *)read_plan();
	handles = malloc((header->commands + 1) * sizeof(*handles));
	memset(handles, -1, (header->commands + 1) * sizeof(*handles));
	ids = calloc(header->commands + 1, sizeof(*ids));
	at = (const char *)(header + 1);
	for (uint32_t i = 0; i < header->commands; i++) {
		const struct command *command = (const void *)at;

		carry_out(i, command);
		at += sizeof(*command) + command->size;
	}
	answer(header->commands, 0);
	/* Whoever reads this ends the machine: powering off loses what was not read yet. */
	for (;;)
		pause();
}
