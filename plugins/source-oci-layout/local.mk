# source-oci-layout.so; once there are sources, take the '#' away:
#
#if PLUGIN_SOURCE_OCI_LAYOUT
#pluginexec_LTLIBRARIES += source-oci-layout.la
#endif
#source_oci_layout_la_SOURCES = %D%/oci-layout.c
#source_oci_layout_la_LDFLAGS = $(PLUGIN_LDFLAGS)
#source_oci_layout_la_LIBADD = libtenon-tools.la
