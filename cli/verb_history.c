/* cli/verb_history.c - tenon history: builds that are over. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "destination.h"
#include "historyparts.h"
#include "tools/alloc.h"
#include "tools/comma.h"
#include "tools/parse.h"
#include "tools/vec.h"

static const char help[] =
    "Usage: PROGRAM history [ls] [OPTIONS]\n"
    "       PROGRAM history logs [REF]\n"
    "       PROGRAM history inspect [REF]\n"
    "       PROGRAM history export [-o FILE] [REF...]\n"
    "       PROGRAM history rm REF... | --all\n"
    "\n"
    "List the builds that are over, show what happened in one, or what was asked for\n"
    "and came of it; write records into a bundle that Docker Desktop opens; remove\n"
    "some.  REF is a build's name, or the beginning of it, or ^N: the N-th before the\n"
    "newest, which is meant where none is named.\n"
    "\n"
    "Options:\n"
    "  -a, --all              of export and rm: all\n"
    "      --filter FILTER    of ls: status=error, ref=TEXT, repository=TEXT (or !=),\n"
    "                         startedAt, completedAt (an age as >24h, or a time) and\n"
    "                         duration (>1m), with <, <=, > or >=\n"
    "      --format FORMAT    of ls: table or json (one object a line); of inspect:\n"
    "                         pretty or json\n"
    "  -h, --help             show this\n"
    "      --no-trunc         of ls: accepted, refs are whole anyway\n"
    "  -o, --output FILE      of export: where to (default: standard output)\n"
    "      --progress MODE    of logs: plain (default), tty or rawjson\n";

struct flags {
    const char *word; /* ls, logs, inspect, export, rm */
    bool all, json;
    const char *output, *progress;
    char **filters; /* as BuildKit has them */
    char **refs;
};

/* ---- filters ------------------------------------------------------------- */

/* A part of a filter: quoted as BuildKit's are, and that as a field between commas. */
static void
add_part(struct tenon_buf *out, const char *key, const char *how, const char *value,
         bool is_expression)
{
    tenon_buf_addf(out, "%s\"%s%s\"\"", out->len ? "," : "", key, how);
    for (const char *p = value; *p; p++) {
        if (is_expression && strchr("\\.+*?()|[]{}^$", *p))
            tenon_buf_adds(out, "\\\\");
        if (*p == '\\' || *p == '"')
            tenon_buf_addc(out, '\\');
        tenon_buf_adds(out, *p == '"' ? "\"" : "");
        tenon_buf_addc(out, *p);
    }
    tenon_buf_adds(out, "\"\"\"");
}

/* docker's "status=error" in BuildKit's words; false after an error was printed. */
static bool
read_part(struct tenon_buf *out, const char *text)
{
    static const char *const words[] = {"ref", "repository", "status", NULL};
    static const char *const times[] = {"startedAt", "completedAt", "duration", NULL};
    const size_t len = strcspn(text, "=!<>~"), op = strspn(text + len, "=!<>~");
    auto_free char *key = tenon_strndup(text, len), *sign = tenon_strndup(text + len, op);
    const char *value = text + len + op;
    bool is_word = false, is_time = false;

    for (size_t i = 0; words[i]; i++) {
        is_word = is_word || !strcmp(key, words[i]);
        is_time = is_time || !strcmp(key, times[i]);
    }
    if (is_word && (!strcmp(sign, "=") || !strcmp(sign, "!=")) && *value) {
        const char *how = !strcmp(sign, "!=") ? "!=" : !strcmp(key, "status") ? "==" : "~=";
        add_part(out, key, how, value, !strcmp(how, "~="));
        return true;
    }
    if (is_time && *sign && strspn(sign, "<>") == 1 && (!sign[1] || !strcmp(sign + 1, "="))) {
        tenon_buf_addf(out, "%s%s", out->len ? "," : "", text);
        return true;
    }
    if (is_word || is_time) {
        cli_usage_error("history", "filter \"%s\": expected %s", text,
                        is_word ? "= or != and a word" : "<, <=, > or >= and a time");
        return false;
    }
    static const char *const all[] = {"ref", "repository", "status", "startedAt", "completedAt",
                                      "duration", NULL};
    auto_free char *meant = tenon_meant(key, all);
    cli_usage_error("history", "unknown filter \"%s\"%s", key, meant);
    return false;
}

