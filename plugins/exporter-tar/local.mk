# exporter-tar.so

if PLUGIN_EXPORTER_TAR
pluginexec_LTLIBRARIES += exporter-tar.la
endif
exporter_tar_la_SOURCES = %D%/tar.c
exporter_tar_la_CPPFLAGS = $(PLUGIN_CPPFLAGS)
exporter_tar_la_LDFLAGS = $(PLUGIN_LDFLAGS)
exporter_tar_la_LIBADD = $(COMMON_EXPORT_LIBS)
