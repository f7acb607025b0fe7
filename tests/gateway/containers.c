/* containers.c - the tests' frontend in containers.  Arguments are separated by commas, and have "~"
 * where they mean a space.
 *
 *   mount:TYPE,DEST[,WORD]   of the next container: bind (the reference; WORD: a part of it),
 *                            scratch, cache and secret (WORD: its id), tmpfs, ssh, forged
 *   readonly net:N host:NAME=IP hostname:NAME device:NAME  also of the next one
 *   container:NAME           with the reference as its root, or what was mounted at /
 *   release:NAME
 *   env:K=V cwd:DIR user:NAME tty insecure secretenv:ID=NAME    of the next process
 *   begin:P,CONTAINER,ARG... a process, until it has started
 *   write:P=TEXT close:P kill:P=SIGNAL resize:P=ROWSxCOLUMNS
 *   hear:P=TEXT              until it has written that
 *   fit:P=ROWSxCOLUMNS       resized at each thing that it writes, until it has written "ROWS COLUMNS"
 *   await:P                  until it is done; what it wrote and how it ended is said
 *   run:CONTAINER,ARG...     both
 *   end                      until the stream has ended
 *   hangup                   the stream of all processes is cancelled
 *   cread:CONTAINER,MOUNT,PATH  cdir:...  cstat:...        files of it
 *   crowd                    containers without end
 *   herd:CONTAINER           processes without end
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frontend.h"
#include "tools/alloc.h"
#include "tools/buf.h"

enum { MOST = 200 };

struct process {
    char name[64];
    bool started, done, ended[3];
    struct tenon_buf out[3];
    const struct gw_exit *exit;
};

static struct gw_new_container next_container = {.id = "", .hostname = ""};
static struct gw_mount mounts[20];
static struct gw_host hosts[20];
static struct gw_device devices[5];
static struct gw_process_meta meta = {.cwd = "", .user = "", .cgroup_parent = ""};
static struct gw_init next_process;
static struct gw_secretenv secrets[4];
static const char *env[20];
static struct grpc_call *stream;
static struct process processes[MOST];
static size_t process_count;

static char *
spaced(const char *text)
{
    char *copy = tenon_strdup(text);

    for (char *c = copy; *c; c++)
        *c = *c == '~' ? ' ' : *c;
    return copy;
}

/* The part before c, and *rest after it. */
static char *
cut(char *text, char c, char **rest)
{
    char *at = strchr(text, c);

    *rest = at ? at + 1 : text + strlen(text);
    if (at)
        *at = '\0';
    return text;
}

/* ---- containers -------------------------------------------------------------------- */

static void
add_mount(char *value)
{
    static struct gw_tmpfs_opt tmpfs = {1 << 20};
    static struct gw_cache_opt caches[20];
    static struct gw_secret_opt secret[20];
    const size_t i = next_container.mounts.len++;
    char *rest, *word;
    const char *type = cut(value, ',', &rest);
    struct gw_mount *m = &mounts[i];

    *m = (struct gw_mount){.selector = "", .dest = cut(rest, ',', &word), .ref = ""};
    next_container.mounts.items = mounts;
    if (strcmp(type, "bind") == 0) {
        m->ref = ref;
        m->selector = word;
    } else if (strcmp(type, "cache") == 0) {
        m->type = 3;
        caches[i].id = word;
        m->cache = &caches[i];
    } else if (strcmp(type, "secret") == 0 || strcmp(type, "ssh") == 0) {
        m->type = type[1] == 'e' ? 1 : 2;
        secret[i] = (struct gw_secret_opt){.id = word, .mode = 0444};
        m->secret = m->type == 1 ? &secret[i] : NULL;
        m->ssh = m->type == 2 ? &secret[i] : NULL;
    } else if (strcmp(type, "tmpfs") == 0) {
        m->type = 4;
        m->tmpfs = &tmpfs;
    } else if (strcmp(type, "forged") == 0) {
        m->ref = "ref-999";
    }
}

static bool
has_root(void)
{
    for (size_t i = 0; i < next_container.mounts.len; i++) {
        if (strcmp(mounts[i].dest, "/") == 0)
            return true;
    }
    return false;
}

