/*
 * The first process of a virtual machine of `beeyard vm`; never run on a host. Makes a root of the
 * host's files that can be read and written without changing them, mounts what is shared, runs one
 * command, carries its output out through virtio ports, and tells how it ended. What to do stands in
 * the file /job: strings that each end with a NUL, in the order in which main() takes them.
 *
 * Ports: 1 output (and, with a terminal, input), 2 errors, 3 how it ended; in: the terminal's size.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { OUTPUT = 1, ERRORS, CONTROL, PORTS };
enum { COMPRESSED_MODULE = 4, PATIENCE_MS = 10000, POLL_MS = 20 };

#define SHARE "trans=virtio,version=9p2000.L,msize=512000,cache="

static int ports[PORTS];

static void tell(const char *text)
{
	if (write(ports[CONTROL], text, strlen(text)) < 0)
		perror("control");
}

/* The machine is of no use: says why, and waits to be ended. */
static void fail(const char *what)
{
	char text[512];

	snprintf(text, sizeof(text), "error %s: %s\n", what, strerror(errno));
	if (ports[CONTROL] > 0)
		tell(text);
	fputs(text, stderr);
	for (;;)
		pause();
}

static const char *job;

static const char *next(void)
{
	const char *text = job;

	job += strlen(text) + 1;
	return text;
}

static int next_number(void)
{
	return atoi(next());
}

static void read_job(void)
{
	struct stat about;
	int fd = open("/job", O_RDONLY);

	if (fd < 0 || fstat(fd, &about))
		fail("/job");
	job = mmap(NULL, about.st_size + 1, PROT_READ, MAP_PRIVATE, fd, 0);
	if (job == MAP_FAILED)
		fail("/job");
	close(fd);
}

/* Drivers that this kernel has as modules: /module0, /module1, … in an order that works. */
static void load_modules(void)
{
	static const unsigned char xz[] = { 0xfd, '7', 'z', 'X' }, zstd[] = { 0x28, 0xb5, 0x2f, 0xfd };
	unsigned char magic[4];
	char path[32];

	for (int i = 0;; i++) {
		int fd, flags = 0;

		snprintf(path, sizeof(path), "/module%d", i);
		fd = open(path, O_RDONLY);
		if (fd < 0)
			return;
		if (pread(fd, magic, sizeof(magic), 0) == sizeof(magic) &&
		    (!memcmp(magic, xz, 4) || !memcmp(magic, zstd, 4)))
			flags = COMPRESSED_MODULE;
		if (syscall(SYS_finit_module, fd, "", flags) && errno != EEXIST)
			perror(path);
		close(fd);
		unlink(path);
	}
}

static void open_ports(void)
{
	for (int i = OUTPUT; i < PORTS; i++) {
		char path[32];

		snprintf(path, sizeof(path), "/dev/vport0p%d", i);
		for (int waited = 0; waited < PATIENCE_MS; waited += POLL_MS) {
			ports[i] = open(path, O_RDWR | O_CLOEXEC);
			if (ports[i] >= 0)
				break;
			usleep(POLL_MS * 1000);
		}
		if (ports[i] < 0)
			fail(path);
	}
}

static void make_folders(const char *path)
{
	char part[4096];

	for (const char *at = strchr(path + 1, '/'); at; at = strchr(at + 1, '/')) {
		snprintf(part, sizeof(part), "%.*s", (int)(at - path), path);
		mkdir(part, 0755);
	}
	mkdir(path, 0755);
}

/* What is shared read-only does not change meanwhile: it may be kept. */
static void mount_share(const char *tag, const char *path, int writable)
{
	const char *how = writable ? SHARE "mmap" : SHARE "loose";

	if (mount(tag, path, "9p", writable ? 0 : MS_RDONLY, how))
		fail(path);
}

