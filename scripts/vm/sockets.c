/*
 * Calls on sockets that a plan asks for: each gives what the call returned, or a negative errno; some give
 * bytes, too. The calls wait a moment at most.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

struct socket_call {
	uint32_t what;
	int32_t fd, a, b;
	uint32_t address_size, data_size;
};

long on_socket(const struct socket_call *call, int fd, void (*give)(const void *, size_t));

enum {
	SOCKET = 1, BIND, CONNECT, LISTEN, ACCEPT, SEND, RECEIVE, LOCAL, PEER, SET, GET, CLOSE, JOIN, PAUSE,
	SYSCTL,
};

static int patient(int fd)
{
	const struct timeval wait = { .tv_usec = 200000 };

	if (fd < 0)
		return fd;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
	return fd;
}

static long join(const char *path)
{
	char name[256];
	int fd;
	long result;

	snprintf(name, sizeof(name), "%s/cgroup.procs", path);
	fd = open(name, O_WRONLY);
	if (fd < 0)
		return fd;
	result = write(fd, "0", 1);
	close(fd);
	return result < 0 ? result : 0;
}

static long named(int what, int fd, void (*give)(const void *, size_t))
{
	struct sockaddr_storage address = { 0 };
	socklen_t size = sizeof(address);
	char data[64];
	long result;

	if (what == LOCAL)
		result = getsockname(fd, (void *)&address, &size);
	else if (what == PEER)
		result = getpeername(fd, (void *)&address, &size);
	else
		result = recvfrom(fd, data, sizeof(data), 0, (void *)&address, &size);
	if (result >= 0)
		give(&address, size);
	return result;
}

static long option(const struct socket_call *call, int fd, void (*give)(const void *, size_t))
{
	uint8_t value[8192] = { 0 };
	socklen_t size = call->data_size;
	long result = getsockopt(fd, call->a, call->b, value, &size);

	if (result == 0)
		give(value, size);
	return result;
}

/* A file below /proc/sys: its path, and behind a NUL what to write, if the call says so. */
static long setting(const struct socket_call *call, const char *data, void (*give)(const void *, size_t))
{
	char path[256], text[4096];
	size_t length = strlen(data) + 1;
	long result;
	int fd;

	snprintf(path, sizeof(path), "/proc/sys/%s", data);
	fd = open(path, call->a ? O_WRONLY : O_RDONLY);
	if (fd < 0)
		return fd;
	if (call->a)
		result = write(fd, data + length, call->data_size - length);
	else
		result = read(fd, text, sizeof(text));
	if (result > 0 && !call->a)
		give(text, result);
	close(fd);
	return result;
}

static long made(const struct socket_call *call, int fd, void (*give)(const void *, size_t))
{
	const uint8_t *address = (const void *)(call + 1);
	const uint8_t *data = address + ((call->address_size + 7) & ~7u);

	switch (call->what) {
	case SOCKET:
		return patient(socket(call->a, call->b, 0));
	case BIND:
		return bind(fd, (const void *)address, call->address_size);
	case CONNECT:
		return connect(fd, (const void *)address, call->address_size);
	case LISTEN:
		return listen(fd, call->a);
	case ACCEPT:
		return patient(accept(fd, NULL, NULL));
	case SEND:
		return sendto(fd, data, call->data_size, MSG_NOSIGNAL, call->address_size ? (const void *)address : NULL,
			      call->address_size);
	case RECEIVE:
	case LOCAL:
	case PEER:
		return named(call->what, fd, give);
	case SET:
		return setsockopt(fd, call->a, call->b, data, call->data_size);
	case GET:
		return option(call, fd, give);
	case CLOSE:
		return close(fd);
	case JOIN:
		return join((const char *)data);
	case SYSCTL:
		return setting(call, (const char *)data, give);
	case PAUSE:
		return usleep(call->a * 1000);
	default:
		errno = EINVAL;
		return -1;
	}
}

long on_socket(const struct socket_call *call, int fd, void (*give)(const void *, size_t))
{
	long result = made(call, fd, give);

	return result < 0 ? -errno : result;
}
