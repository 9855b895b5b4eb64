/*
 * The guest's part of record-token.mjs, its first process: carries out the steps of /steps, each by an
 * actor with rights of its own, and prints what Linux answered. Actors of a case share their file
 * descriptors: P is root, C root of a user namespace that user 1000 made, U user 1000 without any
 * capability. A step: ACTOR SLOT VERB ARGUMENTS; SLOT keeps a descriptor, '$SLOT' is one.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define TOKEN_CREATE 36
#define F_TOKEN_FD (1U << 16)
#define USER 1000

/* union bpf_attr of 6.12, which the headers of the machine that compiles may not know. */
static unsigned char attr[152];
static char reply[512];

static void put32(int at, unsigned value) { memcpy(attr + at, &value, 4); }
static void put64(int at, const void *value)
{
	unsigned long address = (unsigned long)value;

	memcpy(attr + at, &address, 8);
}

static int bpf(int command)
{
	int result = syscall(SYS_bpf, command, attr, sizeof(attr));

	return result < 0 ? -errno : result;
}

static int sys(long result) { return result < 0 ? -errno : (int)result; }

struct insn {
	unsigned char code, regs;
	short off;
	int imm;
};

static int fill(struct insn *insns, const char *kind)
{
	const struct insn ok = {0xb7, 0, 0, 0}, pass = {0xb7, 0, 0, 2}, end = {0x95, 0, 0, 0};
	int helper = 0, n = 0;

	if (!strcmp(kind, "long")) {
		for (n = 0; n < 4999; n++)
			insns[n] = ok;
	} else if (!strcmp(kind, "empty")) {
		return 0;
	} else if (!strcmp(kind, "loop")) {
		insns[n++] = (struct insn){0xb7, 1, 0, 3};
		insns[n++] = (struct insn){0x17, 1, 0, 1};
		insns[n++] = (struct insn){0x55, 1, -2, 0};
	} else if (!strcmp(kind, "leak")) {
		insns[n++] = (struct insn){0xbf, 0xa0, 0, 0};
		insns[n++] = end;
		return n;
	} else if (sscanf(kind, "helper:%d", &helper) == 1) {
		for (int reg = 1; reg <= 5; reg++)
			insns[n++] = (struct insn){0xb7, reg, 0, 0};
		insns[n++] = (struct insn){0x85, 0, 0, helper};
	}
	insns[n++] = !strcmp(kind, "pass") ? pass : ok;
	insns[n++] = end;
	return n;
}

static int prog_load(int type, int attach, const char *kind, int token, int flags)
{
	static struct insn insns[6000];

	memset(attr, 0, sizeof(attr));
	put32(0, type);
	put32(4, fill(insns, kind));
	put64(8, insns);
	put64(16, "GPL");
	put32(44, flags | (token >= 0 ? F_TOKEN_FD : 0));
	put32(68, attach);
	if (token >= 0)
		put32(144, token);
	return bpf(BPF_PROG_LOAD);
}

static int map_create(const int *of, int token)
{
	memset(attr, 0, sizeof(attr));
	for (int i = 0; i < 5; i++)
		put32(i * 4, of[i]);
	if (token >= 0) {
		put32(16, of[4] | F_TOKEN_FD);
		put32(76, token);
	}
	return bpf(BPF_MAP_CREATE);
}

/* One type: a signed int of 4 bytes, named "i". */
static int btf_load(int token)
{
	static const unsigned words[] = {0x0001eb9f, 24, 0, 16, 16, 3, 1, 0x01000000, 4, 0x01000020};
	static unsigned char bytes[43];

	memcpy(bytes, words, 40);
	memcpy(bytes + 40, "\0i", 3);
	memset(attr, 0, sizeof(attr));
	put64(0, bytes);
	put32(16, sizeof(bytes));
	if (token >= 0) {
		put32(32, F_TOKEN_FD);
		put32(36, token);
	}
	return bpf(BPF_BTF_LOAD);
}

static int set_capabilities(unsigned long keep)
{
	struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct data[2] = {{keep, keep, 0}, {keep >> 32, keep >> 32, 0}};

	return sys(syscall(SYS_capset, &head, data));
}

static void slurp(const char *path, const char *with)
{
	char line[1024];
	FILE *file = fopen(path, "r");

	reply[0] = 0;
	while (file && fgets(line, sizeof(line), file)) {
		if (!strstr(line, with))
			continue;
		strncat(reply, line, sizeof(reply) - strlen(reply) - 1);
	}
	if (file)
		fclose(file);
	for (char *c = reply; *c; c++)
		if (*c == '\n')
			*c = '|';
		else if (*c == '\t')
			*c = '>';
}

static int write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY), result;

	if (fd < 0)
		return -errno;
	result = sys(write(fd, text, strlen(text)));
	close(fd);
	return result < 0 ? result : 0;
}

static int fd_command(int command, int at, int value)
{
	memset(attr, 0, sizeof(attr));
	put32(at, value);
	return bpf(command);
}

