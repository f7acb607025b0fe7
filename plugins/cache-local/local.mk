# cache-local.so: caches in directories.

if PLUGIN_CACHE_LOCAL
pluginexec_LTLIBRARIES += cache-local.la
endif
cache_local_la_SOURCES = %D%/local.c
cache_local_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/plugins
cache_local_la_LDFLAGS = $(PLUGIN_LDFLAGS)
cache_local_la_LIBADD = $(LAYOUTKIT_LIBS) $(EXPORTKIT_LIBS)
