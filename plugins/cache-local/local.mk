# cache-local.so: caches in directories.

if PLUGIN_CACHE_LOCAL
pluginexec_LTLIBRARIES += cache-local.la
endif
cache_local_la_SOURCES = %D%/local.c
cache_local_la_CPPFLAGS = $(PLUGIN_CPPFLAGS)
cache_local_la_LDFLAGS = $(PLUGIN_LDFLAGS)
cache_local_la_LIBADD = $(COMMON_OCI_LAYOUT_LIBS) $(COMMON_EXPORT_LIBS)
