# executor-oci.so

if PLUGIN_EXECUTOR_OCI
pluginexec_LTLIBRARIES += executor-oci.la
endif
executor_oci_la_SOURCES = \
	%D%/document.c \
	%D%/join.c \
	%D%/launch.c \
	%D%/oci.c \
	%D%/oci.h \
	%D%/ocimounts.c \
	%D%/ocimounts.h \
	%D%/said.c \
	%D%/spec.c \
	%D%/spec.h \
	%D%/users.c
executor_oci_la_CPPFLAGS = $(PLUGIN_CPPFLAGS)
executor_oci_la_LDFLAGS = $(PLUGIN_LDFLAGS)
executor_oci_la_LIBADD = $(COMMON_EXEC_LIBS) $(JSON_C_LIBS)
