/* Loaded into the relay before the C library: while the file named by FAILING_DISK exists, what is written to the
   database can no more be made durable. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int broken(int fd) {
    const char *when = getenv("FAILING_DISK");
    char name[64], path[4096];
    ssize_t length;
    if (when == NULL || access(when, F_OK) != 0) return 0;
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    length = readlink(name, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return strstr(path, "postrider.db") != NULL;
}

int fsync(int fd) {
    if (broken(fd)) { errno = EIO; return -1; }
    return (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd) {
    if (broken(fd)) { errno = EIO; return -1; }
    return (int)syscall(SYS_fdatasync, fd);
}
