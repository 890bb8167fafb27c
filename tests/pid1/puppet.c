/* What the tests of PID 1 have an init run, and what they run an init through: a small static program, so that it
   starts fast and in any container, and says exactly what it was given. `puppet WHAT ARG...`; see main(). */
#define _GNU_SOURCE
#include <dirent.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

/* A line in one write, so that those of several processes do not mix. */
static void say(const char *format, ...)
{
    char line[512];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(line, sizeof line - 1, format, args);
    va_end(args);
    line[length++] = '\n';
    if (write(1, line, length) < 0) _exit(99);
}

/* By system call: the C library hides 32 and 33. */
static void set_mask(uint64_t mask) { syscall(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, 8); }

static void set_disposition(int number, void (*handler)(int))
{
    struct { void *handler; unsigned long flags; void *restorer; uint64_t mask; } action = { handler, 0, NULL, 0 };
    syscall(SYS_rt_sigaction, number, &action, NULL, 8);
}

static void status_field(const char *name, char *value, size_t size)
{
    char line[256];
    FILE *file = fopen("/proc/self/status", "re");
    snprintf(value, size, "?");
    while (file && fgets(line, sizeof line, file))
        if (!strncmp(line, name, strlen(name))) snprintf(value, size, "%s", strtok(line + strlen(name), ":\t\n "));
    if (file) fclose(file);
}

/* How this process stands to its init: process group, session, terminal. */
static void say_place(const char *who)
{
    pid_t own = getpid(), front = tcgetpgrp(0);
    int tty = open("/dev/tty", O_RDONLY | O_NOCTTY | O_CLOEXEC);
    if (tty >= 0) close(tty);
    say("%s group=%s session=%s foreground=%s terminal=%s", who, getpgrp() == own ? "own" : "other",
        getsid(0) == own ? "own" : getsid(0) == getsid(getppid()) ? "init's" : "other",
        front < 0 ? "none" : front == getpgrp() ? "yes" : "no", tty >= 0 ? "yes" : "no");
}

static void say_signals(const char *who)
{
    char blocked[32], ignored[32];
    status_field("SigBlk", blocked, sizeof blocked);
    status_field("SigIgn", ignored, sizeof ignored);
    say("%s blocked=%s ignored=%s", who, blocked, ignored);
}

/* record [place]: tells what signals come, to it and to a child of its own, one after the other. 64 is the last of
   its kind to be told, so that whoever sends it knows that nothing else is on its way; the child then says so too. */
static int record(int with_place)
{
    if (with_place) say_place("child");
    say_signals("child");
    set_mask(~0ull);
    pid_t parent = getpid(), grand = fork();
    const char *who = grand ? "child" : "grand";
    uint64_t all = ~0ull;
    if (!grand) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        say("grand ready"); /* and so is its parent, whose mask it has */
    }
    for (;;) {
        siginfo_t info;
        int number = syscall(SYS_rt_sigtimedwait, &all, &info, NULL, 8);
        if (number < 0) continue;
        if (number == SIGCHLD && grand) continue; /* of the child, when it is stopped and so on */
        if (!grand && number == 63 && info.si_pid == parent) {
            say("grand mark");
            continue;
        }
        say("%s %d", who, number);
        if (grand && number == 64) kill(grand, 63);
    }
    return 0;
}

/* orphans N: makes N processes whose parent ends before it has waited for them; a hundred to a parent. */
static int orphans(int count)
{
    while (count > 0) {
        int many = count < 100 ? count : 100;
        pid_t parent = fork();
        if (parent < 0) return 99;
        if (parent == 0) {
            for (int i = 0; i < many; i++) {
                pid_t child = fork();
                if (child < 0) _exit(1);
                if (child == 0) _exit(0);
            }
            _exit(0);
        }
        int status;
        waitpid(parent, &status, 0);
        if (status) continue; /* too many processes: this hundred once more */
        count -= many;
    }
    return 0;
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

static void execute(char **words)
{
    execvp(words[0], words);
    fprintf(stderr, "puppet: cannot run %s: %s\n", words[0], strerror(errno));
    _exit(99);
}

static int in_namespace(void *words)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    execute(words);
    return 99;
}