static bool
new_container(const char *name)
{
    struct gw_none none = {0};

    if (!has_root()) { /* it comes last, so that others have the numbers that they were told in */
        mounts[next_container.mounts.len++] =
            (struct gw_mount){.selector = "", .dest = "/", .ref = ref};
        next_container.mounts.items = mounts;
    }
    next_container.id = name;
    bool good = call("NewContainer", &gw_new_container_message, &next_container, &gw_none_message,
                     &none);
    next_container = (struct gw_new_container){.id = "", .hostname = ""};
    return good;
}

static void
release_container(const char *name)
{
    const struct gw_release_container request = {name};
    struct gw_none none = {0};

    if (call("ReleaseContainer", &gw_release_container_message, &request, &gw_none_message, &none))
        fprintf(stderr, "released %s\n", name);
}

/* ---- the stream -------------------------------------------------------------------- */

static void
say(const struct gw_exec *m)
{
    auto_buf struct tenon_buf bytes = TENON_BUF_INIT;

    if (!stream)
        stream = grpc_call_start(conn, "/moby.buildkit.v1.frontend.LLBBridge/ExecProcess", NULL, 0,
                                 0);
    message_encode(&bytes, &gw_exec_message, m);
    grpc_call_send(stream, tenon_buf_str(&bytes), bytes.len);
}

static struct process *
find(const char *name)
{
    for (size_t i = 0; i < process_count; i++) {
        if (strcmp(processes[i].name, name) == 0)
            return &processes[i];
    }
    tenon_assert(process_count < MOST);
    processes[process_count] = (struct process){0};
    snprintf(processes[process_count].name, sizeof processes[0].name, "%s", name);
    return &processes[process_count++];
}

static void
take(const struct gw_exec *m)
{
    struct process *p = find(m->process);

    if (p->done || (!p->started && !m->started))
        fprintf(stderr, "%s: out of order\n", p->name);
    if (m->started)
        p->started = true;
    if (m->file) {
        tenon_assert(m->file->fd >= 0 && m->file->fd < 3);
        if (p->ended[m->file->fd] || p->exit)
            fprintf(stderr, "%s: bytes after the end\n", p->name);
        tenon_buf_add(&p->out[m->file->fd], m->file->data.data, m->file->data.len);
        p->ended[m->file->fd] = m->file->eof;
    }
    if (m->exit)
        p->exit = m->exit;
    if (m->done)
        p->done = true;
}

/* One message more; false: that was all. */
static bool
hear(void)
{
    auto_buf struct tenon_buf bytes = TENON_BUF_INIT;
    struct gw_exec m = {0};
    const char *why;

    if (grpc_call_recv(stream, &bytes) != 1) {
        auto_grpc_status struct grpc_status status = {0};
        char room[24];
        grpc_call_status(stream, &status);
        fprintf(stderr, "ExecProcess: %s: %s\n", grpc_code_name(status.code, room),
                status.message ? status.message : "");
        grpc_call_free(stream);
        stream = NULL;
        return false;
    }
    const char *kept = tenon_arena_dup(&arena, tenon_buf_str(&bytes), bytes.len);
    tenon_assert(message_decode(&arena, &gw_exec_message, kept, bytes.len, &m, &why));
    take(&m);
    return true;
}

static void
report(struct process *p)
{
    for (int i = 1; i < 3; i++) {
        auto_free char *text = tenon_strndup(tenon_buf_str(&p->out[i]), p->out[i].len);
        char *save = NULL;
        if (p->out[i].len > 100000)
            fprintf(stderr, "%s %d: %zu bytes\n", p->name, i, p->out[i].len);
        else
            for (char *l = strtok_r(text, "\r\n", &save); l; l = strtok_r(NULL, "\r\n", &save))
                fprintf(stderr, "%s %d: %s\n", p->name, i, l);
        tenon_buf_release(&p->out[i]);
    }
    if (p->exit)
        fprintf(stderr, "%s exit %lld: %s (%zu details)\n", p->name, (long long)p->exit->code,
                p->exit->error ? p->exit->error->message : "", p->exit->error
                    ? p->exit->error->details.len : 0);
    *p = processes[--process_count];
}

