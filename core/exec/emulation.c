/* exec/emulation.c - steps of another platform than the machine's.
 *
 * Who runs their programs, the first of these that can: the kernel, by itself or because an
 * emulator is registered with it (binfmt_misc); an installed emulator that the executor registers
 * for the step alone, so that all of its processes are emulated; the same emulator before the
 * step's program, where what that starts is not. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "base/io.h"
#include "base/log.h"
#include "tools/alloc.h"
#include "tools/path.h"
#include "context/kept.h"
#include "exec/private.h"
#include "exec/processors.h"

/* BuildKit's: there are programs that look whether it is there. */
#define TARGET "/dev/.buildkit_qemu_emulator"
enum { MAX_KNOWN = 32, MAX_SCRIPTS = 4, LINE_BYTES = 256 };

struct known { /* of one processor */
    bool is_known;
    int sys; /* of tenon_processor_try */
    char *emulator;
};
struct emulation { /* of a build */
    pthread_mutex_t lock; /* of the following */
    struct known known[MAX_KNOWN];
    bool was_asked, is_whole; /* the executor; it can */
    bool was_said;
};

static void *
emulation_new(struct tenon_engine *engine)
{
    (void)engine;
    struct emulation *e = tenon_new0(struct emulation);
    pthread_mutex_init(&e->lock, NULL);
    return e;
}

static void
emulation_free(void *object)
{
    struct emulation *e = object;
    for (size_t i = 0; i < MAX_KNOWN; i++)
        free(e->known[i].emulator);
    pthread_mutex_destroy(&e->lock);
    free(e);
}

static const struct tenon_kept_kind kind = { emulation_new, emulation_free };

/* ---- who can ------------------------------------------------------------------- */

const char *
tenon_exec_emulators(struct json_object *config)
{
    auto_error struct tenon_error ignored = TENON_ERROR_INIT;
    const char *dir = NULL;
    if (tenon_json_get_str(config, "emulators", NULL, &dir, &ignored) < 0)
        return NULL;
    return dir;
}

static const struct known *
look(struct emulation *e, const struct tenon_step *s, size_t i)
{
    struct known *k = &e->known[i];
    const struct tenon_processor *p = tenon_processor_at(i);
    tenon_assert(i < MAX_KNOWN);
    if (k->is_known)
        return k;
    auto_free char *dir = tenon_asprintf("%s/processors", s->dir);
    k->sys = mkdir(dir, 0755) < 0 && errno != EEXIST ? errno : tenon_processor_try(p, dir);
    k->emulator = tenon_processor_emulator(p, tenon_exec_emulators(s->engine->config));
    k->is_known = true;
    tenon_log(TENON_LOG_DEBUG, "programs of %s: %s; emulator: %s", p->arch,
              k->sys ? strerror(k->sys) : "the kernel runs them",
              k->emulator ? k->emulator : "none");
    return k;
}

/* What the processor does by itself is not to be emulated; what is registered is, for a step
 * with formats of its own has no others. */
static bool
is_native(const struct tenon_engine *e, const struct tenon_processor *p, const struct known *k)
{
    return tenon_processor_is_native(p, e->host_platform, k->sys);
}

/* As on kernels before Linux 6.7. */
static bool
is_forced_to_old_way(void)
{
    const char *forced = secure_getenv("TENON_OLD_BINFMT");
    return forced && *forced && !tenon_streq(forced, "0");
}

