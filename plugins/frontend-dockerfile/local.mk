# The language half: bytes to typed instructions.  The plugin and its tests are
# linked with it.
noinst_LTLIBRARIES += libdf-language.la
libdf_language_la_SOURCES = \
	%D%/language/arena.c \
	%D%/language/arena.h \
	%D%/language/commands.h \
	%D%/language/copy.c \
	%D%/language/directives.c \
	%D%/language/directives.h \
	%D%/language/expand.c \
	%D%/language/flags.c \
	%D%/language/healthcheck.c \
	%D%/language/heredoc.c \
	%D%/language/heredoc.h \
	%D%/language/instructions.c \
	%D%/language/instructions.h \
	%D%/language/json.c \
	%D%/language/language.h \
	%D%/language/lint.c \
	%D%/language/lint.h \
	%D%/language/mounts.c \
	%D%/language/nodes.c \
	%D%/language/parser.c \
	%D%/language/parser.h \
	%D%/language/ports.c \
	%D%/language/rules.h \
	%D%/language/run.c \
	%D%/language/stagelint.c \
	%D%/language/text.c \
	%D%/language/word.c \
	%D%/language/word.h \
	%D%/language/wordpattern.c \
	%D%/language/wordpattern.h
libdf_language_la_CPPFLAGS = $(PLUGIN_CPPFLAGS)
libdf_language_la_LIBADD = libtenon-tools.la

# The other half: typed instructions to the graph, the image config, answers
# about the file.
noinst_LTLIBRARIES += libdf-convert.la
libdf_convert_la_SOURCES = \
	%D%/convert/answer.c \
	%D%/convert/answer.h \
	%D%/convert/build.h \
	%D%/convert/caps.c \
	%D%/convert/caps.h \
	%D%/convert/check.c \
	%D%/convert/convert.c \
	%D%/convert/convert.h \
	%D%/convert/dispatch.c \
	%D%/convert/dispatch_config.c \
	%D%/convert/dispatch_copy.c \
	%D%/convert/dispatch_env.c \
	%D%/convert/dispatch_mounts.c \
	%D%/convert/dispatch_run.c \
	%D%/convert/emit.c \
	%D%/convert/epoch.c \
	%D%/convert/fail.c \
	%D%/convert/finding.c \
	%D%/convert/foreign.c \
	%D%/convert/foreign.h \
	%D%/convert/frontend.c \
	%D%/convert/giturl.c \
	%D%/convert/giturl.h \
	%D%/convert/image.c \
	%D%/convert/image.h \
	%D%/convert/imagejson.c \
	%D%/convert/images.c \
	%D%/convert/index.c \
	%D%/convert/index.h \
	%D%/convert/lintrules.c \
	%D%/convert/llb.c \
	%D%/convert/load.c \
	%D%/convert/load.h \
	%D%/convert/meta.c \
	%D%/convert/name.c \
	%D%/convert/named.c \
	%D%/convert/named.h \
	%D%/convert/options.c \
	%D%/convert/outline.c \
	%D%/convert/outlinedata.c \
	%D%/convert/platform.c \
	%D%/convert/platform.h \
	%D%/convert/resolve.c \
	%D%/convert/scans.c \
	%D%/convert/stages.c \
	%D%/convert/subrequests.c \
	%D%/convert/subrequests.h \
	%D%/convert/syntax.c \
	%D%/convert/syntax.h \
	%D%/convert/table.c \
	%D%/convert/targets.c \
	%D%/convert/vars.c \
	%D%/convert/vars.h \
	%D%/convert/vertex.c \
	%D%/convert/vertex.h
libdf_convert_la_CPPFLAGS = $(PLUGIN_CPPFLAGS) -I$(top_srcdir)/%D%
libdf_convert_la_LIBADD = libdf-language.la

if PLUGIN_FRONTEND_DOCKERFILE
pluginexec_LTLIBRARIES += frontend-dockerfile.la
endif
frontend_dockerfile_la_SOURCES =
frontend_dockerfile_la_CPPFLAGS = $(PLUGIN_CPPFLAGS)
frontend_dockerfile_la_LDFLAGS = $(PLUGIN_LDFLAGS)
frontend_dockerfile_la_LIBADD = libdf-convert.la
