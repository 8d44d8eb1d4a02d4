/*
 * Loaded into every process of one call (LD_PRELOAD): counts the system calls that change something, and kills all of
 * the call's processes right before the one it is told.
 *
 *   POLYNIC_DIE_AT     counts from 1, over all of the call's processes; 0 kills nobody
 *   POLYNIC_DIE_STEPS  file of 32-bit integers that all of them share: the count, how many they are, and their ids
 *   POLYNIC_DIE_LOG    file that gets a line for each; absent, none is written
 *
 * What counts: a file opened to be made or emptied, written to, renamed, linked, deleted; a directory made or deleted;
 * a netlink message that asks for more than to be told; a message to a daemon; what is set by ioctl or setsockopt of
 * a link, a tap or iptables' older interface.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { processes_max = 62 };

static struct {
  int32_t count, processes, ids[processes_max];
} *shared;

static int32_t die_at;
static int log_fd = -1;

__attribute__((constructor)) static void start(void) {
  const char *steps = getenv("POLYNIC_DIE_STEPS"), *at = getenv("POLYNIC_DIE_AT"), *log = getenv("POLYNIC_DIE_LOG");
  if (steps == NULL || at == NULL) return;
  die_at = atoi(at);
  int fd = syscall(SYS_openat, AT_FDCWD, steps, O_RDWR | O_CLOEXEC, 0);
  if (fd < 0) return;
  void *mapped = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  syscall(SYS_close, fd);
  if (mapped == MAP_FAILED) return;
  shared = mapped;
  int32_t place = __atomic_fetch_add(&shared->processes, 1, __ATOMIC_SEQ_CST);
  if (place < processes_max) shared->ids[place] = getpid();
  if (log != NULL) log_fd = syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
}

static void step(const char *call, const char *detail, int number) {
  if (shared == NULL) return;
  int32_t now = __atomic_add_fetch(&shared->count, 1, __ATOMIC_SEQ_CST);
  if (log_fd >= 0) {
    int before = errno;
    char line[512];
    int length = snprintf(line, sizeof line, "%d %d %s %s %d\n", now, getpid(), call, detail, number);
    syscall(SYS_write, log_fd, line, length < (int) sizeof line ? length : (int) sizeof line);
    errno = before;
  }
  if (now != die_at) return;
  /* Not by their group: some have one of their own. */
  for (int i = 0; i < processes_max; i++)
    if (shared->ids[i] != 0 && shared->ids[i] != getpid()) kill(shared->ids[i], SIGKILL);
  kill(getpid(), SIGKILL);
  for (;;) pause();
}

