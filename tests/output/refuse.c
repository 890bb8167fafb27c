/* refuse CALL[=ERRNO] COMMAND...: runs a command to which the kernel refuses a call, as a seccomp profile does, with EPERM
 * or this error. `epoll_wait` is all waiting for descriptors by epoll; `epoll_sleep` is the same, but not to look at them
 * without waiting; `fork` is all making of processes. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define IS(value, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, yes, no)
#define RETURN(what) BPF_STMT(BPF_RET | BPF_K, what)
/* A call that this architecture does not have. */
#define NONE -1
#ifndef __NR_epoll_wait
#define __NR_epoll_wait NONE
#endif
#ifndef __NR_fork
#define __NR_fork NONE
#define __NR_vfork NONE
#endif

static const struct { const char *name; int numbers[4]; } calls[] = {
    {"accept4", {__NR_accept4, NONE, NONE, NONE}},
    {"epoll_create", {__NR_epoll_create1, NONE, NONE, NONE}},
    {"epoll_ctl", {__NR_epoll_ctl, NONE, NONE, NONE}},
    {"epoll_sleep", {__NR_epoll_wait, __NR_epoll_pwait, NONE, NONE}},
    {"epoll_wait", {__NR_epoll_wait, __NR_epoll_pwait, NONE, NONE}},
    {"fork", {__NR_fork, __NR_vfork, __NR_clone, __NR_clone3}},
    {"kill", {__NR_kill, NONE, NONE, NONE}},
    {"pipe2", {__NR_pipe2, NONE, NONE, NONE}},
    {"rt_sigprocmask", {__NR_rt_sigprocmask, NONE, NONE, NONE}},
    {"signalfd", {__NR_signalfd4, NONE, NONE, NONE}},
    {"wait4", {__NR_wait4, NONE, NONE, NONE}},
    {"waitid", {__NR_waitid, NONE, NONE, NONE}},
};

int main(int count, char **words)
{
    if (count < 3) return 99;
    char *error = strchr(words[1], '=');
    if (error) *error++ = 0;
    unsigned refused = SECCOMP_RET_ERRNO | (error ? atoi(error) : EPERM);
    int is_sleep = !strcmp(words[1], "epoll_sleep");
    struct sock_filter filter[32] = {LOAD(nr)};
    unsigned short length = 1;
    for (size_t call = 0; call < sizeof calls / sizeof *calls; call++) {
        if (strcmp(calls[call].name, words[1])) continue;
        for (int at = 0; at < 4; at++) {
            if (calls[call].numbers[at] == NONE) continue;
            struct sock_filter next[] = {
                IS(calls[call].numbers[at], 0, 4),
                LOAD(args[3]), /* the timeout, of the calls that have one */
                IS(0, 0, 1),
                RETURN(is_sleep ? SECCOMP_RET_ALLOW : refused),
                RETURN(refused),
            };
            memcpy(filter + length, next, sizeof next);
            length += sizeof next / sizeof *next;
        }
    }
    if (length == 1) return fprintf(stderr, "refuse: %s is not known\n", words[1]), 99;
    filter[length++] = (struct sock_filter)RETURN(SECCOMP_RET_ALLOW);
    struct sock_fprog program = {length, filter};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
        return perror("refuse"), 99;
    execvp(words[2], words + 2);
    return perror(words[2]), 99;
}
