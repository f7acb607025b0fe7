/* A program for steps of another processor, without a libc, so that a compiler alone makes it:
 *   foreign say WORD...      prints its processor, its name and the words
 *   foreign run PROGRAM ...  as a child, like a shell, whose exit status is passed on
 *   foreign id               prints its user
 *   foreign -c TEXT          as /bin/sh: TEXT is split at blanks, and is what is done
 * Called by another name than "foreign" or "sh" it says that, as "say" does. */
typedef unsigned long word;

#if defined(__aarch64__)
#define ARCH "arm64"
enum { WRITE = 64, EXIT = 93, GETEUID = 175, CLONE = 220, EXECVE = 221, WAIT4 = 260 };
static long
call(long n, word a, word b, word c, word d)
{
    register long x8 __asm__("x8") = n;
    register word x0 __asm__("x0") = a, x1 __asm__("x1") = b, x2 __asm__("x2") = c;
    register word x3 __asm__("x3") = d, x4 __asm__("x4") = 0;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4) : "memory");
    return (long)x0;
}
__asm__(".globl _start\n_start:\n\tmov x0, sp\n\tb begin\n");
#elif defined(__x86_64__)
#define ARCH "amd64"
enum { WRITE = 1, CLONE = 56, EXECVE = 59, EXIT = 60, WAIT4 = 61, GETEUID = 107 };
static long
call(long n, word a, word b, word c, word d)
{
    long r;
    register word r10 __asm__("r10") = d;
    __asm__ volatile("syscall" : "=a"(r) : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10) : "rcx", "r11", "memory");
    return r;
}
__asm__(".globl _start\n_start:\n\tmov %rsp, %rdi\n\tand $-16, %rsp\n\tcall begin\n");
#elif defined(__i386__)
#define ARCH "386"
enum { EXIT = 1, WRITE = 4, EXECVE = 11, WAIT4 = 114, CLONE = 120, GETEUID = 201 };
static long
call(long n, word a, word b, word c, word d)
{
    long r;
    __asm__ volatile("int $0x80" : "=a"(r) : "a"(n), "b"(a), "c"(b), "d"(c), "S"(d), "D"(0) : "memory");
    return r;
}
__asm__(".globl _start\n_start:\n\tmov %esp, %eax\n\tpush %eax\n\tcall begin\n");
#elif defined(__s390x__)
#define ARCH "s390x"
enum { EXIT = 1, WRITE = 4, EXECVE = 11, WAIT4 = 114, CLONE = 120, GETEUID = 201 };
static long
call(long n, word a, word b, word c, word d)
{
    register long r1 __asm__("1") = n;
    register word r2 __asm__("2") = a, r3 __asm__("3") = b, r4 __asm__("4") = c;
    register word r5 __asm__("5") = d, r6 __asm__("6") = 0;
    if (n == CLONE) /* the stack comes first there */
        r2 = b, r3 = a;
    __asm__ volatile("svc 0" : "+d"(r2) : "d"(r1), "d"(r3), "d"(r4), "d"(r5), "d"(r6) : "memory");
    return (long)r2;
}
__asm__(".globl _start\n_start:\n\tlgr %r2, %r15\n\taghi %r15, -160\n\tj begin\n");
#else
#error "another processor"
#endif

static word
len(const char *s)
{
    word n = 0;
    while (s[n])
        n++;
    return n;
}

static int
same(const char *a, const char *b)
{
    while (*a && *a == *b)
        a++, b++;
    return *a == *b;
}

static void
put(const char *s)
{
    call(WRITE, 1, (word)s, len(s), 0);
}

static const char *
base(const char *path)
{
    const char *b = path;
    for (; *path; path++)
        if (*path == '/')
            b = path + 1;
    return b;
}

static void
say(char **words)
{
    put(ARCH ":");
    for (; *words; words++) {
        put(" ");
        put(*words);
    }
    put("\n");
}

static int
run(char **argv, char **env)
{
    int status = 0;
    long pid = call(CLONE, 17 /* SIGCHLD */, 0, 0, 0);
    if (pid == 0) {
        long e = call(EXECVE, (word)argv[0], (word)argv, (word)env, 0);
        put(e == -8 ? "child: exec format error\n" : "child: not started\n");
        call(EXIT, 126, 0, 0, 0);
    }
    call(WAIT4, (word)pid, (word)&status, 0, 0);
    return status >> 8 & 255;
}

static int
act(char **argv, char **env)
{
    if (!argv[1] || !(same(base(argv[0]), "foreign") || same(base(argv[0]), "sh"))) {
        say(argv);
    } else if (same(argv[1], "say")) {
        say(argv + 2);
    } else if (same(argv[1], "run")) {
        return run(argv + 2, env);
    } else if (same(argv[1], "id")) {
        char text[12] = { 0 }, *p = text + 10;
        word id = (word)call(GETEUID, 0, 0, 0, 0);
        do
            *--p = (char)('0' + id % 10);
        while (id /= 10);
        char *const words[] = { p, 0 };
        say((char **)words);
    } else {
        return 2;
    }
    return 0;
}

__attribute__((used, noreturn)) void
begin(word *stack)
{
    char **argv = (char **)(stack + 1), **env = argv + stack[0] + 1;
    static char *words[16];
    words[0] = argv[0];
    if (argv[1] && same(argv[1], "-c")) {
        int n = 1;
        for (char *p = argv[2]; *p && n < 15; n++) {
            words[n] = p;
            while (*p && *p != ' ')
                p++;
            if (*p)
                *p++ = 0;
        }
        argv = words;
    }
    call(EXIT, (word)act(argv, env), 0, 0, 0);
    for (;;)
        ;
}
