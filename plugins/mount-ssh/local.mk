# mount-ssh.so

if PLUGIN_MOUNT_SSH
pluginexec_LTLIBRARIES += mount-ssh.la
endif
mount_ssh_la_SOURCES = %D%/ssh.c %D%/proxy.c %D%/proxy.h %D%/filter.c %D%/filter.h
mount_ssh_la_LDFLAGS = $(PLUGIN_LDFLAGS) -pthread
