/*
 * shim: what a runtime starts. It hands the call to the daemon and prints the answer.
 *
 *   VERSION   it answers itself.
 *   a person  (no CNI_COMMAND, or one it does not know) is left to the one-shot form, lib/polynic/launcher.
 *   the rest  goes to the daemon: the name invoked by, the environment and standard input, over a unix socket.
 *
 * Where no daemon answers the one-shot form does the same work, so a dead daemon never costs a container its networks.
 * No call is done twice: the daemon writes "begun" and only then begins. Until that line is read the shim may turn to
 * the one-shot form, once it has closed its ear: the daemon cannot write "begun" any more, and so cannot begin. After
 * it the shim waits for the answer, and tells the runtime to try again when none comes. docs/daemon.md has the protocol.
 *
 * No memory is allocated: the buffers below are as large as a call may be, and cost what is written to them.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* ANSWER(name, text): what VERSION says, for every name there is; PROGRAM_VERSION. Made by scripts/shim/build.mjs. */
#include "answers.h"

#define DEFAULT_SOCKET "/run/polynic/polynic.sock"

enum {
  environment_bytes_max = 4 * 1024 * 1024, /* Linux takes 2 MiB by default */
  input_bytes_max = 16 * 1024 * 1024,      /* as in src/program/stdio.ts */
  answer_bytes_max = 32 * 1024 * 1024,
  /* The daemon gives a sign of life every second: one that gives none for so long has died, or hangs. */
  silent_seconds_before_begun = 3,
  silent_seconds_after_begun = 60,
  /* What the runtime starts beside its first thread, with the flags of scripts/runtime.mjs. */
  runtime_threads = 3,
  thread_stack_bytes = 16 * 1024,
  /* Between its start and its first line of ours, on a machine that has much else to do. */
  start_seconds = 120,
};

static char environment[environment_bytes_max];
static char input[input_bytes_max + 1];
static char answer[answer_bytes_max];
static size_t environment_bytes, input_bytes, answer_bytes;
/* Standard input has been read, or a part of it: the one-shot form gets what was read. */
static int input_taken;

static const char *name;
static char **arguments;

/* All bytes, or 0. */
static int write_all(int fd, const char *bytes, size_t count) {
  while (count > 0) {
    ssize_t written = write(fd, bytes, count);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return 0;
    bytes += written;
    count -= written;
  }
  return 1;
}

static void fail(int code, const char *problem, const char *expected) {
  char text[1024];
  int count = snprintf(text, sizeof text, "{\"cniVersion\":\"1.1.0\",\"code\":%d,\"msg\":\"%s, %s\"}\n", code, problem,
    expected);
  write_all(1, text, count);
  exit(1);
}

static int wait_for_exec(void *nothing) {
  (void)nothing;
  for (;;) syscall(SYS_ppoll, NULL, 0, NULL, NULL, 0);
  return 0;
}

/*
 * Where no thread can be had (a full pids cgroup) the runtime waits for its threads for ever, so they are tried first:
 * those started here end with exec. Another process may take their place by then, against which there is an alarm; the
 * runtime's first line of ours puts it off.
 */
static void require_threads(void) {
  static char stacks[runtime_threads][thread_stack_bytes] __attribute__((aligned(16)));
  const int shared = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM;
  for (int i = 0; i < runtime_threads; i++)
    if (clone(wait_for_exec, stacks[i] + thread_stack_bytes, shared, NULL) < 0)
      fail(11, "Cannot start polynic: no thread can be had", "expected room for more processes and threads");
  signal(SIGALRM, SIG_DFL);
  alarm(start_seconds);
}

