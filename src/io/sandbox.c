/*
 * The table of profiles, and how the kernel is told.
 *
 * A profile is a set of groups of system calls and a set of places.  A call
 * that stands in none of its groups does not exist for it (ENOSYS, for which
 * libraries have their second best); those of the last table are refused with
 * EPERM.  Constants of Landlock stand here under names of our own: Debian 12
 * has headers of Linux 6.1, which lack those of later kernels.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

#include "survey/file.h"
#include "survey/log.h"
#include "survey/mem.h"
#include "survey/sandbox.h"

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

/* Groups of system calls. */
enum {
	CALLS_BASE = 1 << 0, /* memory, descriptors that are open, time, signals to oneself */
	CALLS_READ = 1 << 1, /* open to read, look at files */
	CALLS_WRITE = 1 << 2, /* make, change, rename and remove files */
	CALLS_PROCESS = 1 << 3, /* threads; workers that are forked, waited for and killed */
	CALLS_SOCKET = 1 << 4, /* use a socket that is open; none can be made */
	CALLS_SANITIZER = 1 << 5, /* what LeakSanitizer does at the end of a process */
};

/* Places that may be read. */
enum {
	PLACE_SYSTEM = 1 << 0,
	PLACE_LIBRARIES = 1 << 1, /* plugins that are loaded late, Graphviz's among them */
	PLACE_FONTS = 1 << 2,
};

static const struct {
	const char *name;
	unsigned calls, places;
} profiles[NSANDBOX_PROFILES] = {
	[SANDBOX_OFFLINE] = { "offline",
	    CALLS_BASE | CALLS_READ | CALLS_WRITE | CALLS_PROCESS | CALLS_SOCKET,
	    PLACE_SYSTEM | PLACE_LIBRARIES | PLACE_FONTS },
	[SANDBOX_ONLINE] = { "online",
	    CALLS_BASE | CALLS_READ | CALLS_WRITE | CALLS_PROCESS | CALLS_SOCKET,
	    PLACE_SYSTEM | PLACE_LIBRARIES | PLACE_FONTS },
	[SANDBOX_DRAW] = { "draw", CALLS_BASE | CALLS_READ | CALLS_SOCKET,
	    PLACE_SYSTEM | PLACE_LIBRARIES | PLACE_FONTS },
	[SANDBOX_READ] = { "read", CALLS_BASE | CALLS_READ, 0 },
	[SANDBOX_PARSE] = { "parse", CALLS_BASE, 0 },
};

/* A path that begins with ~ is below $HOME, one that begins with $ is a variable's value. */
static const struct {
	unsigned place;
	const char *path;
} places[] = {
	{ PLACE_SYSTEM, "/etc/localtime" },
	{ PLACE_SYSTEM, "/usr/share/zoneinfo" },
	{ PLACE_SYSTEM, "/proc/self" },
	{ PLACE_SYSTEM, "/sys/devices/system/cpu" },
	{ PLACE_SYSTEM, "/sys/fs/cgroup/memory.max" },
	{ PLACE_LIBRARIES, "/etc/ld.so.cache" },
	{ PLACE_LIBRARIES, "/lib" },
	{ PLACE_LIBRARIES, "/lib64" },
	{ PLACE_LIBRARIES, "/usr/lib" },
	{ PLACE_LIBRARIES, "/usr/lib64" },
	{ PLACE_LIBRARIES, "/usr/local/lib" },
	{ PLACE_LIBRARIES, "$GVBINDIR" },
	{ PLACE_FONTS, "/etc/fonts" },
	{ PLACE_FONTS, "/usr/share/fontconfig" },
	{ PLACE_FONTS, "/usr/share/fonts" },
	{ PLACE_FONTS, "/usr/local/share/fonts" },
	{ PLACE_FONTS, "/usr/share/xml/fontconfig" },
	{ PLACE_FONTS, "/var/cache/fontconfig" },
	{ PLACE_FONTS, "~/.cache/fontconfig" },
	{ PLACE_FONTS, "~/.config/fontconfig" },
	{ PLACE_FONTS, "~/.fonts" },
	{ PLACE_FONTS, "~/.local/share/fonts" },
	{ PLACE_FONTS, "$FONTCONFIG_PATH" },
	{ PLACE_FONTS, "$FONTCONFIG_FILE" },
#if SANITIZED
	{ PLACE_SYSTEM, "/proc" },
	{ PLACE_SYSTEM, "/proc/self/exe" },
#endif
};

