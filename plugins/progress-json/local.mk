# progress-json.so; once there are sources, take the '#' away:
#
#if PLUGIN_PROGRESS_JSON
#pluginexec_LTLIBRARIES += progress-json.la
#endif
#progress_json_la_SOURCES = %D%/json.c
#progress_json_la_LDFLAGS = $(PLUGIN_LDFLAGS)
#progress_json_la_LIBADD = libtenon-tools.la
