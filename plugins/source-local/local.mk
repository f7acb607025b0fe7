# source-local.so; once there are sources, take the '#' away:
#
#if PLUGIN_SOURCE_LOCAL
#pluginexec_LTLIBRARIES += source-local.la
#endif
#source_local_la_SOURCES = %D%/local.c
#source_local_la_LDFLAGS = $(PLUGIN_LDFLAGS)
#source_local_la_LIBADD = libtenon-tools.la
