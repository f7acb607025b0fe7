# common/export: what the exporters share; a convenience library, no plugin.
noinst_LTLIBRARIES += libtenon-common-export.la
libtenon_common_export_la_SOURCES = \
	%D%/epoch.c \
	%D%/epoch.h \
	%D%/layout.c \
	%D%/layout.h \
	%D%/names.c \
	%D%/names.h \
	%D%/walk.c \
	%D%/walk.h \
	%D%/xattr.c \
	%D%/xattr.h
libtenon_common_export_la_CPPFLAGS = $(PLUGIN_CPPFLAGS)
libtenon_common_export_la_CFLAGS = $(AM_CFLAGS) $(ARCHIVE_CFLAGS) $(JSON_C_CFLAGS) -fvisibility=hidden
COMMON_EXPORT_LIBS = libtenon-common-export.la libtenon-tools.la $(ARCHIVE_LIBS) $(JSON_C_LIBS)
