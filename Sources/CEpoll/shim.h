// Swift's Glibc module leaves out epoll, eventfd and mallopt, and accept4 hides behind _GNU_SOURCE there.
#pragma once
#include <malloc.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

/// Bytes handed to a TCP socket that the peer hasn't acknowledged (tcp(7), SIOCOUTQ); -1 where that can't be said.
static inline int orderflow_unacknowledged(int socket) {
    int count = 0;
    return ioctl(socket, TIOCOUTQ, &count) == 0 ? count : -1;
}

extern int accept4(int socket, struct sockaddr *restrict address, socklen_t *restrict length, int flags);
