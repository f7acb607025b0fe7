# source-local.so: the build context and named directories, in place.

if PLUGIN_SOURCE_LOCAL
pluginexec_LTLIBRARIES += source-local.la
endif
source_local_la_SOURCES = %D%/local.c
source_local_la_CPPFLAGS = $(PLUGIN_CPPFLAGS)
source_local_la_LDFLAGS = $(PLUGIN_LDFLAGS)
source_local_la_LIBADD = $(JSON_C_LIBS)
