# common/export: what the exporters share; a convenience library, no plugin.
noinst_LTLIBRARIES += libtenon-common-export.la
libtenon_common_export_la_SOURCES = \
	%D%/archive.c \
	%D%/archive.h \
	%D%/attested.c \
	%D%/attested.h \
	%D%/epoch.c \
	%D%/epoch.h \
	%D%/layout.c \
	%D%/layout.h \
	%D%/names.c \
	%D%/names.h \
	%D%/remove.c \
	%D%/remove.h \
	%D%/seen.c \
	%D%/seen.h \
	%D%/walk.c \
	%D%/walk.h \
	%D%/xattr.c \
	%D%/xattr.h
libtenon_common_export_la_CPPFLAGS = $(PLUGIN_CPPFLAGS)
libtenon_common_export_la_CFLAGS = $(AM_CFLAGS) $(JSON_C_CFLAGS) -fvisibility=hidden
COMMON_EXPORT_LIBS = libtenon-common-export.la libtenon-tools.la $(JSON_C_LIBS)
