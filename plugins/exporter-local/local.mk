# exporter-local.so; once there are sources, take the '#' away:
#
#if PLUGIN_EXPORTER_LOCAL
#pluginexec_LTLIBRARIES += exporter-local.la
#endif
#exporter_local_la_SOURCES = %D%/local.c
#exporter_local_la_LDFLAGS = $(PLUGIN_LDFLAGS)
#exporter_local_la_LIBADD = libtenon-tools.la
