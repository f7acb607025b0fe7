# progress-plain.so

if PLUGIN_PROGRESS_PLAIN
pluginexec_LTLIBRARIES += progress-plain.la
endif
progress_plain_la_SOURCES = %D%/plain.c
progress_plain_la_CPPFLAGS = $(PLUGIN_CPPFLAGS)
progress_plain_la_LDFLAGS = $(PLUGIN_LDFLAGS)
progress_plain_la_LIBADD = $(COMMON_PROGRESS_LIBS)
