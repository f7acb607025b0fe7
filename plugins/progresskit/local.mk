# progresskit: what the renderers share; a convenience library, no plugin.
noinst_LTLIBRARIES += libtenon-progresskit.la
libtenon_progresskit_la_SOURCES = \
	%D%/model.c \
	%D%/model.h \
	%D%/output.c \
	%D%/output.h \
	%D%/recap.c \
	%D%/recap.h \
	%D%/text.c \
	%D%/text.h
libtenon_progresskit_la_CFLAGS = $(AM_CFLAGS) -fvisibility=hidden
PROGRESSKIT_LIBS = libtenon-progresskit.la libtenon-tools.la
