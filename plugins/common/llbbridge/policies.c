/* common/llbbridge/policies.c - source policies that come in messages, as the JSON documents
 * that the host takes. */
#include "policies.h"

#include <string.h>

#include "llbbridge.h"
#include "tools/jsontext.h"

static void
add_text(struct tenon_buf *b, const char *lead, const char *text)
{
    tenon_buf_adds(b, lead);
    tenon_json_add_string(b, text, strlen(text), false);
}

static void
add_selector(struct tenon_buf *b, const struct gw_selector *s)
{
    const struct gw_constraint *c = s->constraints.items;

    add_text(b, ",\"selector\":{\"identifier\":", s->identifier);
    tenon_buf_addf(b, ",\"match_type\":%lld,\"constraints\":[", (long long)s->match);
    for (size_t i = 0; i < s->constraints.len; i++) {
        add_text(b, i ? ",{\"key\":" : "{\"key\":", c[i].key);
        add_text(b, ",\"value\":", c[i].value);
        tenon_buf_addf(b, ",\"condition\":%lld}", (long long)c[i].condition);
    }
    tenon_buf_adds(b, "]}");
}

static void
add_updates(struct tenon_buf *b, const struct gw_updates *u)
{
    const struct gw_pair *p = u->attrs.items;

    add_text(b, ",\"updates\":{\"identifier\":", u->identifier);
    tenon_buf_adds(b, ",\"attrs\":{");
    for (size_t i = 0; i < u->attrs.len; i++) {
        add_text(b, i ? "," : "", p[i].key);
        add_text(b, ":", p[i].value);
    }
    tenon_buf_adds(b, "}}");
}

static void
add_policy(struct tenon_buf *b, const struct gw_policy *p)
{
    const struct gw_rule *r = p->rules.items;

    tenon_buf_addf(b, "{\"version\":%lld,\"rules\":[", (long long)p->version);
    for (size_t i = 0; i < p->rules.len; i++) {
        tenon_buf_addf(b, "%s{\"action\":%lld", i ? "," : "", (long long)r[i].action);
        if (r[i].selector)
            add_selector(b, r[i].selector);
        if (r[i].updates)
            add_updates(b, r[i].updates);
        tenon_buf_adds(b, "}");
    }
    tenon_buf_adds(b, "]}");
}

const char *const *
gateway_policies(struct tenon_arena *arena, const struct message_list *policies)
{
    const struct gw_policy *p = policies->items;
    const char **list = tenon_arena_array(arena, policies->len + 1, sizeof *list);

    for (size_t i = 0; i < policies->len; i++) {
        auto_buf struct tenon_buf b = TENON_BUF_INIT;
        add_policy(&b, &p[i]);
        list[i] = tenon_arena_strdup(arena, tenon_buf_str(&b));
    }
    return list;
}
