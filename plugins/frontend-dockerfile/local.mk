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
libdf_language_la_CPPFLAGS = $(PLUGIN_CPPFLAGS)
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

# The other half: typed instructions to the graph, the image config, answers
# about the file.
noinst_LTLIBRARIES += libdf-graph.la
libdf_graph_la_SOURCES = \
	%D%/build.h \
	%D%/check.c \
	%D%/convert.c \
	%D%/convert.h \
	%D%/dispatch.c \
	%D%/dispatch_config.c \
	%D%/dispatch_copy.c \
	%D%/dispatch_env.c \
	%D%/dispatch_mounts.c \
	%D%/dispatch_run.c \
	%D%/emit.c \
	%D%/epoch.c \
	%D%/fail.c \
	%D%/frontend.c \
	%D%/giturl.c \
	%D%/giturl.h \
	%D%/image.c \
	%D%/image.h \
	%D%/imagejson.c \
	%D%/images.c \
	%D%/index.c \
	%D%/index.h \
	%D%/lintrules.c \
	%D%/load.c \
	%D%/load.h \
	%D%/meta.c \
	%D%/name.c \
	%D%/named.c \
	%D%/named.h \
	%D%/options.c \
	%D%/outline.c \
	%D%/outlinedata.c \
	%D%/platform.c \
	%D%/platform.h \
	%D%/resolve.c \
	%D%/stages.c \
	%D%/subrequests.c \
	%D%/subrequests.h \
	%D%/table.c \
	%D%/targets.c \
	%D%/vars.c \
	%D%/vars.h \
	%D%/vertex.c \
	%D%/vertex.h
libdf_graph_la_CPPFLAGS = $(PLUGIN_CPPFLAGS)
libdf_graph_la_LIBADD = libdf-language.la

EXTRA_DIST += tests/unit/dfkit.h
df_graph_tests = \
	tests/unit/test-df-dispatch \
	tests/unit/test-df-flags \
	tests/unit/test-df-options \
	tests/unit/test-df-platform
tests_unit_test_df_dispatch_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/%D%
tests_unit_test_df_dispatch_LDADD = libdf-graph.la $(LDADD)
tests_unit_test_df_flags_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/%D%
tests_unit_test_df_flags_LDADD = libdf-graph.la $(LDADD)
tests_unit_test_df_options_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/%D%
tests_unit_test_df_options_LDADD = libdf-graph.la $(LDADD)
tests_unit_test_df_platform_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/%D%
tests_unit_test_df_platform_LDADD = libdf-graph.la $(LDADD)
if HAVE_CHECK
check_PROGRAMS += $(df_graph_tests)
TESTS += $(df_graph_tests)
endif

if PLUGIN_FRONTEND_DOCKERFILE
pluginexec_LTLIBRARIES += frontend-dockerfile.la
endif
frontend_dockerfile_la_SOURCES =
frontend_dockerfile_la_CPPFLAGS = $(PLUGIN_CPPFLAGS)
frontend_dockerfile_la_LDFLAGS = $(PLUGIN_LDFLAGS)
frontend_dockerfile_la_LIBADD = libdf-graph.la