/*
 * Names, not numbers: a libseccomp or a machine that does not know one passes
 * it over.
 */
static const struct {
	unsigned group;
	const char *name;
} calls[] = {
	{ CALLS_BASE, "arch_prctl" },
	{ CALLS_BASE, "brk" },
	{ CALLS_BASE, "clock_getres" },
	{ CALLS_BASE, "clock_gettime" },
	{ CALLS_BASE, "clock_nanosleep" },
	{ CALLS_BASE, "close" },
	{ CALLS_BASE, "close_range" },
	{ CALLS_BASE, "dup" },
	{ CALLS_BASE, "dup2" },
	{ CALLS_BASE, "dup3" },
	{ CALLS_BASE, "epoll_create1" },
	{ CALLS_BASE, "epoll_ctl" },
	{ CALLS_BASE, "epoll_pwait" },
	{ CALLS_BASE, "epoll_wait" },
	{ CALLS_BASE, "eventfd2" },
	{ CALLS_BASE, "exit" },
	{ CALLS_BASE, "exit_group" },
	{ CALLS_BASE, "fadvise64" },
	{ CALLS_BASE, "fcntl" },
	{ CALLS_BASE, "fstat" },
	{ CALLS_BASE, "futex" },
	{ CALLS_BASE, "getcwd" },
	{ CALLS_BASE, "getegid" },
	{ CALLS_BASE, "geteuid" },
	{ CALLS_BASE, "getgid" },
	{ CALLS_BASE, "getpid" },
	{ CALLS_BASE, "getppid" },
	{ CALLS_BASE, "getrandom" },
	{ CALLS_BASE, "getresgid" },
	{ CALLS_BASE, "getresuid" },
	{ CALLS_BASE, "getrlimit" },
	{ CALLS_BASE, "getrusage" },
	{ CALLS_BASE, "gettid" },
	{ CALLS_BASE, "gettimeofday" },
	{ CALLS_BASE, "getuid" },
	{ CALLS_BASE, "lseek" },
	{ CALLS_BASE, "madvise" },
	{ CALLS_BASE, "membarrier" },
	{ CALLS_BASE, "mincore" },
	{ CALLS_BASE, "mmap" },
	{ CALLS_BASE, "mprotect" },
	{ CALLS_BASE, "mremap" },
	{ CALLS_BASE, "munmap" },
	{ CALLS_BASE, "nanosleep" },
	{ CALLS_BASE, "pipe" },
	{ CALLS_BASE, "pipe2" },
	{ CALLS_BASE, "poll" },
	{ CALLS_BASE, "ppoll" },
	{ CALLS_BASE, "prctl" },
	{ CALLS_BASE, "pread64" },
	{ CALLS_BASE, "preadv" },
	{ CALLS_BASE, "preadv2" },
	{ CALLS_BASE, "prlimit64" },
	{ CALLS_BASE, "pselect6" },
	{ CALLS_BASE, "pwrite64" },
	{ CALLS_BASE, "pwritev" },
	{ CALLS_BASE, "pwritev2" },
	{ CALLS_BASE, "read" },
	{ CALLS_BASE, "readv" },
	{ CALLS_BASE, "restart_syscall" },
	{ CALLS_BASE, "rseq" },
	{ CALLS_BASE, "rt_sigaction" },
	{ CALLS_BASE, "rt_sigpending" },
	{ CALLS_BASE, "rt_sigprocmask" },
	{ CALLS_BASE, "rt_sigreturn" },
	{ CALLS_BASE, "rt_sigsuspend" },
	{ CALLS_BASE, "rt_sigtimedwait" },
	{ CALLS_BASE, "sched_getaffinity" },
	{ CALLS_BASE, "sched_yield" },
	{ CALLS_BASE, "select" },
	{ CALLS_BASE, "set_robust_list" },
	{ CALLS_BASE, "setrlimit" },
	{ CALLS_BASE, "sigaltstack" },
	{ CALLS_BASE, "sysinfo" },
	{ CALLS_BASE, "time" },
	{ CALLS_BASE, "times" },
	{ CALLS_BASE, "umask" },
	{ CALLS_BASE, "uname" },
	{ CALLS_BASE, "write" },
	{ CALLS_BASE, "writev" },
	{ CALLS_READ, "access" },
	{ CALLS_READ, "chdir" },
	{ CALLS_READ, "faccessat" },
	{ CALLS_READ, "faccessat2" },
	{ CALLS_READ, "fchdir" },
	{ CALLS_READ, "fgetxattr" },
	{ CALLS_READ, "fstatfs" },
	{ CALLS_READ, "getdents64" },
	{ CALLS_READ, "lstat" },
	{ CALLS_READ, "newfstatat" },
	{ CALLS_READ, "readlink" },
	{ CALLS_READ, "readlinkat" },
	{ CALLS_READ, "stat" },
	{ CALLS_READ, "statfs" },
	{ CALLS_READ, "statx" },
	{ CALLS_WRITE, "copy_file_range" },
	{ CALLS_WRITE, "fallocate" },
	{ CALLS_WRITE, "fchmod" },
	{ CALLS_WRITE, "fchown" },
	{ CALLS_WRITE, "fdatasync" },
	{ CALLS_WRITE, "flock" },
	{ CALLS_WRITE, "fsync" },
	{ CALLS_WRITE, "syncfs" }, /* a new directory as a whole: newdir.h */
	{ CALLS_WRITE, "ftruncate" },
	{ CALLS_WRITE, "memfd_create" },
	{ CALLS_WRITE, "mkdir" },
	{ CALLS_WRITE, "mkdirat" },
	{ CALLS_WRITE, "msync" },
	{ CALLS_WRITE, "rename" },
	{ CALLS_WRITE, "renameat" },
	{ CALLS_WRITE, "renameat2" },
	{ CALLS_WRITE, "rmdir" },
	{ CALLS_WRITE, "sync_file_range" },
	{ CALLS_WRITE, "unlink" },
	{ CALLS_WRITE, "unlinkat" },
	{ CALLS_PROCESS, "capget" }, /* these six: a worker's narrower profile */
	{ CALLS_PROCESS, "capset" },
	{ CALLS_PROCESS, "landlock_add_rule" },
	{ CALLS_PROCESS, "landlock_create_ruleset" },
	{ CALLS_PROCESS, "landlock_restrict_self" },
	{ CALLS_PROCESS, "seccomp" },
	{ CALLS_PROCESS, "fork" },
	{ CALLS_PROCESS, "getpgid" },
	{ CALLS_PROCESS, "getpgrp" },
	{ CALLS_PROCESS, "getsid" },
	{ CALLS_PROCESS, "kill" },
	{ CALLS_PROCESS, "vfork" },
	{ CALLS_PROCESS, "wait4" },
	{ CALLS_PROCESS, "waitid" },
	{ CALLS_SOCKET, "getpeername" },
	{ CALLS_SOCKET, "getsockname" },
	{ CALLS_SOCKET, "getsockopt" },
	{ CALLS_SOCKET, "recvfrom" },
	{ CALLS_SOCKET, "recvmmsg" },
	{ CALLS_SOCKET, "recvmsg" },
	{ CALLS_SOCKET, "sendmmsg" },
	{ CALLS_SOCKET, "sendmsg" },
	{ CALLS_SOCKET, "sendto" },
	{ CALLS_SOCKET, "setsockopt" },
	{ CALLS_SOCKET, "shutdown" },
	{ CALLS_SANITIZER, "getdents" },
	{ CALLS_SANITIZER, "ptrace" },
};