static void
ask_executor(struct emulation *e, const struct tenon_step *s, struct tenon_module *executor)
{
    const struct tenon_executor_ops *ops = executor->plugin.ops.executor;
    unsigned char bytes[MAX_KNOWN][2][TENON_PROCESSOR_MAGIC];
    struct tenon_exec_format formats[MAX_KNOWN];
    const struct tenon_exec_format *list[MAX_KNOWN];
    size_t count = 0;
    const struct tenon_processor *p;
    e->was_asked = true;
    if (is_forced_to_old_way() || !TENON_HAS(struct tenon_executor_ops, ops, emulate))
        return;
    for (size_t i = 0; (p = tenon_processor_at(i)); i++) {
        const struct known *k = look(e, s, i);
        /* In an ordinary user's namespace what is registered elsewhere would be so no more. */
        if (s->engine->rootless && !k->emulator && !k->sys && !is_native(s->engine, p, k))
            return;
        if (!k->emulator || is_native(s->engine, p, k))
            continue;
        tenon_processor_magic(p, bytes[count][0], bytes[count][1]);
        formats[count] = (struct tenon_exec_format){
            .struct_size = sizeof *formats,
            .len = TENON_PROCESSOR_MAGIC,
            .magic = bytes[count][0],
            .mask = bytes[count][1],
            .name = p->arch,
            .interpreter = k->emulator,
        };
        list[count] = &formats[count];
        count++;
    }
    auto_error struct tenon_error why = TENON_ERROR_INIT;
    tenon_module_enter(executor, "emulate");
    int rc = ops->emulate(executor->self, s->ctx, list, count, &why);
    tenon_module_leave(executor);
    e->is_whole = tenon_module_check(executor, "emulate", rc, &why) == 0;
    if (!e->is_whole)
        tenon_log(TENON_LOG_DEBUG, "no emulation of all that a step starts: %s", why.message);
}

static size_t
find(const char *arch)
{
    const struct tenon_processor *p;
    size_t i = 0;
    while ((p = tenon_processor_at(i)) && strcmp(p->arch, arch))
        i++;
    return i;
}

/* The processor that the step is for, if it is not the machine's; or NULL. */
static const struct tenon_processor *
foreign(const struct tenon_step *s)
{
    const struct tenon_op *op = &s->v->op;
    const struct tenon_processor *p =
        op->has_platform ? tenon_processor_find(op->platform.arch) : NULL;
    return p && !tenon_processor_is_native(p, s->engine->host_platform, ENOEXEC) ? p : NULL;
}

static void
say_once(struct emulation *e, const char *arch)
{
    struct utsname u = {0};
    if (e->was_said)
        return;
    e->was_said = true;
    uname(&u);
    tenon_log(TENON_LOG_WARNING,
              "%s: of each step only the first program is emulated here, not what it starts: that "
              "needs Linux 6.7 (this is %s) and a user namespace for the step, or QEMU registered "
              "with the kernel (docs/platforms.md)", arch, u.release);
}

int
tenon_step_emulation(struct tenon_step *s, struct tenon_module *executor, struct tenon_error *err)
{
    (void)err;
    const struct tenon_processor *p = foreign(s);
    if (!p)
        return 0;
    struct emulation *e = tenon_engine_kept(s->engine, &kind);
    pthread_mutex_lock(&e->lock);
    const struct known *k = look(e, s, find(p->arch));
    if (k->sys && k->emulator && !s->op->security && !e->was_asked)
        ask_executor(e, s, executor);
    if (!k->sys || k->emulator)
        s->machine = p->machine;
    if (k->sys && k->emulator && e->is_whole && !s->op->security) {
        s->emulated = true;
    } else if (k->sys && k->emulator) {
        s->emulator = tenon_strdup(k->emulator);
        say_once(e, p->arch);
    }
    pthread_mutex_unlock(&e->lock);
    return 0;
}

/* ---- the emulator before the program --------------------------------------------- */

int
tenon_step_emulator_file(struct tenon_step *s, struct tenon_error *err)
{
    if (!s->emulator)
        return 0;
    struct tenon_exec_mount m = {
        .struct_size = sizeof m,
        .source = s->emulator, .target = TARGET, .fd = open(s->emulator, O_PATH | O_CLOEXEC),
        .flags = TENON_MOUNT_RDONLY,
    };
    if (m.fd < 0)
        return tenon_error_sys(err, "open %s", s->emulator);
    tenon_vec_push(&s->list, m);
    return 0;
}

/* Up to n bytes of its beginning, and a NUL; the number, or -1. */
static ssize_t
head_of(const struct tenon_step *s, const char *path, char *head, size_t n)
{
    auto_close int fd = tenon_step_open_program(s, path);
    auto_error struct tenon_error ignored = TENON_ERROR_INIT;
    ssize_t got = fd < 0 ? -1 : (ssize_t)tenon_read_full(fd, head, n, &ignored);
    head[got < 0 ? 0 : got] = 0;
    return got;
}