/* The one-shot form: never returns. The launcher lies beside the directory of this executable. */
static void run_one_shot(void) {
  static char launcher[4096], *list[1024];
  ssize_t count = readlink("/proc/self/exe", launcher, sizeof launcher - 64);
  char *slash = count > 0 ? memrchr(launcher, '/', count) : NULL;
  if (slash == NULL) fail(5, "Cannot start polynic: /proc/self/exe cannot be read", "expected a mounted /proc");
  strcpy(slash, "/../lib/polynic/launcher");

  if (input_taken) {
    int file = memfd_create("stdin", 0);
    if (file < 0 || !write_all(file, input, input_bytes) || lseek(file, 0, SEEK_SET) < 0 || dup2(file, 0) < 0)
      fail(5, "Cannot start polynic: what was read of stdin cannot be handed on", "expected memory for it");
    if (file != 0) close(file);
  }
  size_t used = 0;
  list[used++] = launcher;
  list[used++] = (char *)name;
  for (char **each = arguments; *each != NULL && used < 1023; each++) list[used++] = *each;
  require_threads();
  execv(launcher, list);
  fail(5, "Cannot start polynic: lib/polynic/launcher cannot be executed",
    "expected lib/polynic beside the bin directory the executable is in");
}

static int is_call(const char *command) {
  static const char *const calls[] = { "ADD", "DEL", "CHECK", "GC", "STATUS" };
  for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
    if (strcmp(command, calls[i]) == 0) return 1;
  return 0;
}

static void answer_version(void) {
  static const struct { const char *name, *text; } answers[] = {
#define ANSWER(name, text) { name, text },
    ANSWERS
#undef ANSWER
  };
  for (size_t i = 0; i < sizeof answers / sizeof *answers; i++)
    if (strcmp(name, answers[i].name) == 0)
      exit(write_all(1, answers[i].text, strlen(answers[i].text)) ? 0 : 1);
}

/* A wait without end does not exist: connect, send and recv end with EAGAIN. */
static void set_patience(int fd, int seconds) {
  struct timeval limit = { .tv_sec = seconds };
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
}

/* A socket that somebody accepts connections of, or -1. */
static int connect_daemon(void) {
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  const char *path = getenv("POLYNIC_SOCKET");
  if (path == NULL) path = DEFAULT_SOCKET;
  if (*path == '\0' || strlen(path) >= sizeof address.sun_path) return -1;
  strcpy(address.sun_path, path);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  set_patience(fd, silent_seconds_before_begun);
  if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0) return fd;
  close(fd);
  return -1;
}

/* Standard input whole, or 0: what was read so far goes to the one-shot form, which says what is wrong. */
static int read_input(void) {
  input_taken = 1;
  while (input_bytes < sizeof input) {
    ssize_t count = read(0, input + input_bytes, sizeof input - input_bytes);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return 0;
    if (count == 0) return 1;
    input_bytes += count;
  }
  return 0;
}

/* NAME=value with a zero after each, or 0 when there is more than a call may have. */
static int gather_environment(char **variables) {
  for (; *variables != NULL; variables++) {
    size_t count = strlen(*variables) + 1;
    if (count > sizeof environment - environment_bytes) return 0;
    memcpy(environment + environment_bytes, *variables, count);
    environment_bytes += count;
  }
  return 1;
}

/* "device:inode", which is one namespace or one root directory and no other while somebody is in it. */
static const char *identity(const char *path, char *into, size_t bytes) {
  struct stat found;
  if (stat(path, &found) != 0) return "-";
  snprintf(into, bytes, "%llu:%llu", (unsigned long long)found.st_dev, (unsigned long long)found.st_ino);
  return into;
}