/* Refused with EPERM: that somebody tries is worth a plain answer, not "no such call". */
static const char *const refused[] = { "accept", "accept4", "bind", "bpf", "chmod", "chown",
	"chroot", "connect", "delete_module", "execve", "execveat", "fchmodat", "fchmodat2",
	"fchownat", "finit_module", "fsetxattr", "init_module", "ioperm", "iopl", "kexec_load",
	"keyctl", "lchown", "listen", "lsetxattr", "mount", "perf_event_open", "pidfd_getfd",
	"pivot_root", "process_vm_readv", "process_vm_writev", "ptrace", "reboot", "removexattr",
	"setgid", "setgroups", "setns", "setresgid", "setresuid", "setuid", "setxattr", "socket",
	"swapon", "truncate", "umount2", "unshare", "userfaultfd" };

/* ioctl(2) on what is open: size of a terminal, whether it is one, flags, reflinks. */
static const unsigned long requests[] = { TCGETS, TIOCGWINSZ, FIONREAD, FIONBIO, FIOCLEX, FIONCLEX,
	0x40049409 /* FICLONE, linux/fs.h */ };

/* ---- system calls ---- */

/*
 * One rule: name is allowed, or refused, when all n comparisons hold.  Names
 * that this machine does not have are passed over.  Returns 0 or -errno.
 */
