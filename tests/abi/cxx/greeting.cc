// abi/cxx/greeting.cc - a mount type in C++, of any standard: tests/abi/cxx.sh compiles it.
#include <tenon-plugin.h>
#include <tenon-graph.h>

#include <cerrno>
#include <fcntl.h>
#include <string>
#include <unistd.h>

namespace {

const tenon_host *host;

struct closed { // a descriptor that is closed when nobody took it
    int fd;
    explicit closed(int f) : fd(f) {}
    ~closed() { if (fd >= 0) close(fd); }
    int take() { int f = fd; fd = -1; return f; }
};

int start(const tenon_host *h, const tenon_values *, void **self, tenon_error *)
{
    host = h;
    *self = NULL;
    return TENON_OK;
}

int attach(void *, tenon_ctx *ctx, const tenon_mount_request *request, tenon_mount *out,
           tenon_error *err)
{
    const int dir = host->files->temp_dir(ctx, TENON_TEMP_MEMORY, NULL, err);
    if (dir < 0)
        return dir;
    const std::string text =
        std::string("Hello, ") + host->values->get_string(request->options, "name") + "\n";
    closed file(openat(dir, "greeting", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444));
    if (file.fd < 0 || write(file.fd, text.data(), text.size()) != (ssize_t)text.size())
        return host->error->set(err, TENON_E_FAILED, errno, "write the greeting");
    closed shown(openat(dir, "greeting", O_PATH | O_NOFOLLOW | O_CLOEXEC));
    if (shown.fd < 0)
        return host->error->set(err, TENON_E_FAILED, errno, "open the greeting");
    out->fd = shown.take();
    out->flags = TENON_MOUNT_RDONLY;
    return TENON_OK;
}

const tenon_param options[] = { // in the order of the members: name, help, def, choices, type
    { "name", "who is greeted", "world", NULL, TENON_TYPE_STRING, 0, 0, 0 },
    { NULL, NULL, NULL, NULL, 0, 0, 0, 0 },
};

tenon_mount_ops make_ops()
{
    tenon_mount_ops o = tenon_mount_ops();
    o.struct_size = sizeof o;
    o.attach = attach;
    return o;
}
const tenon_mount_ops ops = make_ops();

tenon_plugin make_plugin()
{
    tenon_plugin p = tenon_plugin();
    tenon_plugin_begin(&p, TENON_KIND_MOUNT);
    p.threads = TENON_THREADS_PARALLEL;
    p.key_policy = TENON_KEY_OPTIONS;
    p.key_epoch = 1;
    p.name = "greeting";
    p.version = "1.0";
    p.summary = "a greeting, by C++";
    p.options = options;
    p.init = start;
    p.ops.mount = &ops;
    return p;
}
const tenon_plugin plugin = make_plugin();

} // namespace

TENON_PLUGIN_EXPORT(mount_greeting, plugin);
