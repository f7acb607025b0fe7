# progress-json.so

if PLUGIN_PROGRESS_JSON
pluginexec_LTLIBRARIES += progress-json.la
endif
progress_json_la_SOURCES = %D%/json.c
progress_json_la_CPPFLAGS = $(PLUGIN_CPPFLAGS)
progress_json_la_LDFLAGS = $(PLUGIN_LDFLAGS)
progress_json_la_LIBADD = $(COMMON_PROGRESS_LIBS) $(JSON_C_LIBS)