static int
rule(scmp_filter_ctx ctx, uint32_t action, const char *name, unsigned n,
    const struct scmp_arg_cmp *args)
{
	int nr = seccomp_syscall_resolve_name(name);

	/* Negative: a call of another architecture. */
	return nr < 0 ? 0 : seccomp_rule_add_array(ctx, action, nr, n, args);
}

/* Allow name when the bits of mask in argument at are value. */
static int
allow_masked(scmp_filter_ctx ctx, const char *name, unsigned at, uint64_t mask, uint64_t value)
{
	const struct scmp_arg_cmp arg = SCMP_CMP64(at, SCMP_CMP_MASKED_EQ, mask, value);

	return rule(ctx, SCMP_ACT_ALLOW, name, 1, &arg);
}

/*
 * Where only reading is allowed, the flags say so, whatever Landlock the
 * kernel has.  Elsewhere O_TRUNC needs an open to write: before its ABI 3
 * Landlock lets a file be emptied that may only be read.  The flags of
 * openat2(2) are out of a filter's sight, so it takes such a Landlock.
 */
static int
add_open(scmp_filter_ctx ctx, unsigned groups, int abi)
{
	static const char *const names[] = { NULL, "open", "openat" }; /* by the flags' argument */
	const uint64_t changing = O_ACCMODE | O_CREAT | O_TRUNC | (O_TMPFILE & ~O_DIRECTORY);
	int rc = 0;

	for (unsigned at = 1; at <= 2 && rc == 0; at++) {
		if ((groups & CALLS_WRITE) == 0) {
			rc = allow_masked(ctx, names[at], at, changing, 0);
			continue;
		}
		rc = allow_masked(ctx, names[at], at, O_TRUNC, 0);
		if (rc == 0)
			rc = allow_masked(ctx, names[at], at, O_ACCMODE, O_WRONLY);
		if (rc == 0)
			rc = allow_masked(ctx, names[at], at, O_ACCMODE, O_RDWR);
	}
	if (rc == 0 && (groups & CALLS_WRITE) != 0 && abi >= 3)
		rc = rule(ctx, SCMP_ACT_ALLOW, "openat2", 0, NULL);
	return rc;
}

/* Threads and children, but no namespaces of their own.  clone3(2) hides its flags: ENOSYS. */
static int
add_processes(scmp_filter_ctx ctx)
{
	const uint64_t spaces = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC |
				CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;
	const struct scmp_arg_cmp pair = { .op = SCMP_CMP_EQ, .datum_a = AF_UNIX };
	int rc = allow_masked(ctx, "clone", 0, spaces, 0);

	if (rc == 0)
		rc = rule(ctx, SCMP_ACT_ALLOW, "tgkill", 0, NULL);
	if (rc == 0) /* to a worker */
		rc = rule(ctx, SCMP_ACT_ALLOW, "socketpair", 1, &pair);
	return rc;
}

/* Is a call in one of the groups? */
static bool
in_groups(const char *name, unsigned groups)
{
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		if ((groups & calls[i].group) != 0 && strcmp(calls[i].name, name) == 0)
			return true;
	}
	return false;
}

