/* refuse WHAT COMMAND...: runs a command to which the kernel refuses something, as a seccomp profile does.
 *   epoll_wait: all waiting for descriptors by epoll
 *   epoll_sleep: the same, but not to look at them without waiting
 *   signalfd */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define IS(value, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, yes, no)
#define RETURN(what) BPF_STMT(BPF_RET | BPF_K, what)
#ifndef __NR_epoll_wait
#define __NR_epoll_wait __NR_epoll_pwait
#endif

int main(int count, char **words)
{
    if (count < 3) return 99;
    int is_signalfd = !strcmp(words[1], "signalfd"), is_sleep = !strcmp(words[1], "epoll_sleep");
    struct sock_filter filter[] = {
        LOAD(nr),
        IS(is_signalfd ? __NR_signalfd4 : __NR_epoll_wait, 1, 0),
        IS(is_signalfd ? __NR_signalfd4 : __NR_epoll_pwait, 0, 2),
        LOAD(args[3]), /* the timeout; of signalfd4, its flags */
        IS(is_sleep ? 0 : 0x7ffffffe, 0, 1),
        RETURN(SECCOMP_RET_ALLOW),
        RETURN(SECCOMP_RET_ERRNO | EPERM),
    };
    struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
        return perror("refuse"), 99;
    execvp(words[2], words + 2);
    return perror(words[2]), 99;
}
