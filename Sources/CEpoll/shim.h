// Swift's Glibc module leaves out epoll and eventfd, and accept4 hides behind _GNU_SOURCE there.
#pragma once
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

extern int accept4(int socket, struct sockaddr *restrict address, socklen_t *restrict length, int flags);
