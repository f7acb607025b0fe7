# frontend-dockerfile.so; once there are sources, take the '#' away:
#
#if PLUGIN_FRONTEND_DOCKERFILE
#pluginexec_LTLIBRARIES += frontend-dockerfile.la
#endif
#frontend_dockerfile_la_SOURCES = %D%/dockerfile.c
#frontend_dockerfile_la_LDFLAGS = $(PLUGIN_LDFLAGS)
#frontend_dockerfile_la_LIBADD = libtenon-tools.la
