# The language half: bytes to typed instructions.  The plugin and its tests are
# linked with it.
noinst_LTLIBRARIES += libdf-language.la
libdf_language_la_SOURCES = \
	%D%/arena.c \
	%D%/arena.h \
	%D%/commands.h \
	%D%/copy.c \
	%D%/directives.c \
	%D%/directives.h \
	%D%/expand.c \
	%D%/flags.c \
	%D%/healthcheck.c \
	%D%/heredoc.c \
	%D%/heredoc.h \
	%D%/instructions.c \
	%D%/instructions.h \
	%D%/json.c \
	%D%/language.h \
	%D%/lint.c \
	%D%/lint.h \
	%D%/linttext.c \
	%D%/mounts.c \
	%D%/nodes.c \
	%D%/parser.c \
	%D%/parser.h \
	%D%/ports.c \
	%D%/run.c \
	%D%/stagelint.c \
	%D%/text.c \
	%D%/word.c \
	%D%/word.h \
	%D%/wordpattern.c \
	%D%/wordpattern.h
libdf_language_la_LIBADD = libtenon-tools.la

df_language_tests = \
	tests/unit/test-df-instructions \
	tests/unit/test-df-parser \
	tests/unit/test-df-word
tests_unit_test_df_instructions_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/%D%
tests_unit_test_df_instructions_LDADD = libdf-language.la $(LDADD)
tests_unit_test_df_parser_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/%D%
tests_unit_test_df_parser_LDADD = libdf-language.la $(LDADD)
tests_unit_test_df_word_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/%D%
tests_unit_test_df_word_LDADD = libdf-language.la $(LDADD)
if HAVE_CHECK
check_PROGRAMS += $(df_language_tests)
TESTS += $(df_language_tests)
endif

# Replays its corpus; build it with -DFUZZ_WITH_LIBFUZZER -fsanitize=fuzzer to
# look for more.
check_PROGRAMS += tests/fuzz/fuzz-dockerfile
TESTS += tests/fuzz/fuzz-dockerfile
tests_fuzz_fuzz_dockerfile_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/%D%
tests_fuzz_fuzz_dockerfile_LDADD = libdf-language.la
EXTRA_DIST += \
	tests/fuzz/corpus/dockerfile/all-flags \
	tests/fuzz/corpus/dockerfile/config-healthcheck \
	tests/fuzz/corpus/dockerfile/config-onbuild \
	tests/fuzz/corpus/dockerfile/crlf \
	tests/fuzz/corpus/dockerfile/env-args-replace \
	tests/fuzz/corpus/dockerfile/env-args-trim \
	tests/fuzz/corpus/dockerfile/env-args-where-expanded \
	tests/fuzz/corpus/dockerfile/json-syntax \
	tests/fuzz/corpus/dockerfile/lint-expose-format \
	tests/fuzz/corpus/dockerfile/lint-no-empty-continuation \
	tests/fuzz/corpus/dockerfile/modifiers \
	tests/fuzz/corpus/dockerfile/nested-replace \
	tests/fuzz/corpus/dockerfile/parser-escape-backtick \
	tests/fuzz/corpus/dockerfile/parser-heredoc-run \
	tests/fuzz/corpus/dockerfile/parser-heredoc-shapes \
	tests/fuzz/corpus/dockerfile/parser-line-continuation \
	tests/fuzz/corpus/dockerfile/parser-quoting

# frontend-dockerfile.so; once there are sources, take the '#' away:
#
#if PLUGIN_FRONTEND_DOCKERFILE
#pluginexec_LTLIBRARIES += frontend-dockerfile.la
#endif
#frontend_dockerfile_la_SOURCES = %D%/dockerfile.c
#frontend_dockerfile_la_LDFLAGS = $(PLUGIN_LDFLAGS)
#frontend_dockerfile_la_LIBADD = libtenon-tools.la