/* What is between commas has to agree, all of it. */
static bool
add_filter(struct flags *f, const char *text)
{
    auto_free char *why = NULL;
    auto_strv char **parts = tenon_comma_fields(text, &why);
    struct tenon_buf all = TENON_BUF_INIT;

    for (char **p = parts; p && *p; p++)
        if (!read_part(&all, *p)) {
            tenon_buf_release(&all);
            return false;
        }
    if (parts)
        tenon_strv_push(&f->filters, tenon_buf_steal(&all));
    else
        cli_usage_error("history", "filter \"%s\": %s", text, why);
    return parts;
}

/* ---- words --------------------------------------------------------------- */

static int
list(const struct records *records, const struct flags *f, struct tenon_error *err)
{
    auto_free char *why = NULL;
    struct record_filter *filter = record_filter_new(
        (const char *const *)f->filters, f->filters ? tenon_strv_len(f->filters) : 0, &why);

    if (!filter)
        return tenon_error_set(err, TENON_E_INVALID, "%s", why);
    if (!f->json)
        history_put_header();
    tenon_vec_foreach(r, &records->list) {
        if (!record_filter_passes(filter, r))
            continue;
        if (f->json)
            history_put_json(r);
        else
            history_put_row(r);
    }
    record_filter_free(filter);
    return TENON_OK;
}

/* The records that are meant, "" for none named; false: see err. */
static bool
choose(const struct records *records, const struct flags *f, const struct ctl_record ***out,
       size_t *count, struct tenon_error *err)
{
    TENON_VEC(const struct ctl_record *) chosen = {0};

    if (f->all) {
        tenon_vec_foreach(r, &records->list)
            tenon_vec_push(&chosen, r);
        if (!chosen.len)
            tenon_error_set(err, TENON_E_NOT_FOUND, "no records of builds");
    } else if (!f->refs) {
        tenon_vec_push(&chosen, records_find(records, "", err));
    }
    for (char **ref = f->refs; ref && *ref && !err->code; ref++)
        tenon_vec_push(&chosen, records_find(records, *ref, err));
    *out = chosen.items;
    *count = chosen.len;
    return !err->code;
}

/* Written beside it: what was there stays until there is another one. */
static int
export_to_file(struct tenon_store *store, const struct ctl_record *const *records, size_t count,
               const char *output, struct tenon_error *err)
{
    auto_free char *beside = tenon_asprintf("%s.%ld.part", output, (long)getpid());
    auto_close int fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
                             cli_result_mode(0666));

    if (fd < 0)
        return tenon_error_sys(err, "write %s", output);
    if (history_export(store, records, count, fd, err) == 0 && rename(beside, output) < 0)
        tenon_error_sys(err, "write %s", output);
    if (err->code)
        unlink(beside);
    return err->code;
}

static int
export_to(struct tenon_store *store, const struct ctl_record *const *records, size_t count,
          const char *output, struct tenon_error *err)
{
    const bool is_named = output && strcmp(output, "-");
    struct stat st;

    if (is_named && (lstat(output, &st) < 0 || S_ISREG(st.st_mode)))
        return export_to_file(store, records, count, output, err);
    if (!output && isatty(STDOUT_FILENO))
        return tenon_error_set(err, TENON_E_INVALID, "a terminal is no place for a bundle: give "
                               "-o FILE");
    auto_close int fd = is_named ? open(output, O_WRONLY | O_TRUNC | O_CLOEXEC)
                                 : fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
    if (fd < 0)
        return tenon_error_sys(err, "write %s", output ? output : "to standard output");
    return history_export(store, records, count, fd, err);
}

static int
remove_one(struct tenon_store *store, const char *ref, struct tenon_error *err)
{
    if (tenon_history_remove(store, ref, err) == 0)
        puts(ref);
    return err->code;
}

/* Also what cannot be read. */
static int
remove_rest(struct tenon_store *store, struct tenon_error *err)
{
    auto_strv char **names = NULL;

    if (tenon_history_list(store, &names, err) < 0)
        return err->code;
    for (char **n = names; n && *n && !err->code; n++)
        remove_one(store, *n, err);
    return err->code;
}

/* All are found before the first one goes: ^1 is what it was. */
static int
remove_some(struct tenon_store *store, const struct records *records, const struct flags *f,
            struct tenon_error *err)
{
    auto_strv char **refs = NULL;

    if (f->all)
        tenon_vec_foreach(r, &records->list)
            tenon_strv_push(&refs, tenon_strdup(r->ref));
    for (char **ref = f->refs; ref && *ref; ref++) {
        const struct ctl_record *r = records_find(records, *ref, err);
        if (!r && err->code != TENON_E_NOT_FOUND)
            return err->code;
        tenon_error_release(err);
        tenon_strv_push(&refs, tenon_strdup(r ? r->ref : *ref));
    }
    for (char **ref = refs; ref && *ref && !err->code; ref++)
        remove_one(store, *ref, err);
    return err->code || !f->all ? err->code : remove_rest(store, err);
}

