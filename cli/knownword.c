/* cli/knownword.c - see knownword.h. */
#include "knownword.h"

#include <stdlib.h>
#include <string.h>

#include "tools/alloc.h"
#include "tools/buf.h"
#include "tools/parse.h"
#include "tools/vec.h"

int
known_word_check(struct tenon_plugins *plugins, enum tenon_kind kind, const char *what,
                 const char *word, const char *const *others, struct tenon_error *err)
{
    const struct tenon_plugin_file *files = NULL;
    size_t count = 0;
    if (tenon_plugin_is_bundled(kind, word))
        return TENON_OK; /* there or not: opening it names the package that it is in */
    if (tenon_plugins_list(plugins, &files, &count, err) < 0)
        return err->code;
    TENON_VEC(const char *) words = {0};
    for (; *others; others++)
        tenon_vec_push(&words, *others);
    for (size_t i = 0; i < count; i++)
        if (files[i].kind == kind && !files[i].shadowed)
            tenon_vec_push(&words, files[i].name);
    bool known = false;
    tenon_vec_foreach(w, &words)
        known |= !strcmp(*w, word);
    if (!known) {
        qsort(words.items, words.len, sizeof *words.items, tenon_by_text);
        auto_buf struct tenon_buf all = TENON_BUF_INIT;
        tenon_vec_foreach(w, &words)
            tenon_buf_addf(&all, "%s%s", all.len ? ", " : "", *w);
        tenon_vec_push(&words, NULL);
        const char *near = tenon_nearest(word, words.items);
        tenon_error_set(err, TENON_E_INVALID, "unknown %s \"%s\"%s%s%s", what, word,
                        near ? " (did you mean " : "", near ? near : "", near ? "?)" : "");
        tenon_error_hint(err, "there are: %s", tenon_buf_str(&all));
    }
    tenon_vec_release(&words);
    return err->code;
}
