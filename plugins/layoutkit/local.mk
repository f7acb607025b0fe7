# layoutkit: reading OCI layouts; a convenience library, no plugin.
noinst_LTLIBRARIES += libtenon-layoutkit.la
libtenon_layoutkit_la_SOURCES = \
	%D%/layoutkit.c \
	%D%/layoutkit.h
libtenon_layoutkit_la_CFLAGS = $(AM_CFLAGS) $(JSON_C_CFLAGS) -fvisibility=hidden
LAYOUTKIT_LIBS = libtenon-layoutkit.la $(JSON_C_LIBS)