static int path_command(int command, const char *path, int fd, int flags)
{
	memset(attr, 0, sizeof(attr));
	put64(0, path);
	put32(8, fd);
	put32(12, flags);
	return bpf(command);
}

#define IS(word) (!strcmp(verb, word))
#define NUMBER(i) ((int)strtoul(words[i], NULL, 0))
#define TOKEN(i) (!strcmp(words[i], "-") ? -1 : NUMBER(i))

static int act(char **words, int count)
{
	const char *verb = words[0];
	int sizes[5];

	if (IS("fsopen"))
		return sys(syscall(SYS_fsopen, "bpf", 0));
	if (IS("set"))
		return sys(syscall(SYS_fsconfig, NUMBER(1), 1, words[2], count > 3 ? words[3] : "", 0));
	if (IS("flag"))
		return sys(syscall(SYS_fsconfig, NUMBER(1), 0, words[2], NULL, 0));
	if (IS("create"))
		return sys(syscall(SYS_fsconfig, NUMBER(1), 6, NULL, NULL, 0));
	if (IS("fsmount"))
		return sys(syscall(SYS_fsmount, NUMBER(1), 0, 0));
	if (IS("move")) {
		mkdir(words[2], 0755);
		return sys(syscall(SYS_move_mount, NUMBER(1), "", -100, words[2], 4));
	}
	if (IS("mount")) {
		mkdir(words[1], 0755);
		return sys(mount("bpf", words[1], "bpf", 0, count > 2 ? words[2] : ""));
	}
	if (IS("options")) {
		char with[64];

		snprintf(with, sizeof(with), " %s bpf ", words[1]);
		slurp("/proc/self/mounts", with);
		return 0;
	}
	if (IS("fdinfo")) {
		char path[64];

		snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", NUMBER(1));
		slurp(path, "allowed_");
		return 0;
	}
	if (IS("open"))
		return sys(open(words[1], O_RDONLY | O_DIRECTORY));
	if (IS("reopen"))
		return sys(openat(NUMBER(1), ".", O_RDONLY | O_DIRECTORY));
	if (IS("token")) {
		memset(attr, 0, sizeof(attr));
		put32(0, count > 2 ? NUMBER(2) : 0);
		put32(4, NUMBER(1));
		return bpf(TOKEN_CREATE);
	}
	if (IS("map")) {
		for (int i = 0; i < 5; i++)
			sizes[i] = NUMBER(i + 1);
		return map_create(sizes, TOKEN(6));
	}
	if (IS("btf"))
		return btf_load(TOKEN(1));
	if (IS("prog"))
		return prog_load(NUMBER(1), NUMBER(2), words[3], TOKEN(4), count > 5 ? NUMBER(5) : 0);
	if (IS("drop"))
		return set_capabilities(strtoul(words[1], NULL, 0));
	if (IS("nextid"))
		return fd_command(NUMBER(1), 0, 0);
	if (IS("byid"))
		return fd_command(NUMBER(1), 0, NUMBER(2));
	if (IS("stats"))
		return fd_command(BPF_ENABLE_STATS, 0, 0);
	if (IS("query")) {
		memset(attr, 0, sizeof(attr));
		put32(4, NUMBER(1));
		put32(0, NUMBER(2));
		return bpf(BPF_PROG_QUERY);
	}
	if (IS("taskfd"))
		return fd_command(BPF_TASK_FD_QUERY, 0, getpid());
	if (IS("attach")) {
		memset(attr, 0, sizeof(attr));
		put32(0, 999);
		put32(4, NUMBER(1));
		put32(8, NUMBER(2));
		return bpf(BPF_PROG_ATTACH);
	}
	if (IS("link")) {
		memset(attr, 0, sizeof(attr));
		put32(0, NUMBER(1));
		put32(4, 999);
		put32(8, NUMBER(2));
		return bpf(BPF_LINK_CREATE);
	}
	if (IS("info")) {
		static unsigned info[64];
		int result;

		memset(info, 0, sizeof(info));
		memset(attr, 0, sizeof(attr));
		put32(0, NUMBER(1));
		put32(4, 228);
		put64(8, info);
		result = bpf(BPF_OBJ_GET_INFO_BY_FD);
		snprintf(reply, sizeof(reply), "xlated %s", info[5] ? "yes" : "no");
		return result;
	}
	if (IS("pin"))
		return path_command(BPF_OBJ_PIN, words[2], NUMBER(1), 0);
	if (IS("get"))
		return path_command(BPF_OBJ_GET, words[1], 0, NUMBER(2));
	if (IS("chmod"))
		return sys(chmod(words[1], strtoul(words[2], NULL, 8)));
	if (IS("sysctl"))
		return write_text("/proc/sys/kernel/unprivileged_bpf_disabled", words[1]);
	if (IS("unshare"))
		return sys(unshare(CLONE_NEWUSER | CLONE_NEWNS));
	return -ENOSYS;
}

