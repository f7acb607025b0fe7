# mount-ssh.so

if PLUGIN_MOUNT_SSH
pluginexec_LTLIBRARIES += mount-ssh.la
endif
mount_ssh_la_SOURCES = %D%/ssh.c
mount_ssh_la_CPPFLAGS = $(PLUGIN_CPPFLAGS)
mount_ssh_la_LDFLAGS = $(PLUGIN_LDFLAGS) -pthread
mount_ssh_la_LIBADD = $(COMMON_SSH_AGENT_LIBS)