static int send_call(int fd) {
  char mount[48], net[48], user[48], root[48], head[512];
  int count = snprintf(head, sizeof head, "polynic 1 %s %s %s %s %s %s %zu %zu\n", PROGRAM_VERSION, name,
    identity("/proc/self/ns/mnt", mount, sizeof mount), identity("/proc/self/ns/net", net, sizeof net),
    identity("/proc/self/ns/user", user, sizeof user), identity("/", root, sizeof root),
    environment_bytes, input_bytes);
  if (count < 0 || (size_t)count >= sizeof head) return 0;
  struct iovec parts[] = { { head, count }, { environment, environment_bytes }, { input, input_bytes } };
  struct msghdr message = { .msg_iov = parts, .msg_iovlen = 3 };
  while (message.msg_iovlen > 0) {
    ssize_t sent = sendmsg(fd, &message, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return 0;
    for (; message.msg_iovlen > 0 && (size_t)sent >= message.msg_iov->iov_len; message.msg_iov++, message.msg_iovlen--)
      sent -= message.msg_iov->iov_len;
    if (message.msg_iovlen == 0) break;
    message.msg_iov->iov_base = (char *)message.msg_iov->iov_base + sent;
    message.msg_iov->iov_len -= sent;
  }
  return 1;
}

/* More of the answer; 0 when there is no more, or the daemon has been silent for too long. */
static int receive(int fd) {
  for (;;) {
    ssize_t count = recv(fd, answer + answer_bytes, sizeof answer - 1 - answer_bytes, 0);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return 0;
    answer_bytes += count;
    return 1;
  }
}

/* The next line without its end, taken off the answer; NULL when it has not come. The caller asks for more. */
static const char *next_line(void) {
  static char line[512];
  char *end = memchr(answer, '\n', answer_bytes);
  size_t count = end == NULL ? 0 : (size_t)(end - answer);
  if (end == NULL || count >= sizeof line) return NULL;
  memcpy(line, answer, count);
  line[count] = '\0';
  answer_bytes -= count + 1;
  memmove(answer, end + 1, answer_bytes);
  return line;
}

/* Returns once the daemon has begun; 0 when it has not, and never will. */
static int wait_until_begun(int fd) {
  int open = 1;
  for (;;) {
    const char *line = next_line();
    if (line != NULL && strcmp(line, "begun") == 0) return open ? 1 : -1;
    if (line != NULL && strcmp(line, "alive") == 0) continue;
    if (line != NULL || !open) return 0; /* "declined", or there was no line left */
    if (receive(fd)) continue;
    /* From here on the daemon's "begun" fails to be written. It may have come just before. */
    shutdown(fd, SHUT_RD);
    while (receive(fd));
    open = 0;
  }
}

static void on_broken_pipe(int nothing) {
  (void)nothing;
}

/* An ADD whose answer nobody takes has failed, and what fails leaves nothing: the one-shot form deletes it. */
static void take_back(void) {
  pid_t child = fork();
  if (child == 0) {
    int nowhere = open("/dev/null", O_WRONLY);
    if (nowhere >= 0) dup2(nowhere, 1);
    setenv("CNI_COMMAND", "DEL", 1);
    run_one_shot();
  }
  while (child > 0 && waitpid(child, NULL, 0) < 0 && errno == EINTR);
}

/* Prints the answer and exits with its status. Nothing of it is printed before all of it is here. */
static void print_answer(int fd) {
  for (;;) {
    int status;
    size_t out, err;
    const char *line = next_line();
    if (line == NULL ? receive(fd) : strcmp(line, "alive") == 0) continue;
    if (line == NULL || sscanf(line, "answer %d %zu %zu", &status, &out, &err) != 3) return;
    if (out >= sizeof answer || err >= sizeof answer - out) return;
    while (answer_bytes < out + err)
      if (!receive(fd)) return;
    write_all(2, answer + out, err);
    if (write_all(1, answer, out)) exit(status);
    if (status == 0 && strcmp(getenv("CNI_COMMAND"), "ADD") == 0) take_back();
    exit(1);
  }
}

int main(int count, char **values, char **variables) {
  /* The path that was executed, which is also what a script is told. */
  const char *file = (const char *)getauxval(AT_EXECFN), *slash = strrchr(file, '/');
  const char *command = getenv("CNI_COMMAND");
  name = slash != NULL ? slash + 1 : file;
  arguments = count > 0 ? values + 1 : values;
  if (command != NULL && strcmp(command, "VERSION") == 0) answer_version();
  if (command == NULL || !is_call(command) || strpbrk(name, " \n") != NULL) run_one_shot();

  int fd = connect_daemon();
  if (fd < 0 || !read_input() || !gather_environment(variables) || !send_call(fd)) run_one_shot();
  int begun = wait_until_begun(fd);
  if (begun == 0) run_one_shot();
  set_patience(fd, silent_seconds_after_begun);
  /* A reader that is gone is an error of write, see take_back; programs that are executed do not inherit a handler. */
  signal(SIGPIPE, on_broken_pipe);
  if (begun > 0) print_answer(fd);
  fail(11, "Cannot tell what became of this call: the polynic daemon began it and did not answer",
    "expected the same call again, or DEL");
}