static int split(char *line, char **words)
{
	int count = 0;

	for (char *word = strtok(line, " \n"); word && count < 15; word = strtok(NULL, " \n"))
		words[count++] = word;
	words[count] = NULL;
	return count;
}

struct actor {
	pid_t pid;
	int socket;
};

static void serve(int socket)
{
	char line[1024];

	for (;;) {
		char *words[16];
		int size = read(socket, line, sizeof(line) - 1), result;
		char answer[700];

		if (size <= 0)
			_exit(0);
		line[size] = 0;
		reply[0] = 0;
		result = act(words, split(line, words));
		snprintf(answer, sizeof(answer), "%d %s", result, reply);
		if (write(socket, answer, strlen(answer) + 1) < 0)
			_exit(1);
	}
}

static void become_user(void)
{
	if (setgroups(0, NULL) || setresgid(USER, USER, USER) || setresuid(USER, USER, USER))
		_exit(2);
}

static struct actor start(char kind)
{
	int pair[2], ready[2], go[2];
	char path[64], byte;
	pid_t pid;

	socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair);
	if (pipe(ready) || pipe(go))
		_exit(3);
	pid = syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0);
	if (pid == 0) {
		if (kind != 'P')
			become_user();
		if (kind == 'C' && unshare(CLONE_NEWUSER | CLONE_NEWNS))
			_exit(4);
		if (write(ready[1], "", 1) != 1 || read(go[0], &byte, 1) != 1)
			_exit(5);
		serve(pair[1]);
	}
	if (read(ready[0], &byte, 1) != 1)
		_exit(6);
	if (kind == 'C') {
		snprintf(path, sizeof(path), "/proc/%d/uid_map", pid);
		write_text(path, "0 1000 1");
		snprintf(path, sizeof(path), "/proc/%d/setgroups", pid);
		write_text(path, "deny");
		snprintf(path, sizeof(path), "/proc/%d/gid_map", pid);
		write_text(path, "0 1000 1");
	}
	if (write(go[1], "", 1) != 1)
		_exit(7);
	return (struct actor){pid, pair[0]};
}

/* '$a' is the descriptor in slot a. */
static void substitute(const char *text, char *out, const int *slots)
{
	for (; *text; text++) {
		if (*text == '$')
			out += sprintf(out, "%d", slots[(unsigned char)*++text]);
		else
			*out++ = *text;
	}
	*out = 0;
}

/* All steps up to the next "case" or the end; true if there is one. */
static int run_case(FILE *steps)
{
	struct actor actors[3] = {{0}};
	int slots[256], going = 0;
	char line[1024], ready[2048], answer[700];

	for (int i = 0; i < 256; i++)
		slots[i] = 900;
	while (fgets(line, sizeof(line), steps)) {
		const char *kinds = "PCU";
		struct actor *actor;
		int result;

		if (!strncmp(line, "case", 4)) {
			going = 1;
			break;
		}
		actor = &actors[strchr(kinds, line[0]) - kinds];
		if (!actor->pid)
			*actor = start(line[0]);
		substitute(line + 4, ready, slots);
		if (write(actor->socket, ready, strlen(ready)) < 0 ||
		    read(actor->socket, answer, sizeof(answer)) < 0)
			strcpy(answer, "-999 lost");
		result = atoi(answer);
		if (line[2] != '-')
			slots[(unsigned char)line[2]] = result < 0 ? 900 : result;
		printf("R %d%s\n", result > 0 ? 0 : result, strchr(answer, ' '));
		fflush(stdout);
	}
	for (int i = 0; i < 3; i++)
		if (actors[i].pid) {
			kill(actors[i].pid, SIGKILL);
			waitpid(actors[i].pid, NULL, 0);
		}
	for (int fd = 3; fd < 512; fd++)
		if (fd != fileno(steps))
			close(fd);
	return going;
}

int main(void)
{
	FILE *steps;
	int console;

	mkdir("/proc", 0755);
	mkdir("/dev", 0755);
	mkdir("/sys", 0755);
	mkdir("/tmp", 01777);
	chmod("/tmp", 01777);
	mount("sys", "/sys", "sysfs", 0, NULL);
	mount("bpf", "/sys/fs/bpf", "bpf", 0, NULL);
	mount("proc", "/proc", "proc", 0, NULL);
	mount("dev", "/dev", "devtmpfs", 0, NULL);
	mount("tmp", "/tmp", "tmpfs", 0, "mode=1777");
	console = open("/dev/ttyS0", O_RDWR);
	dup2(console, 0);
	dup2(console, 1);
	dup2(console, 2);
	write_text("/proc/sys/kernel/unprivileged_userns_clone", "1");
	mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
	steps = fopen("/steps", "r");
	if (steps)
		while (run_case(steps))
			;
	printf("DONE\n");
	fflush(stdout);
	reboot(RB_POWER_OFF);
	return 0;
}
