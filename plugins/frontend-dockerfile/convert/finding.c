/* convert/finding.c - what the linter found, as a warning of the build. */
#include "convert.h"

void
df_show_finding(void *data, const struct df_rule_info *rule, const char *message,
                struct df_lines lines)
{
    struct df_build *b = data;
    const char *detail[] = {rule->description, NULL};
    const char *text = df_arena_printf(b->arena, "%s: %s", rule->name, message);
    if (lines.first)
        text = df_arena_printf(b->arena, "%s (line %zu)", text, lines.first);
    struct tenon_warning w = {
        .struct_size = sizeof w, .level = 1, .digest = b->definition,
        .summary = text, .detail = detail, .url = rule->url,
        .filename = b->filename, .line = (uint32_t)lines.first,
        .end_line = (uint32_t)lines.last,
    };
    b->bridge->warn(b->ctx, b->graph, &w);
}
