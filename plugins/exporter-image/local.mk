# exporter-image.so

if PLUGIN_EXPORTER_IMAGE
pluginexec_LTLIBRARIES += exporter-image.la
endif
exporter_image_la_SOURCES = %D%/image.c
exporter_image_la_CPPFLAGS = $(PLUGIN_CPPFLAGS)
exporter_image_la_LDFLAGS = $(PLUGIN_LDFLAGS)
exporter_image_la_LIBADD = $(COMMON_EXPORT_LIBS)
