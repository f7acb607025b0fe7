# exporter-oci.so

if PLUGIN_EXPORTER_OCI
pluginexec_LTLIBRARIES += exporter-oci.la
endif
exporter_oci_la_SOURCES = %D%/oci.c
exporter_oci_la_CPPFLAGS = $(PLUGIN_CPPFLAGS)
exporter_oci_la_LDFLAGS = $(PLUGIN_LDFLAGS)
exporter_oci_la_LIBADD = $(COMMON_EXPORT_LIBS)
