/* cli/podmanload.c - see podmanload.h. */
#include "podmanload.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "base/json.h"
#include "tools/alloc.h"
#include "tools/buf.h"
#include "tools/jsontext.h"
#include "tools/parse.h"
#include "tools/vec.h"

enum { INDEX_MAX = 1 << 20, SAID_MAX = 4096, TRIES = 100, GRACE_MS = 5000 };

#define PREFIX "tenon-load-"
#define NAME "io.containerd.image.name"

struct podman_load {
    char *program, *dir;
    int fd; /* of dir, locked: who can lock one of these finds it left behind */
    struct tenon_cancel *cancel; /* or NULL */
};

static void
load_free(struct podman_load *l)
{
    auto_error struct tenon_error ignored = TENON_ERROR_INIT;
    if (l->fd >= 0)
        close(l->fd);
    if (l->dir)
        tenon_remove_tree(AT_FDCWD, l->dir, &ignored);
    free(l->program);
    free(l->dir);
    free(l);
}

/* Ours, and of nobody who lives? */
static bool
is_left(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 && st.st_uid == geteuid() && flock(fd, LOCK_EX | LOCK_NB) == 0;
}

/* Of processes that were killed. */
static void
sweep(void)
{
    auto_error struct tenon_error ignored = TENON_ERROR_INIT;
    DIR *tmp = opendir("/tmp");
    if (!tmp)
        return;
    for (const struct dirent *e; (e = readdir(tmp)) != NULL;) {
        auto_close int fd = tenon_has_prefix(e->d_name, PREFIX)
                                ? openat(dirfd(tmp), e->d_name,
                                         O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
                                : -1;
        if (fd >= 0 && is_left(fd))
            tenon_remove_tree(dirfd(tmp), e->d_name, &ignored);
    }
    closedir(tmp);
}

/* A descriptor of dir with its lock; -1: another's sweep was between. */
static int
lock(const char *dir)
{
    struct stat here, there;
    auto_close int fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || !is_left(fd) || fstat(fd, &here) < 0 || lstat(dir, &there) < 0 ||
        here.st_ino != there.st_ino || here.st_dev != there.st_dev)
        return -1;
    return tenon_steal_fd(&fd);
}

/* Below /tmp, whatever TMPDIR is: podman makes a name of the path, in which not all is allowed. */
int
podman_load_begin(const char *program, struct tenon_cancel *cancel, struct podman_load **out,
                  struct tenon_error *err)
{
    struct podman_load *l = tenon_new0(struct podman_load);
    l->program = tenon_strdup(program);
    l->cancel = cancel;
    l->fd = -1;
    sweep();
    for (int i = 0; i < TRIES && l->fd < 0; i++) {
        auto_free char *dir = tenon_asprintf("/tmp/" PREFIX "%ld-%" PRIx64, (long)getpid(),
                                             tenon_now_ns());
        if (mkdir(dir, 0700) == 0)
            l->fd = lock(dir);
        else if (errno != EEXIST)
            i = TRIES;
        if (l->fd >= 0)
            l->dir = tenon_steal(&dir);
    }
    if (l->fd < 0) {
        tenon_error_sys(err, "make a directory in /tmp");
        load_free(l);
        return err->code;
    }
    *out = l;
    return l->fd;
}

/* ---- podman ---------------------------------------------------------------- */

extern char **environ;

static int
start(char *const *argv, int said, int complained, pid_t *pid, struct tenon_error *err)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    sigset_t reset, none;
    sigemptyset(&reset);
    sigaddset(&reset, SIGPIPE); /* ignored by main */
    posix_spawnattr_init(&attr);
    posix_spawnattr_setsigdefault(&attr, &reset);
    sigemptyset(&none); /* a build's threads have theirs blocked */
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, said, 1);
    posix_spawn_file_actions_adddup2(&actions, complained, 2);
    errno = posix_spawn(pid, argv[0], &actions, &attr, argv, environ);
    int e = errno;
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attr);
    errno = e;
    return e ? tenon_error_sys(err, "start %s", argv[0]) : TENON_OK;
}

/* What is in it, without the ends of lines at its end. */
static void
read_text(int fd, char text[SAID_MAX])
{
    ssize_t n = pread(fd, text, SAID_MAX - 1, 0);
    text[n > 0 ? n : 0] = '\0';
    for (char *p = text + strlen(text); p > text && (p[-1] == '\n' || p[-1] == ' ');)
        *--p = '\0';
}

