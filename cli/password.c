/* cli/password.c - see password.h. */
#include "password.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/io.h"
#include "tools/alloc.h"

#define PASSWORD_MAX ((size_t)4096)

static volatile sig_atomic_t ended_by;

static void
note_signal(int sig)
{
    ended_by = sig;
}

/* Up to the end of a line, or of the file. */
static int
read_line(int fd, struct tenon_buf *out, struct tenon_error *err)
{
    char c;
    tenon_buf_reserve(out, PASSWORD_MAX + 1); /* so that no copy stays where it grew out of */
    for (;;) {
        const ssize_t n = read(fd, &c, 1);
        if (n < 0 && errno == EINTR && !ended_by)
            continue;
        if (n < 0)
            return tenon_error_sys(err, "read the password");
        if (n == 0 || c == '\n')
            break;
        if (out->len == PASSWORD_MAX || c == '\0')
            return tenon_error_set(err, TENON_E_INVALID, "this is no password");
        tenon_buf_addc(out, c);
    }
    if (out->len && out->data[out->len - 1] == '\r')
        tenon_buf_truncate(out, out->len - 1);
    return 0;
}

int
password_from_file(const char *path, struct tenon_buf *out, struct tenon_error *err)
{
    if (!strcmp(path, "-"))
        return read_line(STDIN_FILENO, out, err);
    auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return tenon_error_sys(err, "open \"%s\"", path);
    return read_line(fd, out, err);
}

/* Ctrl-C ends the question, and then us, once the terminal shows again what is typed; so does
 * Ctrl-\\, and who comes back after Ctrl-Z has to start again. */
static const int ending[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP };

int
password_ask(const char *question, struct tenon_buf *out, struct tenon_error *err)
{
    struct termios was, quiet;
    struct sigaction old[tenon_countof(ending)], note = { .sa_handler = note_signal };
    auto_close int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    if (fd < 0 || tcgetattr(fd, &was) < 0)
        return tenon_error_set(err, TENON_E_NOT_FOUND, "no terminal to ask for it");
    quiet = was;
    quiet.c_lflag &= ~(tcflag_t)ECHO;
    quiet.c_lflag |= ICANON | ECHONL;
    ended_by = 0;
    for (size_t i = 0; i < tenon_countof(ending); i++)
        sigaction(ending[i], &note, &old[i]);
    int rc = tcsetattr(fd, TCSAFLUSH, &quiet) < 0 ? tenon_error_sys(err, "terminal") : 0;
    if (rc == 0)
        rc = tenon_write_all(fd, question, strlen(question), err);
    if (rc == 0)
        rc = read_line(fd, out, err);
    tcsetattr(fd, TCSAFLUSH, &was);
    for (size_t i = 0; i < tenon_countof(ending); i++)
        sigaction(ending[i], &old[i], NULL);
    if (ended_by)
        raise(ended_by);
    return rc;
}
