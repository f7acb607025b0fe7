# plugins: one directory and one fragment each.

modules: $(pluginexec_LTLIBRARIES)
.PHONY: modules

include %D%/common/exec/local.mk
include %D%/common/export/local.mk
include %D%/common/grpc/local.mk
include %D%/common/message/local.mk
include %D%/common/oci-layout/local.mk
include %D%/common/progress/local.mk
include %D%/common/source/local.mk
include %D%/common/ssh-agent/local.mk
include %D%/frontend-dockerfile/local.mk
include %D%/frontend-gateway/local.mk
include %D%/source-image/local.mk
include %D%/source-local/local.mk
include %D%/source-oci-layout/local.mk
include %D%/source-http/local.mk
include %D%/source-git/local.mk
include %D%/mount-bind/local.mk
include %D%/mount-cache/local.mk
include %D%/mount-tmpfs/local.mk
include %D%/mount-secret/local.mk
include %D%/mount-ssh/local.mk
include %D%/executor-oci/local.mk
include %D%/executor-native/local.mk
include %D%/exporter-oci/local.mk
include %D%/exporter-docker/local.mk
include %D%/exporter-local/local.mk
include %D%/exporter-tar/local.mk
include %D%/exporter-image/local.mk
include %D%/cache-local/local.mk
include %D%/cache-registry/local.mk
include %D%/progress-tty/local.mk
include %D%/progress-plain/local.mk
include %D%/progress-json/local.mk