static void
await(const char *name)
{
    struct process *p = find(name);

    while (!p->done && stream && hear())
        ;
    report(p);
}

static void
begin(char *value)
{
    const int64_t fds[] = {0, 1, 2};
    const char *args[20];
    size_t count = 0;
    char *rest;
    const char *name = cut(value, ',', &rest);

    next_process.container = cut(rest, ',', &rest);
    while (*rest)
        args[count++] = spaced(cut(rest, ',', &rest));
    meta.args = (struct message_list){args, count};
    next_process.meta = &meta;
    next_process.fds = (struct message_list){fds, next_process.tty ? 2 : 3};
    say(&(struct gw_exec){.process = name, .init = &next_process});
    next_process = (struct gw_init){0};
    meta = (struct gw_process_meta){.cwd = "", .user = "", .cgroup_parent = ""};
    while (!find(name)->started && hear())
        ;
}

static void
resize(const char *name, const char *text)
{
    char *columns;
    struct gw_resize size = {.rows = strtoll(text, &columns, 10)};

    size.cols = strtoll(columns + 1, NULL, 10);
    say(&(struct gw_exec){.process = name, .resize = &size});
}

/* size, or NULL: what is said to it before each time that we listen. */
static void
hear_text(const char *name, const char *text, const char *size)
{
    struct process *p = find(name);

    while (!strstr(tenon_buf_str(&p->out[1]), text) && !p->done && stream) {
        if (size)
            resize(name, size);
        if (!hear())
            break;
    }
    const bool heard = strstr(tenon_buf_str(&p->out[1]), text) != NULL;
    fprintf(stderr, "%s %s %s\n", p->name, heard ? "said" : "never said", text);
}

static void
run(const char *value)
{
    static const struct gw_fd end = {.fd = 0, .eof = true};
    auto_free char *all = tenon_asprintf("p,%s", value);

    begin(all);
    if (stream)
        say(&(struct gw_exec){.process = "p", .file = &end});
    await("p");
}

void
hang_up(void)
{
    grpc_call_free(stream); /* which cancels it */
    stream = NULL;
    process_count = 0;
}

/* ---- without end ------------------------------------------------------------------- */

static void
crowd(void)
{
    unsigned count = 0;

    for (bool good = true; good && count < 1000; count += good) {
        auto_free char *name = tenon_asprintf("crowd%u", count);
        good = new_container(name);
    }
    fprintf(stderr, "%u containers\n", count);
}

static void
herd(const char *container)
{
    for (unsigned i = 0; i < MOST && (stream || i == 0); i++) {
        auto_free char *all = tenon_asprintf("h%u,%s,/bin/busybox,sleep,1000", i, container);
        begin(all);
    }
    process_count = 0;
}

/* ---- files ------------------------------------------------------------------------- */

static void
files(const char *word, char *value)
{
    char *rest, *path;
    const char *container = cut(value, ',', &rest);
    const int64_t mount = strtoll(cut(rest, ',', &path), NULL, 10);
    const struct gw_read_file read = {.ref = container, .path = path, .mount = mount};
    const struct gw_read_dir dir = {.ref = container, .path = path, .mount = mount};
    const struct gw_stat_file stat = {.ref = container, .path = path, .mount = mount};
    struct gw_file file = {0};
    struct gw_dir entries = {0};
    struct gw_stat_answer answer = {0};

    if (strcmp(word, "cread") == 0 &&
        call("ReadFileContainer", &gw_read_file_message, &read, &gw_file_message, &file))
        fprintf(stderr, "%s there: %.*s\n", path, (int)file.data.len, (const char *)file.data.data);
    if (strcmp(word, "cdir") == 0 &&
        call("ReadDirContainer", &gw_read_dir_message, &dir, &gw_dir_message, &entries))
        for (size_t i = 0; i < entries.entries.len; i++)
            fprintf(stderr, "%s in %s\n", ((const struct gw_stat *)entries.entries.items)[i].path,
                    path);
    if (strcmp(word, "cstat") == 0 &&
        call("StatFileContainer", &gw_stat_file_message, &stat, &gw_stat_answer_message, &answer))
        fprintf(stderr, "%s there: %lld bytes, of %lld:%lld, %zu attributes\n", path,
                (long long)answer.stat->size, (long long)answer.stat->uid,
                (long long)answer.stat->gid, answer.stat->xattrs.len);
}

