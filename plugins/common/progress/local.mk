# common/progress: what the renderers share; a convenience library, no plugin.
noinst_LTLIBRARIES += libtenon-common-progress.la
libtenon_common_progress_la_SOURCES = \
	%D%/model.c \
	%D%/model.h \
	%D%/output.c \
	%D%/output.h \
	%D%/recap.c \
	%D%/recap.h \
	%D%/text.c \
	%D%/text.h
libtenon_common_progress_la_CPPFLAGS = $(PLUGIN_CPPFLAGS)
libtenon_common_progress_la_CFLAGS = $(AM_CFLAGS) -fvisibility=hidden
COMMON_PROGRESS_LIBS = libtenon-common-progress.la libtenon-tools.la