static int
add_rules(scmp_filter_ctx ctx, unsigned groups, int abi)
{
	const struct scmp_arg_cmp self = { .op = SCMP_CMP_EQ, .datum_a = (uint64_t)getpid() };
	int rc = 0;

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]) && rc == 0; i++) {
		if ((groups & calls[i].group) != 0)
			rc = rule(ctx, SCMP_ACT_ALLOW, calls[i].name, 0, NULL);
	}
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]) && rc == 0; i++) {
		if (!in_groups(refused[i], groups))
			rc = rule(ctx, SCMP_ACT_ERRNO(EPERM), refused[i], 0, NULL);
	}
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]) && rc == 0; i++) {
		const struct scmp_arg_cmp request = {
			.arg = 1, .op = SCMP_CMP_EQ, .datum_a = requests[i]
		};

		rc = rule(ctx, SCMP_ACT_ALLOW, "ioctl", 1, &request);
	}
	if (rc == 0 && (groups & CALLS_READ) != 0)
		rc = add_open(ctx, groups, abi);
	if (rc == 0 && (groups & CALLS_PROCESS) != 0)
		rc = add_processes(ctx);
	else if (rc == 0)
		rc = rule(ctx, SCMP_ACT_ALLOW, "tgkill", 1, &self); /* abort(3) */
	return rc;
}

/* Returns 1, 0 when the kernel takes no filter, or -1 with errno set. */
static int
enter_filter(unsigned groups, int abi)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
	int rc;

	if (ctx == NULL) {
		errno = ENOMEM;
		return -1;
	}
	if ((rc = add_rules(ctx, groups, abi)) != 0) {
		seccomp_release(ctx);
		errno = -rc;
		return -1;
	}
	rc = seccomp_load(ctx);
	seccomp_release(ctx);
	return rc == 0;
}

/* ---- Landlock ---- */

/* Numbers are the same on all machines that Debian has a kernel for. */
enum { LL_CREATE = 444, LL_ADD = 445, LL_RESTRICT = 446 };
enum { LL_VERSION = 1, LL_BENEATH = 1 };

/* Rights of files and directories, in the order in which ABIs brought them. */
enum {
	FS_EXECUTE = 1 << 0,
	FS_WRITE_FILE = 1 << 1,
	FS_READ_FILE = 1 << 2,
	FS_READ_DIR = 1 << 3,
	FS_REMOVE_DIR = 1 << 4,
	FS_REMOVE_FILE = 1 << 5,
	FS_MAKE_CHAR = 1 << 6,
	FS_MAKE_DIR = 1 << 7,
	FS_MAKE_REG = 1 << 8,
	FS_MAKE_SYM = 1 << 12,
	FS_REFER = 1 << 13, /* ABI 2 */
	FS_TRUNCATE = 1 << 14, /* ABI 3 */
	FS_IOCTL_DEV = 1 << 15, /* ABI 5 */
};
#define FS_ABI_1 (FS_REFER - 1) /* all rights below it */

#define RIGHTS_READ (FS_READ_FILE | FS_READ_DIR)
#define RIGHTS_WRITE                                                                  \
	(RIGHTS_READ | FS_WRITE_FILE | FS_REMOVE_DIR | FS_REMOVE_FILE | FS_MAKE_DIR | \
	    FS_MAKE_REG | FS_REFER | FS_TRUNCATE)
#define RIGHTS_REPLACE (FS_READ_DIR | FS_REMOVE_DIR | FS_REMOVE_FILE | FS_MAKE_DIR | FS_MAKE_REG)
#define RIGHTS_FILE (FS_READ_FILE | FS_WRITE_FILE | FS_TRUNCATE) /* of what is no directory */

enum { NET_BIND_TCP = 1, NET_CONNECT_TCP = 2 }; /* ABI 4 */
enum { SCOPE_ABSTRACT_UNIX = 1, SCOPE_SIGNAL = 2 }; /* ABI 6 */

struct ll_ruleset {
	uint64_t fs;
	uint64_t net;
	uint64_t scoped;
};

struct ll_beneath {
	uint64_t rights;
	int32_t fd;
} __attribute__((packed));

/* The kernel's ABI; 0 when it has no Landlock, does not use it, or a container forbids it. */
static int
landlock_abi(void)
{
	long abi = syscall(LL_CREATE, NULL, (size_t)0, LL_VERSION);

	return abi > 0 ? (int)abi : 0;
}