/* The host's files, and above them memory that takes what is written. */
static void make_root(void)
{
	mkdir("/low", 0755);
	mkdir("/over", 0755);
	mkdir("/root", 0755);
	mount_share("root", "/low", 0);
	if (mount("over", "/over", "tmpfs", 0, NULL))
		fail("tmpfs");
	mkdir("/over/upper", 0755);
	mkdir("/over/work", 0755);
	if (mount("overlay", "/root", "overlay", 0,
		  "lowerdir=/low,upperdir=/over/upper,workdir=/over/work"))
		fail("overlay");
	mount("/dev", "/root/dev", NULL, MS_MOVE, NULL);
	mount("/proc", "/root/proc", NULL, MS_MOVE, NULL);
	mount("/sys", "/root/sys", NULL, MS_MOVE, NULL);
	if (chdir("/root") || mount(".", "/", NULL, MS_MOVE, NULL) || chroot(".") || chdir("/"))
		fail("root");
}

static void mount_usual(void)
{
	mkdir("/dev/pts", 0755);
	mkdir("/dev/shm", 01777);
	mount("pts", "/dev/pts", "devpts", 0, "mode=0620,ptmxmode=0666");
	mount("shm", "/dev/shm", "tmpfs", 0, NULL);
	mount("run", "/run", "tmpfs", 0, "mode=0755");
	mount("bpf", "/sys/fs/bpf", "bpf", 0, NULL);
	mount("cgroup", "/sys/fs/cgroup", "cgroup2", 0, NULL);
	mount("debug", "/sys/kernel/debug", "debugfs", 0, NULL);
	mount("trace", "/sys/kernel/tracing", "tracefs", 0, NULL);
	symlink("/proc/self/fd", "/dev/fd");
	symlink("/proc/self/fd/0", "/dev/stdin");
	symlink("/proc/self/fd/1", "/dev/stdout");
	symlink("/proc/self/fd/2", "/dev/stderr");
}

static void mount_shares(void)
{
	for (int left = next_number(); left > 0; left--) {
		const char *tag = next(), *path = next();
		int writable = next_number();

		make_folders(path);
		mount_share(tag, path, writable);
	}
}

static void start_loopback(void)
{
	struct ifreq loopback = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &loopback))
		perror("lo");
	close(fd);
}

static char **next_strings(void)
{
	int count = next_number();
	char **texts = calloc(count + 1, sizeof(*texts));

	for (int i = 0; i < count; i++)
		texts[i] = (char *)next();
	return texts;
}

struct command {
	const char *folder;
	int terminal;
	struct winsize size;
	char **environment, **words;
};

static void run_command(const struct command *command)
{
	if (chdir(command->folder))
		perror(command->folder);
	environ = command->environment;
	execvp(command->words[0], command->words);
	perror(command->words[0]);
	_exit(errno == ENOENT ? 127 : 126);
}

/* Starts the command on pipes: what it writes can be read from from[OUTPUT] and from[ERRORS]. */
static pid_t start_on_pipes(const struct command *command, int *from)
{
	int out[2], err[2];
	pid_t child;

	if (pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC))
		fail("pipe");
	child = fork();
	if (child == 0) {
		setsid();
		dup2(open("/dev/null", O_RDONLY), 0);
		dup2(out[1], 1);
		dup2(err[1], 2);
		run_command(command);
	}
	close(out[1]);
	close(err[1]);
	from[OUTPUT] = out[0];
	from[ERRORS] = err[0];
	return child;
}

static pid_t start_on_terminal(const struct command *command, int *from)
{
	int master = open("/dev/ptmx", O_RDWR | O_CLOEXEC | O_NOCTTY), zero = 0, number;
	char path[32];
	pid_t child;

	if (master < 0 || ioctl(master, TIOCSPTLCK, &zero) || ioctl(master, TIOCGPTN, &number))
		fail("/dev/ptmx");
	ioctl(master, TIOCSWINSZ, &command->size);
	snprintf(path, sizeof(path), "/dev/pts/%d", number);
	child = fork();
	if (child == 0) {
		int fd;

		setsid();
		fd = open(path, O_RDWR);
		ioctl(fd, TIOCSCTTY, 0);
		dup2(fd, 0);
		dup2(fd, 1);
		dup2(fd, 2);
		run_command(command);
	}
	from[OUTPUT] = master;
	from[ERRORS] = -1;
	return child;
}

