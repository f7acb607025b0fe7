# exporter-docker.so; once there are sources, take the '#' away:
#
#if PLUGIN_EXPORTER_DOCKER
#pluginexec_LTLIBRARIES += exporter-docker.la
#endif
#exporter_docker_la_SOURCES = %D%/docker.c
#exporter_docker_la_LDFLAGS = $(PLUGIN_LDFLAGS)
#exporter_docker_la_LIBADD = libtenon-tools.la