/* "#!interpreter argument": the words, borrowed from head; how many. */
static size_t
script_words(char *head, const char *words[2])
{
    size_t n = 0;
    head[strcspn(head, "\r\n")] = 0;
    char *p = head + 2 + strspn(head + 2, " \t");
    if (*p)
        words[n++] = p;
    p += strcspn(p, " \t");
    if (!*p)
        return n;
    *p++ = 0;
    p += strspn(p, " \t");
    if (*p)
        words[n++] = p;
    return n;
}

/* Is the file one that the machine's own processor runs?  A part of a cross build, as a rule. */
static bool
is_of_machine(const struct tenon_step *s, const char *head, ssize_t n)
{
    Elf64_Ehdr h;
    if (n < (ssize_t)sizeof h || memcmp(head, ELFMAG, SELFMAG))
        return false;
    memcpy(&h, head, sizeof h); /* e_machine is at the same place in both classes */
    const struct tenon_processor *p;
    for (size_t i = 0; (p = tenon_processor_at(i)); i++)
        if (tenon_processor_is_native(p, s->engine->host_platform, ENOEXEC))
            return p->machine == h.e_machine;
    return false;
}

/* An emulator neither looks into PATH nor knows scripts. */
const char *const *
tenon_step_args(const struct tenon_step *s)
{
    const char *const *args = s->op->args;
    bool unsure = false;
    if (!s->emulator)
        return args;
    size_t count = 0;
    while (args[count])
        count++;
    auto_free char *found = tenon_step_find_program(s, &unsure);
    if (!found)
        return args; /* whoever starts it says so */
    size_t max = count + 2 * MAX_SCRIPTS + 4, n = max;
    const char **out = tenon_ctx_alloc(s->ctx, (max + 1) * sizeof *out);
    out[n] = NULL;
    for (size_t i = count; i-- > 1;)
        out[--n] = args[i];
    const char *program = tenon_ctx_strdup(s->ctx, found), *name = args[0];
    char head[LINE_BYTES + 1];
    ssize_t got = head_of(s, program, head, LINE_BYTES);
    for (int i = 0; i < MAX_SCRIPTS && got > 2 && !memcmp(head, "#!", 2); i++) {
        const char *words[2];
        size_t w = script_words(head, words);
        if (!w)
            break;
        out[--n] = program;
        if (w > 1)
            out[--n] = tenon_ctx_strdup(s->ctx, words[1]);
        program = name = tenon_ctx_strdup(s->ctx, words[0]);
        got = head_of(s, program, head, LINE_BYTES);
    }
    if (is_of_machine(s, head, got))
        return args;
    out[--n] = program;
    out[--n] = name;
    out[--n] = "-0";
    out[--n] = TARGET;
    return out + n;
}

/* ---- when it failed ---------------------------------------------------------------- */

void
tenon_step_diagnose_emulation(const struct tenon_step *s, struct tenon_error *err)
{
    const struct tenon_processor *p = foreign(s);
    if (!p || s->emulated)
        return;
    struct emulation *e = tenon_engine_kept(s->engine, &kind);
    pthread_mutex_lock(&e->lock);
    const struct known k = e->known[find(p->arch)];
    pthread_mutex_unlock(&e->lock);
    if (s->emulator)
        tenon_error_hint(err, "only the step's first program was emulated: where the kernel is "
                         "older than Linux 6.7, what it starts needs QEMU registered with the "
                         "kernel (apt-get install binfmt-support qemu-user-static)");
    else if (k.sys == ENOENT)
        tenon_error_hint(err, "the kernel was told to run programs of %s by an emulator that the "
                         "image does not have: install qemu-user-static, which tenon finds, or "
                         "register it with the flag F", p->arch);
    else if (k.sys)
        tenon_error_hint(err, "nothing here runs programs of %s (exec format error): install "
                         "qemu-user-static (apt-get install qemu-user-static); tenon finds it, "
                         "and `tenon doctor` tells", p->arch);
}