/* ---- words ------------------------------------------------------------------------- */

static bool
act_process(const char *word, char *value)
{
    static struct gw_secretenv *s = secrets;
    char *rest;

    if (strcmp(word, "env") == 0) {
        env[meta.env.len++] = spaced(value);
        meta.env.items = env;
    } else if (strcmp(word, "cwd") == 0) {
        meta.cwd = value;
    } else if (strcmp(word, "user") == 0) {
        meta.user = value;
    } else if (strcmp(word, "tty") == 0) {
        next_process.tty = true;
    } else if (strcmp(word, "insecure") == 0) {
        next_process.security = 1;
    } else if (strcmp(word, "secretenv") == 0) {
        *s = (struct gw_secretenv){.id = cut(value, '=', &rest)};
        s->name = rest;
        next_process.secretenv = (struct message_list){s, 1};
    } else if (strcmp(word, "begin") == 0) {
        begin(value);
    } else if (strcmp(word, "await") == 0) {
        await(value);
    } else if (strcmp(word, "run") == 0) {
        run(value);
    } else if (strcmp(word, "end") == 0) {
        while (stream && hear())
            ;
        process_count = 0;
    } else if (strcmp(word, "hangup") == 0) {
        hang_up();
    } else if (strcmp(word, "herd") == 0) {
        herd(value);
    } else {
        return false;
    }
    return true;
}

static bool
act_stream(const char *word, char *value)
{
    char *rest = value;
    const char *name = value ? cut(value, '=', &rest) : "";

    if (strcmp(word, "write") == 0) {
        auto_free char *line = spaced(rest);
        auto_free char *text = tenon_asprintf("%s\n", line);
        const struct gw_fd file = {.fd = 0, .data = {text, strlen(text)}};
        say(&(struct gw_exec){.process = name, .file = &file});
    } else if (strcmp(word, "close") == 0) {
        const struct gw_fd file = {.fd = 0, .eof = true};
        say(&(struct gw_exec){.process = name, .file = &file});
    } else if (strcmp(word, "kill") == 0) {
        const struct gw_signal signal = {rest};
        say(&(struct gw_exec){.process = name, .signal = &signal});
    } else if (strcmp(word, "resize") == 0) {
        resize(name, rest);
    } else if (strcmp(word, "hear") == 0) {
        auto_free char *text = spaced(rest);
        hear_text(name, text, NULL);
    } else if (strcmp(word, "fit") == 0) {
        auto_free char *text = tenon_strdup(rest);
        *strchr(text, 'x') = ' ';
        hear_text(name, text, rest);
    } else {
        return false;
    }
    return true;
}

bool
act_container(const char *word, char *value)
{
    char *rest;

    if (strcmp(word, "mount") == 0) {
        add_mount(value);
    } else if (strcmp(word, "readonly") == 0) {
        mounts[next_container.mounts.len - 1].readonly = true;
    } else if (strcmp(word, "net") == 0) {
        next_container.network = strtoll(value, NULL, 10);
    } else if (strcmp(word, "device") == 0) {
        devices[next_container.devices.len++].name = value;
        next_container.devices.items = devices;
    } else if (strcmp(word, "host") == 0) {
        hosts[next_container.hosts.len].host = cut(value, '=', &rest);
        hosts[next_container.hosts.len++].ip = rest;
        next_container.hosts.items = hosts;
    } else if (strcmp(word, "hostname") == 0) {
        next_container.hostname = value;
    } else if (strcmp(word, "container") == 0) {
        new_container(value);
    } else if (strcmp(word, "release") == 0) {
        release_container(value);
    } else if (strcmp(word, "crowd") == 0) {
        crowd();
    } else if (word[0] == 'c' && (strcmp(word + 1, "read") == 0 || strcmp(word + 1, "dir") == 0 ||
                                  strcmp(word + 1, "stat") == 0)) {
        files(word, value);
    } else {
        return act_process(word, value) || act_stream(word, value);
    }
    return true;
}
