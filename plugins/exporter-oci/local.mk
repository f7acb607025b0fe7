# exporter-oci.so; once there are sources, take the '#' away:
#
#if PLUGIN_EXPORTER_OCI
#pluginexec_LTLIBRARIES += exporter-oci.la
#endif
#exporter_oci_la_SOURCES = %D%/oci.c
#exporter_oci_la_LDFLAGS = $(PLUGIN_LDFLAGS)
#exporter_oci_la_LIBADD = libtenon-tools.la
