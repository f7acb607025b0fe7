# executor-native.so; once there are sources, take the '#' away:
#
#if PLUGIN_EXECUTOR_NATIVE
#pluginexec_LTLIBRARIES += executor-native.la
#endif
#executor_native_la_SOURCES = %D%/native.c
#executor_native_la_LDFLAGS = $(PLUGIN_LDFLAGS)
#executor_native_la_LIBADD = libtenon-tools.la
