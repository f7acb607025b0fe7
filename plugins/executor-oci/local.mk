# executor-oci.so; once there are sources, take the '#' away:
#
#if PLUGIN_EXECUTOR_OCI
#pluginexec_LTLIBRARIES += executor-oci.la
#endif
#executor_oci_la_SOURCES = %D%/oci.c
#executor_oci_la_LDFLAGS = $(PLUGIN_LDFLAGS)
#executor_oci_la_LIBADD = libtenon-tools.la
