# exporter-local.so

if PLUGIN_EXPORTER_LOCAL
pluginexec_LTLIBRARIES += exporter-local.la
endif
exporter_local_la_SOURCES = %D%/local.c
exporter_local_la_CPPFLAGS = $(PLUGIN_CPPFLAGS)
exporter_local_la_LDFLAGS = $(PLUGIN_LDFLAGS)
exporter_local_la_LIBADD = $(COMMON_EXPORT_LIBS)