static int put(int fd, const char *bytes, ssize_t size)
{
	while (size > 0) {
		ssize_t written = write(fd, bytes, size);

		if (written < 0 && errno != EINTR)
			return -1;
		if (written > 0) {
			bytes += written;
			size -= written;
		}
	}
	return 0;
}

/* Carries over what is there; false at the end of the file. */
static int carry(int from, int to)
{
	static char piece[65536];
	ssize_t size = read(from, piece, sizeof(piece));

	if (size <= 0)
		return 0;
	put(to, piece, size);
	return 1;
}

static void resize(int master)
{
	char line[64];
	ssize_t size = read(ports[CONTROL], line, sizeof(line) - 1);
	struct winsize window = {};

	if (size <= 0)
		return;
	line[size] = 0;
	if (sscanf(line, "size %hu %hu", &window.ws_row, &window.ws_col) == 2)
		ioctl(master, TIOCSWINSZ, &window);
}

/* Reaps everybody; true when it was the command itself, whose end is in status. */
static int ended(pid_t child, int *status)
{
	pid_t one;
	int how;

	while ((one = waitpid(-1, &how, WNOHANG)) > 0)
		if (one == child) {
			*status = WIFSIGNALED(how) ? 128 + WTERMSIG(how) : WEXITSTATUS(how);
			return 1;
		}
	return 0;
}

static int carry_all(pid_t child, int *from, int terminal)
{
	int status = 0, over = 0;

	for (;;) {
		struct pollfd waiting[] = {
			{ from[OUTPUT], POLLIN, 0 },
			{ from[ERRORS], POLLIN, 0 },
			{ terminal ? ports[OUTPUT] : -1, POLLIN, 0 },
			{ terminal ? ports[CONTROL] : -1, POLLIN, 0 },
		};
		/* Who has ended left everything in the pipes, unless its children live on. */
		int ready = poll(waiting, 4, over ? 0 : POLL_MS);

		for (int i = OUTPUT; i <= ERRORS; i++)
			if (waiting[i - 1].revents && !carry(from[i], ports[i])) {
				close(from[i]);
				from[i] = -1;
			}
		if (waiting[2].revents & POLLIN)
			carry(ports[OUTPUT], from[OUTPUT]);
		if (waiting[3].revents & POLLIN)
			resize(from[OUTPUT]);
		if (over && (ready <= 0 || (from[OUTPUT] < 0 && from[ERRORS] < 0)))
			return status;
		over = over || ended(child, &status);
	}
}

int main(void)
{
	const struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };
	struct command command;
	int from[PORTS], status;
	char text[32];

	mkdir("/proc", 0755);
	mkdir("/sys", 0755);
	mkdir("/dev", 0755);
	mount("proc", "/proc", "proc", 0, NULL);
	mount("sys", "/sys", "sysfs", 0, NULL);
	mount("dev", "/dev", "devtmpfs", 0, NULL);
	dup2(open("/dev/ttyS0", O_WRONLY), STDERR_FILENO);
	load_modules();
	open_ports();
	read_job();
	make_root();
	mount_usual();
	mount_shares();
	start_loopback();
	setrlimit(RLIMIT_MEMLOCK, &unlimited);
	command.folder = next();
	command.terminal = next_number();
	command.size = (struct winsize){ .ws_row = next_number() };
	command.size.ws_col = next_number();
	command.environment = next_strings();
	command.words = next_strings();
	tell("ready\n");
	pid_t child = command.terminal ? start_on_terminal(&command, from)
				       : start_on_pipes(&command, from);
	if (child < 0)
		fail("fork");
	status = carry_all(child, from, command.terminal);
	sync();
	snprintf(text, sizeof(text), "exit %d\n", status);
	tell(text);
	/* Whoever reads this ends the machine. */
	for (;;)
		pause();
}