static struct ll_ruleset
rules_of(int abi)
{
	struct ll_ruleset r = { .fs = FS_ABI_1 };

	if (abi >= 2)
		r.fs |= FS_REFER;
	if (abi >= 3)
		r.fs |= FS_TRUNCATE;
	if (abi >= 4)
		r.net = NET_BIND_TCP | NET_CONNECT_TCP;
	if (abi >= 5)
		r.fs |= FS_IOCTL_DEV;
	if (abi >= 6)
		r.scoped = SCOPE_ABSTRACT_UNIX | SCOPE_SIGNAL;
	return r;
}

static size_t
rules_size(int abi)
{
	return sizeof(uint64_t) * (abi < 4 ? 1 : abi < 6 ? 2 : 3);
}

/*
 * Returns 0, also when there is no such path, or nothing but a pipe or a socket
 * that is open, with which Landlock has no business (EBADFD); -1 with errno set.
 */
static int
add_path(int rules, uint64_t handled, const char *path, uint64_t rights)
{
	struct ll_beneath b = { .fd = open(path, O_PATH | O_CLOEXEC) };
	struct stat st;
	long rc = -1;
	int saved;

	if (b.fd == -1)
		return errno == ENOENT || errno == ENOTDIR || errno == EACCES ? 0 : -1;
	if (fstat(b.fd, &st) == 0) {
		b.rights = rights & handled & (S_ISDIR(st.st_mode) ? ~0ULL : RIGHTS_FILE);
		rc = syscall(LL_ADD, rules, LL_BENEATH, &b, 0);
	}
	saved = errno;
	close(b.fd);
	errno = saved;
	return rc == 0 || saved == EBADFD ? 0 : -1;
}

static int
add_place(int rules, uint64_t handled, const char *path)
{
	const char *home = getenv(path[0] == '$' ? path + 1 : "HOME");
	char *full;
	int rc;

	if (path[0] == '/')
		return add_path(rules, handled, path, RIGHTS_READ);
	if (home == NULL || home[0] != '/')
		return 0;
	full = path[0] == '~' ? xasprintf("%s%s", home, path + 1) : xstrdup(home);
	rc = add_path(rules, handled, full, RIGHTS_READ);
	free(full);
	return rc;
}

#if SANITIZED
/* LeakSanitizer reads its list at the end: LSAN_OPTIONS=...:suppressions=PATH:... */
static int
add_suppressions(int rules, uint64_t handled)
{
	static const char option[] = "suppressions=";
	const char *options = getenv("LSAN_OPTIONS");
	const char *start = options != NULL ? strstr(options, option) : NULL;
	char *path;
	int rc;

	if (start == NULL)
		return 0;
	start += strlen(option);
	path = xstrndup(start, strcspn(start, ": "));
	rc = add_path(rules, handled, path, RIGHTS_READ);
	free(path);
	return rc;
}
#endif

static int
add_paths(int rules, uint64_t handled, const char *const *paths, uint64_t rights)
{
	int rc = 0;

	for (; paths != NULL && *paths != NULL && rc == 0; paths++)
		rc = add_path(rules, handled, *paths, rights);
	return rc;
}

static int
enter_landlock(int abi, unsigned wanted, const struct sandbox_paths *p)
{
	const struct ll_ruleset r = rules_of(abi);
	int fd = (int)syscall(LL_CREATE, &r, rules_size(abi), 0), rc = 0, saved;

	if (fd == -1)
		return -1;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]) && rc == 0; i++) {
		if ((places[i].place & wanted) != 0)
			rc = add_place(fd, r.fs, places[i].path);
	}
	if (rc == 0)
		rc = add_path(fd, r.fs, "/dev/null", RIGHTS_FILE);
#if SANITIZED
	if (rc == 0)
		rc = add_suppressions(fd, r.fs);
