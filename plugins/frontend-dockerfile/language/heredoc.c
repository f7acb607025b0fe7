/* language/heredoc.c - the words that announce here-documents. */
#include "heredoc.h"

#include <limits.h>
#include <string.h>

#include "language.h"
#include "word.h"

static size_t
count_quotes(const char *s)
{
    size_t n = 0;
    for (; *s; s++)
        n += *s == '"' || *s == '\'';
    return n;
}

/* 1: one, filled in; 0: none; -1 with *message: malformed. */
static int
from_word(struct df_arena *a, const char *word, struct df_heredoc *out,
          const char **message)
{
    unsigned fd = 0;
    for (; *word >= '0' && *word <= '9'; word++)
        fd = fd > (UINT_MAX - 9) / 10 ? UINT_MAX : fd * 10 + (unsigned)(*word - '0');
    if (word[0] != '<' || word[1] != '<')
        return 0;
    word += 2;
    bool chomp = *word == '-';
    word += chomp;
    word += strspn(word, " \t\n\f\r");
    if (!*word || strchr(word, '<'))
        return 0;

    /* Read with and without its quotes: when their number differs, some were
     * quotes and not characters. */
    struct df_word plain, raw;
    size_t len = strlen(word);
    if (!df_word_expand(a, '\\', DF_WORD_SKIP_UNSET, word, len, NULL, &plain,
                        message))
        return -1;
    if (plain.words_len != 1)
        return 0;
    if (!df_word_expand(a, '\\', DF_WORD_SKIP_UNSET | DF_WORD_RAW_QUOTES, word,
                        len, NULL, &raw, message))
        return -1;
    if (raw.words_len != 1) {
        *message = df_arena_printf(
            a, "internal lexing of heredoc produced inconsistent results: %s",
            word);
        return -1;
    }
    *out = (struct df_heredoc){
        .name = plain.words[0],
        .fd = fd,
        .expand = count_quotes(plain.words[0]) == count_quotes(raw.words[0]),
        .chomp = chomp,
    };
    return 1;
}

bool
df_heredoc_from_word(struct df_arena *a, const char *word,
                     struct df_heredoc *out)
{
    const char *message;
    return from_word(a, word, out, &message) > 0;
}

bool
df_heredocs_from_line(struct df_arena *a, const char *line,
                      struct df_heredoc **out, size_t *count,
                      const char **message)
{
    struct df_word w;
    *count = 0;
    if (!strstr(line, "<<") ||
        !df_word_expand(a, '\\',
                        DF_WORD_RAW_QUOTES | DF_WORD_RAW_ESCAPES |
                            DF_WORD_SKIP_UNSET,
                        line, strlen(line), NULL, &w, message))
        return true; /* what cannot be split has no here-documents */
    size_t most = 0;
    for (size_t i = 0; i < w.words_len; i++)
        most += strstr(w.words[i], "<<") != NULL;
    struct df_heredoc *list = df_arena_array(a, most, sizeof *list);
    for (size_t i = 0; i < w.words_len; i++) {
        if (!strstr(w.words[i], "<<"))
            continue;
        int got = from_word(a, w.words[i], &list[*count], message);
        if (got < 0)
            return false;
        *count += (size_t)got;
    }
    *out = list;
    return true;
}

const char *
df_heredoc_chomp(struct df_arena *a, const char *content, size_t *len)
{
    char *copy = df_arena_alloc(a, *len + 1);
    size_t n = 0;
    bool start = true;
    for (size_t i = 0; i < *len; i++) {
        if (start && content[i] == '\t')
            continue;
        start = content[i] == '\n';
        copy[n++] = content[i];
    }
    *len = n;
    return copy;
}