/* The next one of that name: the C library's. */
#define NEXT(name) \
  static __typeof__(&name) next; \
  if (next == NULL) next = (__typeof__(&name)) dlsym(RTLD_NEXT, #name)

#define MODE(flags, last) \
  mode_t mode = 0; \
  if (((flags) & O_CREAT) || ((flags) & O_TMPFILE) == O_TMPFILE) { \
    va_list list; \
    va_start(list, last); \
    mode = va_arg(list, mode_t); \
    va_end(list); \
  }

static int is_there(int at, const char *path) {
  struct stat about;
  int before = errno, failed = fstatat(at, path, &about, AT_SYMLINK_NOFOLLOW);
  errno = before;
  return failed == 0;
}

/* A sysctl is not emptied. */
static int changes(int at, const char *path, int flags) {
  return ((flags & O_CREAT) && !is_there(at, path)) || ((flags & O_TRUNC) && strncmp(path, "/proc/", 6) != 0);
}

#define OPEN(name) \
  int name(const char *path, int flags, ...) { \
    NEXT(name); \
    MODE(flags, flags) \
    if (changes(AT_FDCWD, path, flags)) step(#name, path, flags); \
    return next(path, flags, mode); \
  }
OPEN(open)
OPEN(open64)

#define OPENAT(name) \
  int name(int at, const char *path, int flags, ...) { \
    NEXT(name); \
    MODE(flags, flags) \
    if (changes(at, path, flags)) step(#name, path, flags); \
    return next(at, path, flags, mode); \
  }
OPENAT(openat)
OPENAT(openat64)

/* A file, those below /proc/sys included, or a socket that leads to a daemon: no pipe, none of the three streams. */
static void written(const char *call, int fd) {
  struct stat about;
  if (fd <= 2 || fd == log_fd || fstat(fd, &about) != 0) return;
  if (S_ISREG(about.st_mode)) step(call, "file", fd);
  if (!S_ISSOCK(about.st_mode)) return;
  struct sockaddr_storage peer;
  socklen_t bytes = sizeof peer;
  if (getpeername(fd, (struct sockaddr *) &peer, &bytes) == 0 && bytes > sizeof(sa_family_t)) step(call, "socket", fd);
}

#define WRITE(name, type, ...) \
  ssize_t name(int fd, type data, size_t bytes) { NEXT(name); written(#name, fd); return next(fd, data, bytes); }
WRITE(write, const void *)

#define PWRITE(name, offset_type) \
  ssize_t name(int fd, const void *data, size_t bytes, offset_type at) { \
    NEXT(name); \
    written(#name, fd); \
    return next(fd, data, bytes, at); \
  }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

ssize_t writev(int fd, const struct iovec *parts, int length) {
  NEXT(writev);
  written("writev", fd);
  return next(fd, parts, length);
}

/* Types come in fours (linux/rtnetlink.h), of which the third asks to be told; nfnetlink has its own numbers. */
static int only_asks(int fd, const struct nlmsghdr *message) {
  int protocol = 0;
  socklen_t bytes = sizeof protocol;
  getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &bytes);
  if (protocol == NETLINK_ROUTE) return (message->nlmsg_type & 3) == 2;
  if (protocol != NETLINK_NETFILTER) return (message->nlmsg_flags & NLM_F_DUMP) != 0;
  int subsystem = message->nlmsg_type >> 8, type = message->nlmsg_type & 0xff;
  if (message->nlmsg_type == 0x10) return 0;                                     /* NFNL_MSG_BATCH_BEGIN */
  if (subsystem == 10) return type == 1 || type == 4 || type == 7 || type == 10 || /* NFT_MSG_GET... */
                              type == 13 || type == 16 || type == 19 || type == 23;
  if (subsystem == 1) return type == 1;                                          /* IPCTNL_MSG_CT_GET */
  return (message->nlmsg_flags & NLM_F_DUMP) != 0 || subsystem == 11;            /* NFNL_SUBSYS_NFT_COMPAT */
}

static void sent(const char *call, int fd, const void *data, size_t length) {
  int family = 0;
  socklen_t bytes = sizeof family;
  if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &bytes) != 0) return;
  if (family == AF_UNIX) return written(call, fd);
  if (family != AF_NETLINK || length < sizeof(struct nlmsghdr)) return;
  const struct nlmsghdr *message = data;
  if (!only_asks(fd, message)) step(call, "netlink", message->nlmsg_type);
}

ssize_t send(int fd, const void *data, size_t bytes, int flags) {
  NEXT(send);
  sent("send", fd, data, bytes);
  return next(fd, data, bytes, flags);
}

ssize_t sendto(int fd, const void *data, size_t bytes, int flags, const struct sockaddr *to, socklen_t to_bytes) {
  NEXT(sendto);
  sent("sendto", fd, data, bytes);
  return next(fd, data, bytes, flags, to, to_bytes);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
  NEXT(sendmsg);
  if (message->msg_iovlen > 0) sent("sendmsg", fd, message->msg_iov[0].iov_base, message->msg_iov[0].iov_len);
  return next(fd, message, flags);
}

int setsockopt(int fd, int level, int name, const void *value, socklen_t bytes) {
  NEXT(setsockopt);
  /* IPT_SO_SET_REPLACE, IPT_SO_SET_ADD_COUNTERS; ip6tables' have the same numbers. */
  if ((level == IPPROTO_IP || level == IPPROTO_IPV6) && (name == 64 || name == 65))
    step("setsockopt", "iptables", name);
  return next(fd, level, name, value, bytes);
}

int ioctl(int fd, unsigned long request, ...) {
  NEXT(ioctl);
  va_list list;
  va_start(list, request);
  void *argument = va_arg(list, void *);
  va_end(list);
  /* TUNSETIFF and the like; SIOCSIF... and SIOCETHTOOL. */
  if (_IOC_TYPE(request) == 'T' && _IOC_NR(request) >= 200 && _IOC_DIR(request) == _IOC_WRITE)
    step("ioctl", "tun", _IOC_NR(request));
  return next(fd, request, argument);
}

#define ONE_PATH(name) \
  int name(const char *path) { \
    NEXT(name); \
    if (is_there(AT_FDCWD, path)) step(#name, path, 0); \
    return next(path); \
  }
ONE_PATH(unlink)
ONE_PATH(rmdir)

int mkdir(const char *path, mode_t mode) {
  NEXT(mkdir);
  if (!is_there(AT_FDCWD, path)) step("mkdir", path, mode);
  return next(path, mode);
}

int chmod(const char *path, mode_t mode) {
  NEXT(chmod);
  step("chmod", path, mode);
  return next(path, mode);
}

#define TWO_PATHS(name) \
  int name(const char *from, const char *to) { NEXT(name); step(#name, to, 0); return next(from, to); }
TWO_PATHS(rename)
TWO_PATHS(link)
TWO_PATHS(symlink)

int unlinkat(int at, const char *path, int flags) {
  NEXT(unlinkat);
  if (is_there(at, path)) step("unlinkat", path, flags);
  return next(at, path, flags);
}

int mkdirat(int at, const char *path, mode_t mode) {
  NEXT(mkdirat);
  if (!is_there(at, path)) step("mkdirat", path, mode);
  return next(at, path, mode);
}

int renameat(int from_at, const char *from, int to_at, const char *to) {
  NEXT(renameat);
  step("renameat", to, 0);
  return next(from_at, from, to_at, to);
}

int ftruncate(int fd, off_t bytes) {
  NEXT(ftruncate);
  step("ftruncate", "file", fd);
  return next(fd, bytes);
}

int fchmod(int fd, mode_t mode) {
  NEXT(fchmod);
  step("fchmod", "file", fd);
  return next(fd, mode);
}
