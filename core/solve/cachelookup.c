/* solve/cachelookup.c - looking up earlier results: first by definition, then by content. */
#include <stdio.h>
#include <string.h>

#include "solve/apart.h"
#include "solve/buildkitlookup.h"
#include "solve/import.h"

static void
add_item(struct tenon_hash *h, const char *label, const char *value)
{
    tenon_hash_item(h, label, value, strlen(value));
}

/* False when an input has no key but its content. */
static bool
definition_key(const struct state *st, const struct tenon_digest *own,
               struct tenon_digest *out)
{
    auto_hash struct tenon_hash *h = tenon_hash_new();

    add_item(h, "tenon.key", "def");
    add_item(h, "own", own->str);
    for (size_t i = 0; i < st->v->input_count; i++) {
        auto_free char *index = tenon_asprintf("%u", st->v->inputs[i].index);
        if (!st->inputs[i]->ckey.str[0])
            return false;
        add_item(h, "input", st->inputs[i]->ckey.str);
        add_item(h, "output", index);
        add_item(h, "selector", st->deps[i].selector_text);
    }
    tenon_hash_final(h, out);
    return true;
}

/* Of what is known by the key or the content of all of it: which part is meant.
 * The whole of it has no name. */
static void
add_selected(struct tenon_hash *h, const struct dep *d)
{
    if (*d->selector_text && strcmp(d->selector_text, "/"))
        add_item(h, "selector", d->selector_text);
}

static void
content_key(const struct state *st, const struct tenon_digest *digests,
            struct tenon_digest *out)
{
    auto_hash struct tenon_hash *h = tenon_hash_new();

    add_item(h, "tenon.key", "content");
    add_item(h, "own", st->own_key.str);
    for (size_t i = 0; i < st->v->input_count; i++) {
        auto_free char *index = tenon_asprintf("%u", st->v->inputs[i].index);
        if (digests[i].str[0]) {
            add_item(h, "content", digests[i].str);
            if (!st->deps[i].content)
                add_selected(h, &st->deps[i]);
            continue;
        }
        add_item(h, "input", st->inputs[i]->ckey.str);
        add_item(h, "output", index);
        add_selected(h, &st->deps[i]);
    }
    tenon_hash_final(h, out);
}

/* Imported caches. */
static void
find_imported(struct job *j, const struct tenon_digest *key)
{
    const struct tenon_vertex *v = j->state->v;
    const struct import_record *r = import_find(j->state->solver, key->str);

    if (r && r->result_count >= tenon_vertex_output_count(v))
        j->imported = r;
    else if (r && !j->alias.str[0]) {
        j->alias = r->id;
        j->apart = apart_by_import(r);
    }
}

static int
find(struct job *j, const struct tenon_digest *key)
{
    const struct state *st = j->state;

    if (st->fresh || j->is_volatile || !key->str[0])
        return 0;
    int rc = apart_find(st->solver, key->str, &j->record, &j->apart, &j->err);
    if (rc < 0)
        return tenon_error_context(&j->err, "look up \"%s\"", st->v->name);
    j->found = rc > 0 && j->record.output_count >=
                            tenon_vertex_output_count(st->v);
    if (rc > 0 && !j->found) {
        j->alias = j->record.id;
        tenon_record_release(&j->record);
        j->record = (struct tenon_record){0};
    }
    if (!j->found)
        find_imported(j, key);
    return 0;
}

/* Caches of BuildKit's, which know the step by other keys; also of what was found: what stands
 * upon it may be there alone. */
static int
find_buildkit(struct job *j)
{
    struct state *st = j->state;
    if (j->is_volatile)
        return 0;
    int rc = buildkit_match(st, j->buildkit_digests, &j->buildkit, &j->err);
    if (rc == 0 && !j->found && !j->imported)
        j->imported = buildkit_found_result(st, &j->buildkit);
    return rc;
}

int
work_lookup(struct job *j)
{
    struct state *st = j->state;

    int rc = key_own(st, &j->own, &j->is_volatile, &j->contents, &j->own_key, &j->err);
    if (rc < 0)
        return rc;
    if (!definition_key(st, &j->own_key, &j->k1))
        j->k1.str[0] = 0;
    rc = find(j, &j->k1);
    return rc < 0 ? rc : find_buildkit(j);
}

/* Of all inputs that BuildKit knows by content. */
static int
buildkit_contents(struct job *j)
{
    struct state *st = j->state;
    const bool wanted = st->solver->options.for_buildkit ||
                        (!st->fresh && buildkit_there(st->solver));
    if (!wanted)
        return 0;
    j->buildkit_digests = tenon_calloc(st->v->input_count, sizeof *j->buildkit_digests);
    for (size_t i = 0; i < st->v->input_count; i++) {
        if (!st->deps[i].content)
            continue;
        int rc = buildkit_content_of_input(st, i, &j->buildkit_digests[i], &j->err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

int
work_content(struct job *j)
{
    struct state *st = j->state;

    j->is_volatile = st->is_volatile;
    j->digests = tenon_calloc(st->v->input_count, sizeof *j->digests);
    for (size_t i = 0; i < st->v->input_count; i++) {
        if (!st->deps[i].content && st->inputs[i]->ckey.str[0])
            continue;
        int rc = content_of_input(st, i, &j->digests[i], &j->err);
        if (rc < 0)
            return rc;
    }
    content_key(st, j->digests, &j->k2);
    int rc = buildkit_contents(j);
    if (rc == 0)
        rc = find(j, &j->k2);
    if (rc == 0)
        rc = find_buildkit(j);
    /* Found by content: next time the definition will be enough. */
    if (rc != 0 || !j->found || !st->k1.str[0])
        return rc;
    rc = apart_link(st->solver, apart_by_inputs(st), st->k1.str, j->record.id.str, j->apart,
                    &j->err);
    if (rc == TENON_E_NOT_FOUND) { /* pruned, or of other caches by now: one short cut less */
        tenon_error_release(&j->err);
        rc = 0;
    }
    return rc;
}
