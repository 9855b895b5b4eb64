/*
 * What the first process of the virtual machine does before it carries out its plan: file systems,
 * a console for its complaints, settings under which BPF programs of everybody load and are compiled,
 * a loopback device that is up.
 */
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

void prepare(void);

static void write_file(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		perror(path);
	if (fd >= 0)
		close(fd);
}

/* Drivers that this kernel has as modules: /module0, /module1, … in an order that works. */
static void load_modules(void)
{
	char path[] = "/module0";

	for (;; path[sizeof(path) - 2]++) {
		int fd = open(path, O_RDONLY);

		if (fd < 0)
			return;
		if (syscall(SYS_finit_module, fd, "", 0))
			perror(path);
		close(fd);
	}
}

void prepare(void)
{
	const struct rlimit many = { 1 << 16, 1 << 16 };
	struct ifreq loopback = { .ifr_name = "lo" };
	int fd;

	mkdir("/proc", 0755);
	mkdir("/dev", 0755);
	mkdir("/tmp", 0755);
	mkdir("/sys", 0755);
	mount("sys", "/sys", "sysfs", 0, NULL);
	mount("bpf", "/sys/fs/bpf", "bpf", 0, NULL);
	mount("proc", "/proc", "proc", 0, NULL);
	mount("dev", "/dev", "devtmpfs", 0, NULL);
	dup2(open("/dev/ttyS0", O_WRONLY), STDERR_FILENO);
	load_modules();
	write_file("/proc/sys/kernel/unprivileged_bpf_disabled", "0");
	write_file("/proc/sys/net/core/bpf_jit_enable", "1");
	setrlimit(RLIMIT_NOFILE, &many);
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	loopback.ifr_flags = IFF_UP | IFF_LOOPBACK | IFF_RUNNING;
	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &loopback))
		perror("lo");
	close(fd);
}
