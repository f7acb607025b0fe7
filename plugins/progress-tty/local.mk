# progress-tty.so; once there are sources, take the '#' away:
#
#if PLUGIN_PROGRESS_TTY
#pluginexec_LTLIBRARIES += progress-tty.la
#endif
#progress_tty_la_SOURCES = %D%/tty.c
#progress_tty_la_LDFLAGS = $(PLUGIN_LDFLAGS)
#progress_tty_la_LIBADD = libtenon-tools.la
