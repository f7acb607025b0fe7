# source-oci-layout.so: images from OCI layout directories.

if PLUGIN_SOURCE_OCI_LAYOUT
pluginexec_LTLIBRARIES += source-oci-layout.la
endif
source_oci_layout_la_SOURCES = %D%/layout.c
source_oci_layout_la_CPPFLAGS = $(PLUGIN_CPPFLAGS)
source_oci_layout_la_LDFLAGS = $(PLUGIN_LDFLAGS)
source_oci_layout_la_LIBADD = libtenon-common-source.la $(COMMON_OCI_LAYOUT_LIBS)