/* The first child of a process, or 0. */
static pid_t first_child(int children)
{
    char text[64];
    ssize_t length = pread(children, text, sizeof text - 1, 0);
    if (length <= 0) return 0;
    text[length] = 0;
    return atoi(text);
}

/* race N PATIENCE_MS pid1|plain INIT ARG... COMMAND: starts the init N times and sends it SIGTERM as soon as it has a
   child, later by 0 to 127 rounds of an empty loop. Tells how many of them did not end the command. */
static int race(int count, double patience, int pid1, char **words)
{
    static char stack[65536] __attribute__((aligned(16)));
    int lost = 0, odd = 0;
    for (int i = 0; i < count; i++) {
        int flags = SIGCHLD | (pid1 ? CLONE_NEWPID | (geteuid() ? CLONE_NEWUSER : 0) : 0);
        pid_t init = clone(in_namespace, stack + sizeof stack, flags, words);
        if (init < 0) return perror("puppet: clone"), 99;
        char path[64];
        snprintf(path, sizeof path, "/proc/%d/task/%d/children", init, init);
        int children = open(path, O_RDONLY | O_CLOEXEC), status;
        double end = now() + 20;
        siginfo_t info = { .si_pid = 0 };
        while (!first_child(children) && !info.si_pid && now() < end)
            waitid(P_PID, init, &info, WEXITED | WNOHANG | WNOWAIT);
        for (volatile int loop = (i % 128) * 40; loop > 0; loop--) {}
        kill(init, SIGTERM);
        double limit = now() + patience;
        pid_t done;
        while ((done = waitpid(init, &status, WNOHANG)) == 0 && now() < limit) usleep(50);
        if (done == 0) {
            lost++;
            pid_t child = first_child(children);
            if (child > 0) kill(child, SIGKILL);
            kill(init, SIGKILL);
            waitpid(init, &status, 0);
        } else if (!(WIFEXITED(status) && WEXITSTATUS(status) == 128 + SIGTERM)) {
            odd++;
            fprintf(stderr, "puppet: wait status %x\n", status);
            i = count; /* one is enough to see */
        }
        close(children);
    }
    say("lost=%d odd=%d of=%d", lost, odd, count);
    return 0;
}

/* Closes standard descriptors by the bits of `which`, then gives way to a program. */
static int closed(int which, char **words)
{
    for (int fd = 0; fd < 3; fd++)
        if (which & 1 << fd) close(fd);
    execute(words);
    return 99;
}

/* Opens /dev/null `count` times, from 3 on, then gives way to a program. */
static int open_many(int count, char **words)
{
    for (int i = 0; i < count; i++)
        if (open("/dev/null", O_RDONLY) < 0) return 99;
    execute(words);
    return 99;
}

/* descriptors [FILE]: which ones are open, and on what; into a file where standard output may be closed. */
static int descriptors(const char *path)
{
    char list[4096] = "", target[256], name[64];
    for (int fd = 0; fd < 200; fd++) {
        snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
        ssize_t length = readlink(name, target, sizeof target - 1);
        if (length < 0) continue;
        target[length] = 0;
        snprintf(list + strlen(list), sizeof list - strlen(list), "%d=%.20s ", fd, target);
    }
    int file = path ? open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644) : 1;
    return write(file, list, strlen(list)) < 0;
}

static void told(int number)
{
    (void)number;
    static const char text[] = "got SIGTERM\n";
    if (write(1, text, sizeof text - 1) < 0) _exit(98);
}

static void goes_on(int number)
{
    (void)number;
    static const char text[] = "goes on.\n";
    if (write(1, text, sizeof text - 1) < 0) _exit(98);
}

/* job: says when it is there, and each time that it goes on. (No shell: one that is stopped in a vfork hangs.) */
static int job(void)
{
    signal(SIGCONT, goes_on);
    say("is there.");
    for (;;) pause();
    return 0;
}

