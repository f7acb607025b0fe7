# common/oci-layout: reading OCI layouts; a convenience library, no plugin.  Whoever links it
# links the toolbox.
noinst_LTLIBRARIES += libtenon-common-oci-layout.la
libtenon_common_oci_layout_la_SOURCES = \
	%D%/oci-layout.c \
	%D%/oci-layout.h
libtenon_common_oci_layout_la_CPPFLAGS = $(PLUGIN_CPPFLAGS)
libtenon_common_oci_layout_la_CFLAGS = $(AM_CFLAGS) $(JSON_C_CFLAGS) -fvisibility=hidden
COMMON_OCI_LAYOUT_LIBS = libtenon-common-oci-layout.la $(JSON_C_LIBS)
