/* Breaks the disk and the wall clock of one program and its children (LD_PRELOAD).
 *
 * CHAOS_CONTROL names a file of two 64-bit integers, which are read again at every call:
 *   0: the error number with which writes fail below CHAOS_FOLDER: ENOSPC, EROFS or EIO; 0 for none
 *   1: the nanoseconds that the wall clock is ahead; negative where it is behind */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static const int64_t well[2];
static const volatile int64_t *control = well;
static const char *folder;
static size_t folder_length;

__attribute__((constructor)) static void begin(void) {
    const char *name = getenv("CHAOS_CONTROL");
    folder = getenv("CHAOS_FOLDER");
    folder_length = folder ? strlen(folder) : 0;
    int fd = name ? syscall(SYS_openat, AT_FDCWD, name, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0) return;
    void *mapped = mmap(0, sizeof well, PROT_READ, MAP_SHARED, fd, 0);
    if (mapped != MAP_FAILED) control = mapped;
    close(fd);
}

static int is_below(const char *path) {
    return folder && !strncmp(path, folder, folder_length) && (path[folder_length] == '/' || !path[folder_length]);
}

/* The error for a write to an open file, or 0. */
static int fault(int fd) {
    int64_t error = control[0];
    char link[32], path[PATH_MAX];
    if (!error || !folder) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return is_below(path) ? (int)error : 0;
}

/* The error for a change to a path, or 0. Relative paths are PostgreSQL's, whose servers work in their data folder. */
static int path_fault(const char *path) {
    int64_t error = control[0];
    char here[PATH_MAX];
    if (!error || !folder) return 0;
    if (path[0] != '/') path = getcwd(here, sizeof here) ? here : "/";
    return is_below(path) ? (int)error : 0;
}

#define REAL(name) \
    static __typeof__(name) *real; \
    if (!real) real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)
#define FAIL(error) do { int e = (error); if (e) { errno = e; return -1; } } while (0)
/* A full disk still syncs. */
#define SYNC_FAULT(fd) (control[0] == ENOSPC || control[0] == EROFS ? 0 : fault(fd))

ssize_t write(int fd, const void *bytes, size_t count) { REAL(write); FAIL(fault(fd)); return real(fd, bytes, count); }
ssize_t writev(int fd, const struct iovec *v, int n) { REAL(writev); FAIL(fault(fd)); return real(fd, v, n); }
ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at) { REAL(pwrite); FAIL(fault(fd)); return real(fd, bytes, count, at); }
ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t at) { REAL(pwrite64); FAIL(fault(fd)); return real(fd, bytes, count, at); }
ssize_t pwritev(int fd, const struct iovec *v, int n, off_t at) { REAL(pwritev); FAIL(fault(fd)); return real(fd, v, n, at); }
ssize_t pwritev64(int fd, const struct iovec *v, int n, off64_t at) { REAL(pwritev64); FAIL(fault(fd)); return real(fd, v, n, at); }
int ftruncate(int fd, off_t length) { REAL(ftruncate); FAIL(fault(fd)); return real(fd, length); }
int ftruncate64(int fd, off64_t length) { REAL(ftruncate64); FAIL(fault(fd)); return real(fd, length); }
int fallocate(int fd, int mode, off_t at, off_t length) { REAL(fallocate); FAIL(fault(fd)); return real(fd, mode, at, length); }
int fallocate64(int fd, int mode, off64_t at, off64_t length) { REAL(fallocate64); FAIL(fault(fd)); return real(fd, mode, at, length); }
int fsync(int fd) { REAL(fsync); FAIL(SYNC_FAULT(fd)); return real(fd); }
int fdatasync(int fd) { REAL(fdatasync); FAIL(SYNC_FAULT(fd)); return real(fd); }
int rename(const char *from, const char *to) { REAL(rename); FAIL(path_fault(to)); return real(from, to); }

int posix_fallocate(int fd, off_t at, off_t length) { REAL(posix_fallocate); int e = fault(fd); return e ? e : real(fd, at, length); }
int posix_fallocate64(int fd, off64_t at, off64_t length) { REAL(posix_fallocate64); int e = fault(fd); return e ? e : real(fd, at, length); }

int unlink(const char *path) {
    REAL(unlink);
    if (control[0] == EROFS || control[0] == EIO) FAIL(path_fault(path));
    return real(path);
}

/* A full disk takes no new file, one that is read-only or broken opens none for writing. */
static int open_fault(const char *path, int flags) {
    if (!control[0]) return 0;
    int creates = flags & (O_CREAT | O_TRUNC), writes = (flags & O_ACCMODE) != O_RDONLY;
    if (!(control[0] == ENOSPC ? creates && access(path, F_OK) : creates || writes)) return 0;
    return path_fault(path);
}

#define OPEN(name) \
    int name(const char *path, int flags, ...) { \
        REAL(name); \
        va_list rest; \
        va_start(rest, flags); \
        int mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(rest, int) : 0; \
        va_end(rest); \
        FAIL(open_fault(path, flags)); \
        return real(path, flags, mode); \
    }
OPEN(open)
OPEN(open64)

int clock_gettime(clockid_t id, struct timespec *t) {
    int result = syscall(SYS_clock_gettime, id, t);
    if (result || (id != CLOCK_REALTIME && id != CLOCK_REALTIME_COARSE)) return result;
    int64_t ahead = control[1];
    int64_t nanoseconds = t->tv_nsec + ahead % 1000000000;
    t->tv_sec += ahead / 1000000000 + (nanoseconds >= 1000000000) - (nanoseconds < 0);
    t->tv_nsec = nanoseconds + (nanoseconds < 0 ? 1000000000 : nanoseconds >= 1000000000 ? -1000000000 : 0);
    return 0;
}