static int
work(const struct cli *cli, struct tenon_store *store, const struct flags *f,
     struct tenon_error *err)
{
    auto_records struct records records = {0};
    const struct ctl_record **chosen = NULL;
    size_t count = 0;

    if (records_list(store, &records, err) < 0)
        return err->code;
    if (!strcmp(f->word, "ls"))
        return list(&records, f, err);
    if (!strcmp(f->word, "rm"))
        return remove_some(store, &records, f, err);
    if (choose(&records, f, &chosen, &count, err)) {
        if (!strcmp(f->word, "logs"))
            history_logs(cli, store, chosen[0], f->progress ? f->progress : "plain", err);
        else if (!strcmp(f->word, "inspect"))
            history_inspect(store, chosen[0], f->json, err);
        else
            export_to(store, chosen, count, f->output, err);
    }
    free(chosen);
    return err->code;
}

/* ---- the command --------------------------------------------------------- */

/* 0, or a status after an error was printed. */
static int
take_words(struct flags *f, int argc, char **argv)
{
    static const char *const words[] = {"ls", "logs", "inspect", "export", "rm", NULL};
    int at = optind;
    size_t i = 0;

    f->word = at < argc ? argv[at++] : "ls";
    while (words[i] && strcmp(f->word, words[i]))
        i++;
    if (!words[i]) {
        auto_free char *meant = tenon_meant(f->word, words);
        return cli_usage_error("history", "\"%s\"%s: expected ls, logs, inspect, export or rm",
                               f->word, meant);
    }
    const int max = !strcmp(f->word, "ls") ? 0 : !strcmp(f->word, "logs") ||
                                                 !strcmp(f->word, "inspect") ? 1 : argc;
    if (argc - at > max)
        return cli_usage_error("history", "unexpected argument \"%s\"", argv[at + max]);
    for (; at < argc; at++)
        tenon_strv_push(&f->refs, tenon_strdup(argv[at]));
    if (f->all && (f->refs || max != argc))
        return cli_usage_error("history", "--all is for export and rm, without names");
    if (!strcmp(f->word, "rm") && !f->all && !f->refs)
        return cli_usage_error("history", "rm: which ones?  A name, or --all");
    if (f->output && strcmp(f->word, "export"))
        return cli_usage_error("history", "--output is for export");
    if (f->progress && strcmp(f->word, "logs"))
        return cli_usage_error("history", "--progress is for logs");
    if (f->filters && strcmp(f->word, "ls"))
        return cli_usage_error("history", "--filter is for ls");
    return CLI_OK;
}

static int
parse_and_run(const struct cli *cli, int argc, char **argv, struct flags *f)
{
    enum { FILTER = 256, FORMAT, NO_TRUNC, PROGRESS };
    static const struct option options[] = {
        {"all", no_argument, NULL, 'a'},
        {"filter", required_argument, NULL, FILTER},
        {"format", required_argument, NULL, FORMAT},
        {"help", no_argument, NULL, 'h'},
        {"no-trunc", no_argument, NULL, NO_TRUNC},
        {"output", required_argument, NULL, 'o'},
        {"progress", required_argument, NULL, PROGRESS},
        {0},
    };
    for (int o; (o = cli_getopt(argc, argv, "aho:", options)) != -1;) {
        if (o == 'h')
            return cli_help(cli, help);
        if (o == 'a')
            f->all = true;
        else if (o == 'o')
            f->output = optarg;
        else if (o == PROGRESS)
            f->progress = optarg;
        else if (o == NO_TRUNC || (o == FORMAT && !strcmp(optarg, "pretty")))
            continue;
        else if (o == FILTER ? !add_filter(f, optarg)
                             : o != FORMAT || !cli_parse_format("history", optarg, &f->json))
            return CLI_USAGE;
    }
    const int status = take_words(f, argc, argv);
    if (status)
        return status;
    auto_error struct tenon_error err = TENON_ERROR_INIT;
    struct tenon_store *store = NULL;
    if (cli_open_store(cli, &store, &err) == 0)
        work(cli, store, f, &err);
    tenon_store_close(store);
    return err.code ? cli_print_error(&err) : CLI_OK;
}

int
cli_history(const struct cli *cli, int argc, char **argv)
{
    struct flags flags = {0};
    const int status = parse_and_run(cli, argc, argv, &flags);

    tenon_strv_free(flags.filters);
    tenon_strv_free(flags.refs);
    return status;
}
