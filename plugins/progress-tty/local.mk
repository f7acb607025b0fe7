# progress-tty.so

if PLUGIN_PROGRESS_TTY
pluginexec_LTLIBRARIES += progress-tty.la
endif
progress_tty_la_SOURCES = %D%/render.c %D%/render.h %D%/tty.c
progress_tty_la_CPPFLAGS = $(PLUGIN_CPPFLAGS)
progress_tty_la_LDFLAGS = $(PLUGIN_LDFLAGS)
progress_tty_la_LIBADD = $(COMMON_PROGRESS_LIBS)
