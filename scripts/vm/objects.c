/*
 * Kernel objects that maps hold or that own values of local storage: each call opens a new one, or this
 * very task. Returns a file descriptor or a negative errno.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

int open_object(uint32_t kind);

enum { TASK = 1, INODE, SOCKET, CGROUP };

static int checked(int result)
{
	return result < 0 ? -errno : result;
}

static int open_inode(void)
{
	static int count;
	char name[32];

	snprintf(name, sizeof(name), "/inode%d", count++);
	return checked(open(name, O_CREAT | O_RDWR, 0600));
}

/* A bound UDP socket that may share its port: every map of sockets takes it. */
static int open_socket(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_DGRAM, 0), on = 1;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)))
		return -errno;
	return fd;
}

static int open_cgroup(void)
{
	static int count;
	char name[32];

	if (count == 0) {
		mkdir("/cgroups", 0755);
		mount("cgroup", "/cgroups", "cgroup2", 0, NULL);
	}
	snprintf(name, sizeof(name), "/cgroups/%d", count++);
	mkdir(name, 0755);
	return checked(open(name, O_RDONLY | O_DIRECTORY));
}

int open_object(uint32_t kind)
{
	switch (kind) {
	case TASK:
		return checked(syscall(SYS_pidfd_open, getpid(), 0));
	case INODE:
		return open_inode();
	case SOCKET:
		return open_socket();
	case CGROUP:
		return open_cgroup();
	default:
		return -EINVAL;
	}
}
