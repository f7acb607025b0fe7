# source-oci-layout.so: images from OCI layout directories.

if PLUGIN_SOURCE_OCI_LAYOUT
pluginexec_LTLIBRARIES += source-oci-layout.la
endif
source_oci_layout_la_SOURCES = %D%/layout.c
source_oci_layout_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/plugins
source_oci_layout_la_LDFLAGS = $(PLUGIN_LDFLAGS)
source_oci_layout_la_LIBADD = $(LAYOUTKIT_LIBS)
