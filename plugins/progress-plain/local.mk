# progress-plain.so; once there are sources, take the '#' away:
#
#if PLUGIN_PROGRESS_PLAIN
#pluginexec_LTLIBRARIES += progress-plain.la
#endif
#progress_plain_la_SOURCES = %D%/plain.c
#progress_plain_la_LDFLAGS = $(PLUGIN_LDFLAGS)
#progress_plain_la_LIBADD = libtenon-tools.la
