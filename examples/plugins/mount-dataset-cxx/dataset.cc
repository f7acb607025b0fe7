// mount-dataset: a dataset of this machine, for one RUN step. What ../mount-dataset/dataset.c does,
// in C++: descriptors close themselves, and no exception leaves an operation.
//
//   RUN --mount=type=dataset,target=/data,name=digits ./train /data
#include <tenon-plugin.h>

#include <cerrno>
#include <exception>
#include <string>
#include <string_view>

#include <fcntl.h>
#include <unistd.h>

namespace {

const tenon_host *host;
std::string root;

class Fd {
public:
    explicit Fd(int fd) : fd_(fd) {}
    Fd(Fd &&other) noexcept : fd_(other.release()) {}
    Fd(const Fd &) = delete;
    Fd &operator=(const Fd &) = delete;
    ~Fd() { if (fd_ >= 0) close(fd_); }
    bool ok() const { return fd_ >= 0; }
    int get() const { return fd_; }
    int release() { int fd = fd_; fd_ = -1; return fd; }

private:
    int fd_;
};

// The interface is C: what is thrown within an operation becomes its error.
template <typename Operation>
int
guarded(tenon_error *err, Operation operation) noexcept
{
    try {
        return operation();
    } catch (const std::exception &e) {
        return host->error->set(err, TENON_E_FAILED, 0, "%s", e.what());
    } catch (...) {
        return host->error->set(err, TENON_E_FAILED, 0, "an exception without a text");
    }
}

Fd
open_dataset(tenon_ctx *ctx, const tenon_values *values, tenon_error *err)
{
    const std::string name = host->values->get_string(values, "name");
    if (name.empty() || name.find('/') != std::string::npos || name[0] == '.') {
        host->error->set(err, TENON_E_INVALID, 0, "\"%s\" is no name of a dataset", name.c_str());
        return Fd(-1);
    }
    const Fd top(open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!top.ok()) {
        host->error->set(err, TENON_E_NOT_FOUND, errno, "open the datasets' directory %s",
                         root.c_str());
        host->error->hint(err, "tenon.json says where they are: "
                               "{\"plugins\": {\"mount-dataset\": {\"root\": \"DIR\"}}}");
        return Fd(-1);
    }
    Fd fd(host->files->open_in(ctx, top.get(), name.c_str(), O_PATH | O_DIRECTORY, 0, err));
    if (!fd.ok())
        host->error->context(err, "dataset \"%s\" in %s", name.c_str(), root.c_str());
    return fd;
}

int
dataset_init(const tenon_host *h, const tenon_values *values, void **self, tenon_error *err)
{
    host = h;
    *self = nullptr;
    return guarded(err, [&] {
        root = host->values->get_string(values, "root");
        return TENON_OK;
    });
}

int
dataset_attach(void *, tenon_ctx *ctx, const tenon_mount_request *req, tenon_mount *out,
               tenon_error *err)
{
    return guarded(err, [&]() -> int {
        Fd fd = open_dataset(ctx, req->options, err);
        if (!fd.ok())
            return host->error->code(err);
        out->fd = fd.release(); // now tenon's
        out->flags = TENON_MOUNT_RDONLY | TENON_MOUNT_NOEXEC;
        return TENON_OK;
    });
}

int
dataset_cache_key(void *, tenon_ctx *ctx, const tenon_values *values, tenon_key *key,
                  tenon_error *err)
{
    return guarded(err, [&]() -> int {
        const Fd fd = open_dataset(ctx, values, err);
        if (!fd.ok())
            return host->error->code(err);
        const bool all = std::string_view(host->values->get_string(values, "key")) == "content";
        return host->key->add_tree(key, "dataset", fd.get(), all ? "." : "VERSION", err);
    });
}

const tenon_param options[] = {
    { .name = "name", .help = "which dataset", .type = TENON_TYPE_STRING,
      .flags = TENON_PARAM_REQUIRED },
    { .name = "key", .help = "a change of what runs the step again: all files, or the file VERSION",
      .def = "content", .choices = "content|version", .type = TENON_TYPE_CHOICE },
    {},
};

const tenon_param config[] = {
    { .name = "root", .help = "the directory that the datasets are in", .def = "/srv/datasets",
      .type = TENON_TYPE_HOST_PATH },
    {},
};

const tenon_mount_ops ops = {
    .struct_size = sizeof ops,
    .attach = dataset_attach,
};

// Members in the order of the header, as C++20 wants them; for C++ before that, which has none of
// these, there is tenon_plugin_begin().
const tenon_plugin plugin = {
    TENON_PLUGIN_HEADER(TENON_KIND_MOUNT),
    .threads = TENON_THREADS_PARALLEL,
    .key_policy = TENON_KEY_CONTENT,
    .key_epoch = 1,
    .name = "dataset",
    .version = "1.0",
    .summary = "a directory of this machine, by its name",
    .config = config,
    .options = options,
    .init = dataset_init,
    .cache_key = dataset_cache_key,
    .ops = { .mount = &ops },
};

} // namespace

TENON_PLUGIN_EXPORT(mount_dataset, plugin);
