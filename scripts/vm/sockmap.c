/*
 * Sockets of the loader's process: what a plan does with them besides putting them into maps. All of
 * them are at the loopback addresses and never block for long.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int socket_step(uint32_t op, int fd, const int *numbers, const char *data, uint32_t size, char *out);

enum op {
	OPEN = 1, BIND, LISTEN, CONNECT, ACCEPT, SEND, RECEIVE, SET, SHUTDOWN, ERROR, SEND_TO, CLOSE,
};
enum { PATIENCE = 400 };

static int checked(int result)
{
	return result < 0 ? -errno : result;
}

/* The loopback address of a family, or any address, with a port. */
static socklen_t address_of(int family, int port, int any, struct sockaddr_storage *to)
{
	memset(to, 0, sizeof(*to));
	to->ss_family = family;
	if (family == AF_INET) {
		struct sockaddr_in *four = (void *)to;

		four->sin_port = htons(port);
		four->sin_addr.s_addr = htonl(any ? INADDR_ANY : INADDR_LOOPBACK);
		return sizeof(*four);
	}
	struct sockaddr_in6 *six = (void *)to;

	six->sin6_port = htons(port);
	six->sin6_addr = any ? in6addr_any : in6addr_loopback;
	return sizeof(*six);
}

static int family_of(int fd)
{
	int family = AF_INET;
	socklen_t size = sizeof(family);

	getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &size);
	return family;
}

/* numbers: type (1 stream, 2 datagrams), family, whether it shares its port */
static int open_one(const int *numbers)
{
	int on = 1, fd = socket(numbers[1], numbers[0], 0);

	if (fd >= 0 && numbers[2])
		setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
	return checked(fd);
}

static int receive(int fd, int size, int patience, char *out)
{
	struct pollfd poller = { .fd = fd, .events = POLLIN };

	poll(&poller, 1, patience);
	return checked(recv(fd, out, size, MSG_DONTWAIT));
}

static int accept_one(int fd)
{
	struct pollfd poller = { .fd = fd, .events = POLLIN };

	poll(&poller, 1, PATIENCE);
	return checked(accept4(fd, NULL, NULL, SOCK_NONBLOCK));
}

int socket_step(uint32_t op, int fd, const int *numbers, const char *data, uint32_t size, char *out)
{
	struct sockaddr_storage to;
	socklen_t length = sizeof(int);
	int value = 0;

	switch (op) {
	case OPEN:
		return open_one(numbers);
	case BIND:
		length = address_of(family_of(fd), numbers[0], numbers[1], &to);
		return checked(bind(fd, (void *)&to, length));
	case LISTEN:
		return checked(listen(fd, numbers[0]));
	case CONNECT:
		length = address_of(family_of(fd), numbers[0], 0, &to);
		return checked(connect(fd, (void *)&to, length));
	case ACCEPT:
		return accept_one(fd);
	case SEND:
		return checked(send(fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL));
	case SEND_TO:
		length = address_of(family_of(fd), numbers[0], 0, &to);
		return checked(sendto(fd, data, size, MSG_DONTWAIT, (void *)&to, length));
	case RECEIVE:
		return receive(fd, numbers[0], numbers[1], out);
	case SET:
		return checked(setsockopt(fd, SOL_SOCKET, numbers[0], &numbers[1], sizeof(int)));
	case SHUTDOWN:
		return checked(shutdown(fd, numbers[0]));
	case ERROR:
		getsockopt(fd, SOL_SOCKET, SO_ERROR, &value, &length);
		return value;
	case CLOSE:
		return checked(close(fd));
	default:
		return -EINVAL;
	}
}
