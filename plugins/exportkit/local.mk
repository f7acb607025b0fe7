# exportkit: what the exporters share; a convenience library, no plugin.
noinst_LTLIBRARIES += libtenon-exportkit.la
libtenon_exportkit_la_SOURCES = \
	%D%/layout.c \
	%D%/layout.h \
	%D%/names.c \
	%D%/names.h \
	%D%/walk.c \
	%D%/walk.h \
	%D%/xattr.c \
	%D%/xattr.h
libtenon_exportkit_la_CFLAGS = $(AM_CFLAGS) $(ARCHIVE_CFLAGS) $(JSON_C_CFLAGS) -fvisibility=hidden
EXPORTKIT_LIBS = libtenon-exportkit.la libtenon-tools.la $(ARCHIVE_LIBS) $(JSON_C_LIBS)
