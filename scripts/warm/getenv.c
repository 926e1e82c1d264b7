#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
static char *(*next_getenv)(const char *);
static char *(*next_secure)(const char *);
static int out = -2;
static void note(const char *name) {
    if (out == -2) { out = -1; if (!next_getenv) next_getenv = dlsym(RTLD_NEXT, "getenv"); char *p = next_getenv("GETENV_LOG"); if (p) out = open(p, O_WRONLY|O_APPEND|O_CREAT|O_CLOEXEC, 0600); }
    if (out >= 0) { char line[256]; size_t n = strnlen(name, 250); memcpy(line, name, n); line[n] = '\n'; (void)!write(out, line, n+1); }
}
char *getenv(const char *name) { if (!next_getenv) next_getenv = dlsym(RTLD_NEXT, "getenv"); note(name); return next_getenv(name); }
char *secure_getenv(const char *name) { if (!next_secure) next_secure = dlsym(RTLD_NEXT, "secure_getenv"); note(name); return next_secure(name); }