/* leave COMMAND...: leaves a process behind in a session of its own, says so, and gives way to COMMAND. */
static int leave(char **words)
{
    int pipe_ends[2];
    char byte;
    if (pipe(pipe_ends)) return 99;
    if (fork() == 0) {
        sigset_t none, term;
        sigemptyset(&none);
        sigemptyset(&term);
        sigaddset(&term, SIGTERM);
        sigprocmask(SIG_BLOCK, &term, NULL); /* it may come before it is waited for */
        close(pipe_ends[0]);
        setsid();
        signal(SIGTERM, told);
        close(pipe_ends[1]);
        sigsuspend(&none);
        say("the session has ended by itself");
        _exit(0);
    }
    close(pipe_ends[1]);
    if (read(pipe_ends[0], &byte, 1) < 0) return 99;
    close(pipe_ends[0]);
    execute(words);
    return 99;
}

/* refused ERRNO SYSCALL COMMAND...: the command is refused this system call, as by a sandbox. */
static int refused(int error, int call, char **words)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (error & SECCOMP_RET_DATA)),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = { sizeof filter / sizeof filter[0], filter };
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0) return perror("puppet: seccomp"), 99;
    execute(words);
    return 99;
}

/* traced COMMAND...: asks its parent to trace it, as some programs do against debuggers; sends itself SIGURG, which
   nobody is to notice, and gives way to the command, for which the kernel stops it too. */
static int traced(char **words)
{
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL)) return perror("puppet: ptrace"), 99;
    raise(SIGURG);
    execute(words);
    return 99;
}

/* traced-again N: N processes that ask for it again and again. */
static int traced_again(int count)
{
    while (count-- > 0) {
        if (fork()) continue;
        for (;;) {
            ptrace(PTRACE_TRACEME, 0, NULL, NULL);
            raise(SIGURG);
        }
    }
    return 0;
}

static int die(int number)
{
    struct rlimit none = { 0, 0 };
    setrlimit(RLIMIT_CORE, &none);
    set_disposition(number, SIG_DFL);
    set_mask(0);
    kill(getpid(), number);
    return 98; /* it was not fatal */
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    char **rest = argv + 2;
    int number = argc > 2 ? atoi(argv[2]) : 0;
    if (!strcmp(what, "exit")) return number;
    if (!strcmp(what, "die")) return die(number);
    if (!strcmp(what, "record")) return record(argc > 2);
    if (!strcmp(what, "orphans")) return orphans(number);
    if (!strcmp(what, "place")) return say_place("child"), 0;
    if (!strcmp(what, "signals")) return say_signals("child"), 0;
    if (!strcmp(what, "descriptors")) return descriptors(rest[0]);
    if (!strcmp(what, "pause")) return say("paused"), pause(), 0;
    if (!strcmp(what, "job")) return job();
    if (!strcmp(what, "leave")) return leave(rest);
    if (!strcmp(what, "closed")) return closed(number, rest + 1);
    if (!strcmp(what, "open")) return open_many(number, rest + 1);
    if (!strcmp(what, "refused")) return refused(number, atoi(rest[1]), rest + 2);
    if (!strcmp(what, "traced")) return traced(rest);
    if (!strcmp(what, "traced-again")) return traced_again(number);
    if (!strcmp(what, "race"))
        return race(number, atoi(rest[1]) / 1e3, !strcmp(rest[2], "pid1"), rest + 3);
    if (!strcmp(what, "as")) { /* as UID COMMAND...: the command changes its user */
        if (setgid(number) || setuid(number)) return 99;
        execute(rest + 1);
    }
    if (!strcmp(what, "become")) { /* become UID COMMAND...: the same without a capability, by the mode of its file */
        if (setresuid(number, number, number)) return 99;
        execute(rest + 1);
    }
    if (!strcmp(what, "with")) { /* with BLOCKED IGNORED COMMAND...: sets of signals in hexadecimal */
        uint64_t blocked = strtoull(rest[0], NULL, 16), ignored = strtoull(rest[1], NULL, 16);
        for (int signal = 1; signal <= 64; signal++)
            set_disposition(signal, ignored >> (signal - 1) & 1 ? SIG_IGN : SIG_DFL);
        set_mask(blocked);
        execute(rest + 2);
    }
    fprintf(stderr, "puppet: what is %s?\n", what);
    return 99;
}
