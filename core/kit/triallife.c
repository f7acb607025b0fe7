/* kit/triallife.c - init and fini, with and without use, and with a configuration of any kind. */
#include <dirent.h>
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kit/private.h"
#include "tools/alloc.h"
#include "tools/buf.h"

/* ---- what is the process's, and not a plugin's -------------------------------- */

struct surroundings {
    size_t descriptors;
    char cwd[4096];
    mode_t mask;
    void *handlers[NSIG];
    sigset_t blocked;
};

static void
look_around(struct surroundings *s)
{
    memset(s, 0, sizeof *s);
    s->descriptors = tenon_trial_descriptors();
    if (!getcwd(s->cwd, sizeof s->cwd))
        s->cwd[0] = 0;
    s->mask = umask(022);
    umask(s->mask);
    for (int i = 1; i < NSIG; i++) {
        struct sigaction a = {.sa_handler = SIG_DFL};
        sigaction(i, NULL, &a);
        memcpy(&s->handlers[i], &a.sa_handler, sizeof s->handlers[i]);
    }
    sigprocmask(SIG_SETMASK, NULL, &s->blocked);
}

static void
compare(struct tenon_trial *c, const struct surroundings *before)
{
    struct surroundings now;
    look_around(&now);
    tenon_trial_that(c, now.descriptors <= before->descriptors,
                     TENON_TRIAL_FAILED, "closes-descriptors",
                     "after fini %zu descriptors more are open",
                     now.descriptors - before->descriptors);
    tenon_trial_that(c, !strcmp(now.cwd, before->cwd), TENON_TRIAL_FAILED,
                     "same-directory",
                     "it changes the process's current directory to %s", now.cwd);
    tenon_trial_that(c, now.mask == before->mask, TENON_TRIAL_FAILED,
                     "same-umask", "it changes the process's umask to 0%o",
                     now.mask);
    int changed = 0;
    for (int i = 1; i < NSIG; i++)
        if (now.handlers[i] != before->handlers[i])
            changed = i;
    tenon_trial_that(c, !changed, TENON_TRIAL_FAILED, "same-signal-handlers",
                     "it handles or ignores SIG%s of the process",
                     changed ? sigabbrev_np(changed) : "");
    changed = 0;
    for (int i = 1; i < NSIG; i++)
        if (sigismember(&now.blocked, i) != sigismember(&before->blocked, i))
            changed = i;
    tenon_trial_that(c, !changed, TENON_TRIAL_FAILED, "same-signal-mask",
                     "it leaves SIG%s blocked",
                     changed ? sigabbrev_np(changed) : "");
    const char *locale = setlocale(LC_ALL, NULL);
    tenon_trial_that(c, locale && !strcmp(locale, "C"), TENON_TRIAL_FAILED,
                     "same-locale", "it changes the process's locale to %s",
                     locale ? locale : "?");
    tenon_trial_that(c, waitpid(-1, NULL, WNOHANG) < 0, TENON_TRIAL_FAILED,
                     "no-child-left", "after fini a child of it is left");
}

/* ---- init and fini ------------------------------------------------------------ */

/* 0, or why it did not begin, which a machine may be the reason of. */
static int
begin_and_end(struct tenon_trial *c, struct json_object *config,
              struct tenon_error *err)
{
    struct tenon_plugins *all = NULL;
    struct tenon_module *m;
    if (tenon_trial_open(c, config, &all, err) < 0)
        return err->code;
    tenon_trial_calls(c);
    int rc = tenon_plugins_get(all, c->kind, c->name, &m, err);
    tenon_trial_calls(c);
    tenon_plugins_free(all);
    return rc;
}

void
tenon_trial_life(struct tenon_trial *c)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct surroundings before;

    look_around(&before);
    tenon_trial_begin(c, "init-and-fini");
    int rc = begin_and_end(c, c->request->config,
                           &err); /* what is loaded once stays */
    const bool refused = rc == TENON_E_UNSUPPORTED || rc == TENON_E_INVALID ||
                         rc == TENON_E_NOT_FOUND;
    if (!tenon_trial_that(c, rc == 0,
                          refused ? TENON_TRIAL_SKIPPED : TENON_TRIAL_FAILED,
                          "init-and-fini", "it does not start here: %s",
                          err.message ? err.message : ""))
        return;
    tenon_trial_begin(c, "init-again");
    before.descriptors = tenon_trial_descriptors(); /* the first time a library may open its own */
    rc = begin_and_end(c, c->request->config, &err);
    tenon_trial_that(
        c, rc == 0, TENON_TRIAL_FAILED, "init-again",
        "after fini it does not start once more, as `tenon serve` would: %s",
        err.message ? err.message : "");
    compare(c, &before);
}

/* What the user has, and for what else must be there a sample: a hostile value is looked at by the
 * plugin, and not refused for the lack of another one. */
static struct json_object *
config_with(struct tenon_trial *c, const struct tenon_param *params, const char *name,
            const char *value)
{
    struct json_object *config = json_object_new_object();
    struct json_object *user = NULL;
    if (c->request->config)
        json_object_deep_copy(c->request->config, &user, NULL);
    for (const struct tenon_param *p = params; p && p->name; p++) {
        struct json_object *own = NULL;
        if (json_object_object_get_ex(user, p->name, &own))
            json_object_object_add(config, p->name, json_object_get(own));
        else if (p->flags & TENON_PARAM_REQUIRED) {
            auto_free char *sample = tenon_trial_sample(p);
            json_object_object_add(config, p->name, json_object_new_string(sample));
        }
    }
    json_object_put(user);
    json_object_object_add(config, name, json_object_new_string(value));
    return config;
}

/* Each option of the configuration, with what nobody would write: started or refused. */
void
tenon_trial_config(struct tenon_trial *c)
{
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_plugins *all = NULL;
    const struct tenon_plugin *p;
    if (tenon_trial_open(c, NULL, &all, &err) < 0 ||
        tenon_plugins_peek(all, c->kind, c->name, &p, &err) < 0)
        return;
    for (const struct tenon_param *q = p->config; q && q->name; q++) {
        auto_free char *name = tenon_asprintf("config-%s-hostile", q->name);
        auto_buf struct tenon_buf bad = TENON_BUF_INIT;
        tenon_trial_begin(c, name);
        for (const char *const *h = tenon_trial_hostile; *h; h++) {
            auto_error struct tenon_error why = TENON_ERROR_INIT;
            auto_json struct json_object *config = config_with(c, p->config, q->name, *h);
            int rc = begin_and_end(c, config, &why);
            auto_free char *fault = tenon_trial_answer(rc, &why);
            if ((fault || rc == TENON_E_BUG) && !bad.len)
                tenon_buf_addf(&bad, "\"%s\": %s", *h,
                               fault ? fault : why.message);
        }
        tenon_trial_that(c, !bad.len, TENON_TRIAL_FAILED, name, "%s",
                         tenon_buf_str(&bad));
    }
    tenon_plugins_free(all);
}
