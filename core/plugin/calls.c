/* plugin/calls.c - see calls.h. */
#include "plugin/calls.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "tools/alloc.h"

/* A frontend calls the bridge, which calls another frontend ...; what is deeper is not told. */
enum { DEPTH = 16 };

static __thread struct call {
    const char *kind, *name, *op;
    pid_t process; /* a child that is forked in there is none of ours */
} calls[DEPTH];
static __thread unsigned depth;

/* Of a thread that is in an operation: for others, who must not look at what is above. */
struct caller {
    struct caller *next;
    struct call innermost;
};
static __thread struct caller self;
static struct caller *callers; /* under lock */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void
note_innermost(unsigned was)
{
    struct caller **at = &callers;
    pthread_mutex_lock(&lock);
    if (was == 0) {
        self.next = callers;
        callers = &self;
    } else if (depth == 0) {
        while (*at != &self)
            at = &(*at)->next;
        *at = self.next;
    }
    if (depth)
        self.innermost = calls[(depth < DEPTH ? depth : DEPTH) - 1];
    pthread_mutex_unlock(&lock);
}

void
tenon_call_begin(const char *kind, const char *name, const char *op)
{
    if (depth < DEPTH)
        calls[depth] = (struct call){ kind, name, op, getpid() };
    depth++;
    note_innermost(depth - 1);
}

void
tenon_call_end(void)
{
    depth--;
    note_innermost(depth + 1);
}

void
tenon_calls_tell(void (*tell)(void *data, const char *plugin, const char *op), void *data)
{
    char **plugins = NULL, **ops = NULL; /* nobody is called under the lock */
    pthread_mutex_lock(&lock);
    for (const struct caller *c = callers; c; c = c->next)
        if (strcmp(c->innermost.kind, "progress") != 0) {
            tenon_strv_push(&plugins, tenon_asprintf("%s-%s", c->innermost.kind,
                                                     c->innermost.name));
            tenon_strv_push(&ops, tenon_strdup(c->innermost.op));
        }
    pthread_mutex_unlock(&lock);
    for (size_t i = 0; plugins && plugins[i]; i++)
        tell(data, plugins[i], ops[i]);
    tenon_strv_free(plugins);
    tenon_strv_free(ops);
}

/* ---- the end: async-signal-safe only ------------------------------------- */

static const struct call *
current(void)
{
    const struct call *c = depth ? &calls[(depth < DEPTH ? depth : DEPTH) - 1] : NULL;
    return c && c->process == getpid() ? c : NULL;
}

static void
say(const char *text)
{
    (void)!write(STDERR_FILENO, text, strlen(text));
}

/* A display may be in the middle of a line. */
static void
tell(const struct call *c, const char *what, const char *more)
{
    say("\nERROR: plugin ");
    say(c->kind);
    say("-");
    say(c->name);
    say(what);
    say(c->op);
    say(more);
    say("\n");
}

static void
on_exit_within(void)
{
    const struct call *c = current();
    if (!c)
        return;
    tell(c, " ended the process in ", "");
    _exit(EXIT_FAILURE);
}

static const struct deadly {
    int number;
    const char *name;
} deadly[] = {
    { SIGSEGV, ": SIGSEGV" }, { SIGBUS, ": SIGBUS" }, { SIGILL, ": SIGILL" },
    { SIGFPE, ": SIGFPE" },   { SIGABRT, ": SIGABRT" },
};
static struct sigaction before[tenon_countof(deadly)];

/* What was to become of it becomes of it after this: by who handled it before (a sanitizer), or by
 * the kernel. */
static void
on_signal(int number, siginfo_t *info, void *context)
{
    (void)context;
    const struct call *c = current();
    for (size_t i = 0; i < tenon_countof(deadly); i++) {
        if (deadly[i].number != number)
            continue;
        if (c)
            tell(c, " crashed in ", deadly[i].name);
        sigaction(number, &before[i], NULL);
    }
    if (info->si_code <= 0) /* sent: nothing would happen again by itself */
        raise(number);
}

/* ---- before it ------------------------------------------------------------ */

/* For the main thread, where a plugin that calls itself for ever has no other one. */
static void
give_stack(void)
{
    enum { ROOM = 64 << 10 };
    stack_t s = { .ss_flags = SS_DISABLE };
    if (sigaltstack(NULL, &s) < 0 || !(s.ss_flags & SS_DISABLE))
        return;
    static char stack[ROOM];
    s = (stack_t){ .ss_sp = stack, .ss_size = ROOM };
    sigaltstack(&s, NULL);
}

void
tenon_calls_guard(void)
{
    struct sigaction a = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK };
    atexit(on_exit_within);
    give_stack();
    sigemptyset(&a.sa_mask);
    for (size_t i = 0; i < tenon_countof(deadly); i++)
        sigaction(deadly[i].number, &a, &before[i]);
}
