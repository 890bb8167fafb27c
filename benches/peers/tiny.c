/* The program that every init runs here: as small as a program can be, so that what is measured is the init.
 *
 *   tiny         says that it runs, with a byte into the FIFO that BENCH_UP names, and waits for a signal
 *   tiny t       ends at once, with 0
 *   tiny h       says that it runs, and ends
 *   tiny o N     leaves N orphans behind, one after the other, then as the first
 *
 * No C library: with one, it would be larger than some of the inits. */

#if defined(__x86_64__)
enum { WRITE = 1, CLONE = 56, WAIT4 = 61, EXIT_GROUP = 231, OPENAT = 257, PPOLL = 271 };
static long call(long number, long a, long b, long c, long d, long e)
{
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    long result;
    __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
                     : "rcx", "r11", "memory");
    return result;
}
__asm__(".globl _start\n_start: mov %rsp, %rdi\nand $-16, %rsp\ncall begin\n");
#elif defined(__aarch64__)
enum { WRITE = 64, CLONE = 220, WAIT4 = 260, EXIT_GROUP = 94, OPENAT = 56, PPOLL = 73 };
static long call(long number, long a, long b, long c, long d, long e)
{
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    register long x4 __asm__("x4") = e;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4) : "memory");
    return x0;
}
__asm__(".globl _start\n_start: mov x0, sp\nbl begin\n");
#else
#error "tiny.c knows x86_64 and aarch64"
#endif

enum { SIGCHLD = 17, AT_FDCWD = -100, O_WRONLY = 1 };

static void leave(void)
{
    for (;;) call(EXIT_GROUP, 0, 0, 0, 0, 0);
}

static void announce(char **environment)
{
    static const char name[] = "BENCH_UP=";
    for (; *environment; environment++) {
        int at = 0;
        while (name[at] && (*environment)[at] == name[at]) at++;
        if (name[at]) continue;
        long fd = call(OPENAT, AT_FDCWD, (long)(*environment + at), O_WRONLY, 0, 0);
        if (fd >= 0) call(WRITE, fd, (long)"+", 1, 0, 0);
        return;
    }
}

static void orphans(const char *count)
{
    long left = 0;
    for (; *count >= '0' && *count <= '9'; count++) left = left * 10 + *count - '0';
    while (left-- > 0) {
        long child = call(CLONE, SIGCHLD, 0, 0, 0, 0);
        if (child == 0) {
            call(CLONE, SIGCHLD, 0, 0, 0, 0);
            leave();
        }
        call(WAIT4, child, 0, 0, 0, 0);
    }
}

void begin(long *stack)
{
    long count = *stack;
    char **words = (char **)(stack + 1);
    if (count > 1 && words[1][0] == 't') leave();
    if (count > 2 && words[1][0] == 'o') orphans(words[2]);
    announce(words + count + 1);
    if (count > 1 && words[1][0] == 'h') leave();
    for (;;) call(PPOLL, 0, 0, 0, 0, 0);
}
