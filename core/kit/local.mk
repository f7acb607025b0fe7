# core/kit: what a plugin is tried with before tenon loads it: a host without a build, and checks.

libtenon_core_la_SOURCES += \
	%D%/elffile.c \
	%D%/elffile.h \
	%D%/private.h \
	%D%/standin.c \
	%D%/standin.h \
	%D%/standtree.c \
	%D%/standtree.h \
	%D%/trial.c \
	%D%/trial.h \
	%D%/trialchild.c \
	%D%/trialfile.c \
	%D%/triallife.c \
	%D%/trialparts.c \
	%D%/trialreport.c \
	%D%/trialuse.c \
	%D%/trialwords.c

# libtenon-plugin-test, for unit tests of plugins elsewhere: the host without a build, and what it
# stands on. Needs json-c alone.
lib_LIBRARIES += libtenon-plugin-test.a
libtenon_plugin_test_a_SOURCES = \
	core/base/cancel.c \
	core/base/error.c \
	core/base/ids.c \
	core/base/io.c \
	core/base/log.c \
	core/base/programtext.c \
	core/base/root.c \
	core/base/runprogram.c \
	core/base/sized.c \
	core/plugin/values.c \
	core/tools/alloc.c \
	core/tools/ascii.c \
	core/tools/buf.c \
	core/tools/conceal.c \
	core/tools/parse.c \
	core/tools/text.c \
	core/tools/utf8.c \
	%D%/plugintest.c \
	%D%/standin.c \
	%D%/standtree.c
libtenon_plugin_test_a_CFLAGS = $(AM_CFLAGS)
