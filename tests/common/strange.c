/* A C library that does what it may and what nobody expects: it writes and reads less than it was asked for, is
 * interrupted, has a clock that jumps or one that runs fast, and a quota. It stands before the real one by LD_PRELOAD.
 *
 * STRANGE names what it does, divided by spaces: short, interrupted, jumps, fast. A quota is used up for the files
 * below $STRANGE_QUOTA while there is a file $STRANGE_QUOTA.full. When a process ends by itself, how often each of
 * them was done is added to the file $STRANGE_TOLD. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

/* How many times as fast: three minutes are over in three seconds. */
#define FAST 60
#define DAY 86400

#define REAL(name) ((__typeof__(&name))real(#name))

static int is_short, is_interrupted, jumps, is_fast;
static const char *quota, *told;
static unsigned shortened, interruptions, jumped;
static struct timespec start;

static void *real(const char *name) {
    return dlsym(RTLD_NEXT, name);
}

__attribute__((constructor)) static void begin(void) {
    const char *what = getenv("STRANGE");
    what = what ? what : "";
    is_short = strstr(what, "short") != NULL;
    is_interrupted = strstr(what, "interrupted") != NULL;
    jumps = strstr(what, "jumps") != NULL;
    quota = getenv("STRANGE_QUOTA");
    told = getenv("STRANGE_TOLD");
    REAL(clock_gettime)(CLOCK_MONOTONIC, &start);
    is_fast = strstr(what, "fast") != NULL;
}

__attribute__((destructor)) static void end(void) {
    FILE *file = told ? fopen(told, "a") : NULL;
    if (file) {
        fprintf(file, "short %u interrupted %u jumps %u\n", shortened, interruptions, jumped);
        fclose(file);
    }
}

static int kind(int fd) {
    struct stat there;
    return fstat(fd, &there) == 0 ? there.st_mode & S_IFMT : 0;
}

/* Every third call that may wait is interrupted before it has done anything. */
static int interrupt(int may_wait) {
    static __thread unsigned calls;
    if (!is_interrupted || !may_wait || ++calls % 3 != 0)
        return 0;
    __sync_fetch_and_add(&interruptions, 1);
    errno = EINTR;
    return 1;
}

/* Half of what was asked for, where that is a file of this kind. A pipe that gives less than it was asked for is empty:
 * whoever waits for its edges relies on that. */
static size_t less(int fd, size_t size, int pipes_too) {
    int what = kind(fd);
    int is_stream = what == S_IFREG || (pipes_too && (what == S_IFIFO || what == S_IFCHR));
    if (!is_short || size < 2 || !is_stream)
        return size;
    __sync_fetch_and_add(&shortened, 1);
    return size / 2;
}

static int is_over_quota(int fd) {
    char link[64], path[PATH_MAX], flag[PATH_MAX];
    if (!quota || kind(fd) != S_IFREG)
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    snprintf(flag, sizeof flag, "%s.full", quota);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0 || access(flag, F_OK) != 0)
        return 0;
    path[length] = 0;
    if (strncmp(path, quota, strlen(quota)) != 0 || strstr(path, "-shm"))
        return 0;
    errno = EDQUOT;
    return 1;
}

ssize_t write(int fd, const void *bytes, size_t size) {
    if (is_over_quota(fd) || interrupt(kind(fd) == S_IFREG))
        return -1;
    return REAL(write)(fd, bytes, less(fd, size, 1));
}

ssize_t pwrite(int fd, const void *bytes, size_t size, off_t at) {
    if (is_over_quota(fd) || interrupt(1))
        return -1;
    return REAL(pwrite)(fd, bytes, less(fd, size, 1), at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t size, off64_t at) {
    if (is_over_quota(fd) || interrupt(1))
        return -1;
    return REAL(pwrite64)(fd, bytes, less(fd, size, 1), at);
}

ssize_t read(int fd, void *bytes, size_t size) {
    if (interrupt(kind(fd) == S_IFREG))
        return -1;
    return REAL(read)(fd, bytes, less(fd, size, 0));
}

ssize_t pread(int fd, void *bytes, size_t size, off_t at) {
    if (interrupt(1))
        return -1;
    return REAL(pread)(fd, bytes, less(fd, size, 0), at);
}

ssize_t pread64(int fd, void *bytes, size_t size, off64_t at) {
    if (interrupt(1))
        return -1;
    return REAL(pread64)(fd, bytes, less(fd, size, 0), at);
}

int epoll_wait(int fd, struct epoll_event *events, int most, int timeout) {
    if (interrupt(timeout != 0))
        return -1;
    if (is_fast && timeout > 0)
        timeout = timeout / FAST + 1;
    return REAL(epoll_wait)(fd, events, most, timeout);
}

/* A day ahead and a day behind by turns. */
static time_t leap(void) {
    return jumps ? (__sync_fetch_and_add(&jumped, 1) % 2 ? DAY : -DAY) : 0;
}

int clock_gettime(clockid_t id, struct timespec *now) {
    int result = REAL(clock_gettime)(id, now);
    if (id == CLOCK_REALTIME)
        now->tv_sec += leap();
    if (id == CLOCK_MONOTONIC && is_fast) {
        long long since = (now->tv_sec - start.tv_sec) * 1000000000LL + now->tv_nsec - start.tv_nsec;
        long long sum = start.tv_nsec + since * FAST;
        now->tv_sec = start.tv_sec + sum / 1000000000;
        now->tv_nsec = sum % 1000000000;
    }
    return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    int result = REAL(gettimeofday)(now, zone);
    now->tv_sec += leap();
    return result;
}

time_t time(time_t *now) {
    struct timespec precise;
    clock_gettime(CLOCK_REALTIME, &precise);
    if (now)
        *now = precise.tv_sec;
    return precise.tv_sec;
}
