# exporter-docker.so

if PLUGIN_EXPORTER_DOCKER
pluginexec_LTLIBRARIES += exporter-docker.la
endif
exporter_docker_la_SOURCES = %D%/docker.c
exporter_docker_la_CPPFLAGS = $(PLUGIN_CPPFLAGS)
exporter_docker_la_LDFLAGS = $(PLUGIN_LDFLAGS)
exporter_docker_la_LIBADD = $(COMMON_EXPORT_LIBS)
