/* What stands in the place of the services when trees run under s6, runit and rinit: it appends what it was given to
   the file RECORD, one line of JSON for each event in one write, and then does what it is told.

   `recorder WORDS ARG...`: WORDS is one argument, so that a script can begin with `#!/path/recorder WORDS`. The words
   are carried out in order; the last one is `exit 0` if it does not say how to end. */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

extern char **environ;
static char line[65536];
static size_t length;
static int out = -1;
static int stays; /* SIGTERM does not end it */

static void put(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    length += vsnprintf(line + length, sizeof line - length, format, args);
    va_end(args);
    if (length >= sizeof line) _exit(98);
}

static void put_text(const char *text)
{
    put("\"");
    for (; *text; text++) {
        unsigned char c = *text;
        if (c == '"' || c == '\\') put("\\%c", c);
        else if (c < 32 || c > 126) put("\\u%04x", c);
        else put("%c", c);
    }
    put("\"");
}

static void put_list(const char *name, char **list)
{
    put(",\"%s\":[", name);
    for (char **item = list; *item; item++) {
        if (item != list) put(",");
        put_text(*item);
    }
    put("]");
}

/* Every event has the process and the directory that it is of. */
static void begin(const char *event)
{
    char cwd[4096];
    length = 0;
    put("{\"event\":\"%s\",\"pid\":%d,\"cwd\":", event, getpid());
    put_text(getcwd(cwd, sizeof cwd) ? cwd : "?");
}

static void end(void)
{
    put("}\n");
    if (write(out, line, length) != (ssize_t)length) _exit(97);
}

static void put_status(const char *key, const char *name)
{
    char text[256];
    FILE *file = fopen("/proc/self/status", "re");
    while (file && fgets(text, sizeof text, file))
        if (!strncmp(text, name, strlen(name))) put(",\"%s\":\"%s\"", key, strtok(text + strlen(name), ":\t\n "));
    if (file) fclose(file);
}

static void put_descriptors(void)
{
    int first = 1;
    DIR *dir = opendir("/proc/self/fd");
    struct dirent *entry;
    put(",\"fds\":{");
    while (dir && (entry = readdir(dir))) {
        char target[4096];
        int number = atoi(entry->d_name);
        ssize_t size = readlinkat(dirfd(dir), entry->d_name, target, sizeof target - 1);
        if (entry->d_name[0] == '.' || number == dirfd(dir) || number == out || size < 0) continue;
        target[size] = 0;
        put("%s\"%d\":", first ? "" : ",", number);
        put_text(target);
        first = 0;
    }
    if (dir) closedir(dir);
    put("}");
}

static void start(int argc, char **argv)
{
    mode_t mask = umask(0);
    umask(mask);
    begin("start");
    /* The interpreter and its words are no part of what the supervisor said. */
    put(",\"argv0\":");
    put_text(argv[0]);
    put_list("argv", argv + (argc > 1 ? 2 : 1));
    put_list("env", environ);
    put_descriptors();
    put_status("blocked", "SigBlk");
    put_status("ignored", "SigIgn");
    int terminal = open("/dev/tty", O_RDONLY | O_NOCTTY | O_CLOEXEC);
    put(",\"session\":%s,\"group\":%s,\"terminal\":%s,\"umask\":\"%03o\"", getsid(0) == getpid() ? "true" : "false",
        getpgrp() == getpid() ? "true" : "false", terminal < 0 ? "false" : "true", mask);
    if (terminal >= 0) close(terminal);
    end();
}

static void signalled(int number)
{
    begin("signal");
    put(",\"number\":%d", number);
    end();
}

/* wait: tells each signal that comes, and ends with 0 at SIGTERM, which after "stay" is told alone, and with 1 at
   SIGQUIT. */
static void wait_for_signals(void)
{
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    begin("waits");
    end();
    for (;;) {
        int number = sigwaitinfo(&all, NULL);
        if (number <= 0 || number == SIGCHLD) continue;
        signalled(number);
        if (number == SIGTERM ? !stays : number == SIGQUIT) {
            /* SIGCONT follows, and it is not by chance that it is seen. */
            struct timespec soon = { 2, 0 };
            int next = sigtimedwait(&all, NULL, &soon);
            if (next > 0) signalled(next);
            _exit(number == SIGQUIT);
        }
    }
}

/* read: tells each line of standard input, and its end. SIGTERM does not stop it: a line may still come. */
static void read_lines(void)
{
    char *text = NULL;
    size_t size = 0;
    signal(SIGTERM, SIG_IGN);
    begin("reads");
    end();
    while (getline(&text, &size, stdin) > 0) {
        text[strcspn(text, "\n")] = 0;
        begin("line");
        put(",\"text\":");
        put_text(text);
        end();
    }
    begin("eof");
    end();
}

/* How often this file was run before, counted beside RECORD. */
static int runs_before(const char *record, const char *file)
{
    char name[8192], cwd[2048], *slash;
    struct stat status;
    if (!getcwd(cwd, sizeof cwd)) _exit(96);
    while ((slash = strchr(cwd, '/'))) *slash = '+';
    snprintf(name, sizeof name, "%.2000s.%s.%.200s", record, cwd, strrchr(file, '/') ? strrchr(file, '/') + 1 : file);
    int count = open(name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (count < 0 || fstat(count, &status) < 0 || write(count, "x", 1) != 1) _exit(95);
    close(count);
    return (int)status.st_size;
}

int main(int argc, char **argv)
{
    const char *record = getenv("RECORD"), *word;
    char *rest = NULL;
    if (!record || (out = open(record, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666)) < 0) return 99;
    int high = fcntl(out, F_DUPFD_CLOEXEC, 900); /* the low numbers are for what is inherited */
    close(out);
    out = high;
    start(argc, argv);
    const char *file = argc > 2 ? argv[2] : argv[0];
    int before = runs_before(record, file);
    for (word = argc > 1 ? strtok_r(argv[1], " ", &rest) : NULL; word; word = strtok_r(NULL, " ", &rest)) {
        char *value = NULL;
        if (!strcmp(word, "wait")) wait_for_signals();
        else if (!strcmp(word, "read")) read_lines();
        else if (!strcmp(word, "stay")) stays = 1;
        else if (!(value = strtok_r(NULL, " ", &rest))) return 94;
        else if (!strcmp(word, "exit")) return atoi(value);
        else if (!strcmp(word, "kill")) raise(atoi(value));
        else if (!strcmp(word, "sleep")) usleep(atoi(value) * 1000);
        else if (!strcmp(word, "ready")) dprintf(atoi(value), "ready\n");
        else if (!strcmp(word, "say")) dprintf(1, "%s\n", value);
        else if (!strcmp(word, "lines")) for (int n = 0; n < atoi(value); n++) dprintf(1, "%s %d %d\n", file, before, n);
        /* times N WORD VALUE: the one word alone, but only the first N times. */
        else if (!strcmp(word, "times") && before >= atoi(value)) {
            strtok_r(NULL, " ", &rest);
            strtok_r(NULL, " ", &rest);
        }
    }
    return 0;
}
