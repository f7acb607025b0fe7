/* cli/verb_history.c - tenon history: builds that are over. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "destination.h"
#include "historyparts.h"
#include "tools/alloc.h"
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

/* docker's "status=error" in BuildKit's words; false after an error was printed. */
static bool
add_filter(struct flags *f, const char *text)
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
        auto_free char *quoted = !strcmp(how, "~=") ? tenon_asprintf("\\Q%s\\E", value)
                                                    : tenon_strdup(value);
        tenon_strv_push(&f->filters, tenon_asprintf("%s%s%s", key, how, quoted));
        return true;
    }
    if (is_time && *sign && strspn(sign, "<>") == 1 && (!sign[1] || !strcmp(sign + 1, "="))) {
        tenon_strv_push(&f->filters, tenon_strdup(text));
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

/* ---- words --------------------------------------------------------------- */

static int
list(const struct records *records, const struct flags *f, struct tenon_error *err)
{
    auto_free char *why = NULL;
    auto_free char *joined = NULL; /* all of them */
    struct tenon_buf one = TENON_BUF_INIT;

    for (char **x = f->filters; x && *x; x++)
        tenon_buf_addf(&one, "%s%s", one.len ? "," : "", *x);
    joined = tenon_strdup(tenon_buf_str(&one));
    tenon_buf_release(&one);
    const char *text = joined;
    struct record_filter *filter = record_filter_new(&text, *joined ? 1 : 0, &why);
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
        if (!chosen.len && strcmp(f->word, "rm"))
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

static int
export_to(struct tenon_store *store, const struct ctl_record *const *records, size_t count,
          const char *output, struct tenon_error *err)
{
    if (!output && isatty(STDOUT_FILENO))
        return tenon_error_set(err, TENON_E_INVALID, "a terminal is no place for a bundle: give "
                               "-o FILE");
    auto_close int fd = output && strcmp(output, "-")
                            ? open(output, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
                                   cli_result_mode(0666))
                            : fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
    if (fd < 0)
        return tenon_error_sys(err, "write %s", output ? output : "to standard output");
    if (history_export(store, records, count, fd, err) < 0 && output && strcmp(output, "-"))
        unlink(output);
    return err->code;
}

static int
remove_all(struct tenon_store *store, const struct ctl_record *const *records, size_t count,
           struct tenon_error *err)
{
    for (size_t i = 0; i < count; i++) {
        if (tenon_history_remove(store, records[i]->ref, err) < 0)
            return err->code;
        puts(records[i]->ref);
    }
    return TENON_OK;
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
    if (choose(&records, f, &chosen, &count, err)) {
        if (!strcmp(f->word, "logs"))
            history_logs(cli, store, chosen[0], f->progress ? f->progress : "plain", err);
        else if (!strcmp(f->word, "inspect"))
            history_inspect(store, chosen[0], f->json, err);
        else if (!strcmp(f->word, "export"))
            export_to(store, chosen, count, f->output, err);
        else
            remove_all(store, chosen, count, err);
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