/* Until it has ended, which a cancel makes it do. */
static int
wait_for(pid_t pid, struct tenon_cancel *cancel)
{
    int status = 0;
    auto_close int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    struct pollfd fds[] = { { .fd = pidfd, .events = POLLIN },
                            { .fd = tenon_cancel_fd(cancel), .events = POLLIN } };
    while (pidfd >= 0 && poll(fds, 2, -1) < 0 && errno == EINTR)
        ;
    if (pidfd >= 0 && !fds[0].revents) {
        kill(pid, SIGTERM);
        if (poll(fds, 1, GRACE_MS) <= 0)
            kill(pid, SIGKILL);
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return status;
}

/* said: what it printed. */
static int
run(char *const *argv, struct tenon_cancel *cancel, char said[SAID_MAX], struct tenon_error *err)
{
    auto_close int out = memfd_create("tenon-podman", MFD_CLOEXEC);
    auto_close int bad = memfd_create("tenon-podman", MFD_CLOEXEC);
    pid_t pid;
    if (out < 0 || bad < 0)
        return tenon_error_sys(err, "memfd_create");
    if (start(argv, out, bad, &pid, err) < 0)
        return err->code;
    int status = wait_for(pid, cancel);
    if (status && tenon_cancel_check(cancel, err) < 0)
        return err->code;
    read_text(status ? bad : out, said);
    if (!status)
        return TENON_OK;
    return tenon_error_set(err, TENON_E_FAILED, "%s", *said ? said : "it failed");
}

/* ---- the image ------------------------------------------------------------- */

/* The index of a single image without a name, so that it needs none to be found; the names that it
 * had. */
static int
take_names(const struct podman_load *l, char ***names, struct tenon_error *err)
{
    auto_free char *path = tenon_asprintf("%s/index.json", l->dir);
    auto_buf struct tenon_buf text = TENON_BUF_INIT;
    auto_json struct json_object *index = NULL;
    struct json_object *list = NULL, *notes = NULL;
    if (tenon_read_file(path, INDEX_MAX, &text, err) < 0 ||
        tenon_json_parse(tenon_buf_str(&text), text.len, INDEX_MAX, &index, err) < 0 ||
        tenon_json_get_array(index, "manifests", &list, err) < 0)
        return err->code;
    const size_t count = list ? json_object_array_length(list) : 0;
    for (size_t i = 0; i < count; i++) {
        const char *name = NULL;
        struct json_object *entry = json_object_array_get_idx(list, i);
        if (tenon_json_get_object(entry, "annotations", &notes, err) < 0 ||
            (notes && tenon_json_get_str(notes, NAME, NULL, &name, err) < 0))
            return err->code;
        if (name)
            tenon_strv_push(names, tenon_strdup(name));
        json_object_object_del(entry, "annotations");
    }
    if (count > 1)
        json_object_array_del_idx(list, 1, count - 1);
    tenon_buf_clear(&text);
    tenon_json_write(&text, index, true);
    auto_close int fd = openat(l->fd, "index.json",
                               O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    return fd < 0 ? tenon_error_sys(err, "write %s", path)
                  : tenon_write_all(fd, text.data, text.len, err);
}

static int
take_image(const struct podman_load *l, char id[SAID_MAX], struct tenon_error *err)
{
    auto_free char *source = tenon_asprintf("oci:%s", l->dir);
    char *argv[] = { l->program, (char *)"pull", (char *)"--quiet", source, NULL };
    if (run(argv, l->cancel, id, err) < 0)
        return err->code;
    const char *last = strrchr(id, '\n');
    if (last)
        memmove(id, last + 1, strlen(last));
    return TENON_OK;
}

/* Then its own name is taken away: podman's of before 4.4 call an image by the path that it came
 * from, and others say that there is no such name. */
static int
give_names(const struct podman_load *l, const char *id, char *const *names, struct tenon_error *err)
{
    char said[SAID_MAX];
    auto_error struct tenon_error ignored = TENON_ERROR_INIT;
    auto_free char *own = tenon_asprintf("localhost%s", l->dir);
    TENON_VEC(char *) argv = {0};
    tenon_vec_push(&argv, l->program);
    tenon_vec_push(&argv, (char *)"tag");
    tenon_vec_push(&argv, (char *)(uintptr_t)id);
    for (char *const *n = names; n && *n; n++)
        tenon_vec_push(&argv, *n);
    tenon_vec_push(&argv, NULL);
    int rc = names ? run(argv.items, l->cancel, said, err) : TENON_OK;
    char *untag[] = { l->program, (char *)"untag", (char *)(uintptr_t)id, own, NULL };
    (void)run(untag, NULL, said, &ignored);
    tenon_vec_release(&argv);
    return rc;
}

int
podman_load_finish(struct podman_load *l, struct tenon_error *err)
{
    char **names = NULL, id[SAID_MAX];
    int rc = take_names(l, &names, err);
    if (rc == TENON_OK)
        rc = take_image(l, id, err);
    if (rc == TENON_OK)
        rc = give_names(l, id, names, err);
    tenon_strv_free(names);
    load_free(l);
    return rc;
}

void
podman_load_abort(struct podman_load *l)
{
    load_free(l);
}