#endif
	if (rc == 0)
		rc = add_paths(fd, r.fs, p->read, RIGHTS_READ);
	if (rc == 0)
		rc = add_paths(fd, r.fs, p->write, RIGHTS_WRITE);
	if (rc == 0)
		rc = add_paths(fd, r.fs, p->replace, RIGHTS_REPLACE);
	if (rc == 0)
		rc = syscall(LL_RESTRICT, fd, 0) == 0 ? 0 : -1;
	saved = errno;
	close(fd);
	errno = saved;
	return rc;
}

/* ---- both ---- */

/* Of root's capabilities only those that open its files and other users' remain. */
static int
drop_capabilities(void)
{
	const uint32_t keep = 1u << CAP_CHOWN | 1u << CAP_DAC_OVERRIDE | 1u << CAP_DAC_READ_SEARCH |
			      1u << CAP_FOWNER;
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &head, data) == -1)
		return -1;
	for (int i = 0; i < 2; i++) {
		data[i].permitted &= i == 0 ? keep : 0;
		data[i].effective &= i == 0 ? keep : 0;
		data[i].inheritable = 0;
	}
	return (int)syscall(SYS_capset, &head, data);
}

/* Landlock binds the calling thread alone; 0 when the kernel does not tell. */
static unsigned
count_threads(void)
{
	char *text = file_read("/proc/self/status", 1 << 16, NULL);
	const char *line = text != NULL ? strstr(text, "\nThreads:") : NULL;
	unsigned n = line != NULL ? (unsigned)strtoul(line + 9, NULL, 10) : 0;

	free(text);
	return n;
}

int
sandbox_enter(
    enum sandbox_profile profile, const struct sandbox_paths *paths, struct sandbox_state *state)
{
	static const struct sandbox_paths none;
	const struct sandbox_paths *p = paths != NULL ? paths : &none;
	unsigned groups = profiles[profile].calls | (SANITIZED ? CALLS_SANITIZER : 0);
	int abi = landlock_abi(), filter;
	struct stat st;

	if (count_threads() > 1) {
		errno = EBUSY;
		return -1;
	}
	if (p->write != NULL && p->write[0] != NULL && stat(p->write[0], &st) == 0 &&
	    S_ISDIR(st.st_mode))
		setenv("SQLITE_TMPDIR", p->write[0], 1);
	else
		unsetenv("SQLITE_TMPDIR");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 || drop_capabilities() == -1)
		return -1;
	if (abi > 0 && enter_landlock(abi, profiles[profile].places, p) == -1)
		return -1;
	if ((filter = enter_filter(groups, abi)) == -1)
		return -1;
	*state = (struct sandbox_state){
		.profile = profiles[profile].name, .landlock = abi, .filter = filter == 1
	};
	return 0;
}

char *
sandbox_place(const char *path)
{
	struct stat st;

	/* /dev/stdout may be a file, too, which is not in /dev. */
	if (strncmp(path, "/dev/", 5) == 0 || strncmp(path, "/proc/", 6) == 0 ||
	    (stat(path, &st) == 0 && !S_ISREG(st.st_mode)))
		return xstrdup(path);
	return path_dir(path);
}

int
sandbox_confine(
    enum sandbox_profile profile, const struct sandbox_paths *paths, struct sandbox_state *state)
{
	struct sandbox_state s;
	char text[SANDBOX_TEXT];

	if (sandbox_enter(profile, paths, &s) == -1) {
		log_error("sandbox: %s; --no-sandbox goes on without one", strerror(errno));
		return -1;
	}
	if (s.landlock == 0 || !s.filter)
		log_info("sandbox: this kernel lacks a part of it: %s", sandbox_text(&s, text));
	if (state != NULL)
		*state = s;
	return 0;
}

void
sandbox_probe(struct sandbox_state *state)
{
	uint32_t action = SECCOMP_RET_ERRNO;

	*state = (struct sandbox_state){ .landlock = landlock_abi(),
		.filter = syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0 };
}

const char *
sandbox_text(const struct sandbox_state *s, char buf[static SANDBOX_TEXT])
{
	char landlock[32];

	snprintf(landlock, sizeof(landlock), s->landlock > 0 ? "Landlock (ABI %d)" : "no Landlock",
	    s->landlock);
	snprintf(
	    buf, SANDBOX_TEXT, "%s and %s system call filter", landlock, s->filter ? "a" : "no");
	return buf;
}
