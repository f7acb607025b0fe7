/* solve/keyparts.c - keys are made of named parts, so that a miss can be explained. */
#include <stdarg.h>
#include <string.h>

#include "solve/private.h"

void
key_parts_add(struct key_parts *p, const char *label, const char *value)
{
    tenon_vec_push(&p->list, (struct tenon_key_part){
        .label = tenon_strdup(label), .value = tenon_strdup(value ? value : "") });
}

void
key_parts_addf(struct key_parts *p, const char *label, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    char *value = tenon_vasprintf(fmt, ap);
    va_end(ap);
    tenon_vec_push(&p->list, (struct tenon_key_part){
        .label = tenon_strdup(label), .value = value });
}

void
key_parts_release(struct key_parts *p)
{
    tenon_vec_foreach(k, &p->list) {
        free((char *)k->label);
        free((char *)k->value);
    }
    tenon_vec_release(&p->list);
}

void
key_parts_digest(const struct key_parts *p, const char *tag, struct tenon_digest *out)
{
    auto_hash struct tenon_hash *h = tenon_hash_new();

    tenon_hash_item(h, "tenon.key", tag, strlen(tag));
    for (size_t i = 0; i < p->list.len; i++)
        tenon_hash_item(h, p->list.items[i].label, p->list.items[i].value,
                        strlen(p->list.items[i].value));
    tenon_hash_final(h, out);
}
