/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * real.c - finds the functions behind the hooks, and makes the calls to them direct.
 *
 * In one pass, early, never inside a lock, without dlerror: dlsym may call into a preloaded allocator (README.md, "Resolving").
 */
#include "preload/real.h"
#include "lib/core/atomics.h"
#include "preload/module.h"
#include "preload/sys.h"

/*
 * These may be called before anything else of ours: until they are known, their stubs lead here. A call that comes while they
 * are being looked up finds the same functions again.
 *
 * dlsym itself frees the text of the error before, and finding free then goes through dlsym once more: of that, and of a block
 * that another thread frees at this very moment, nothing is given back. (gcc's libtsan and libasan come behind us and lack what
 * we look up first.)
 */
static void early_free(void *p)
{
	static uint32_t looking;
	uint32_t nobody = 0;
	if (!tt_cas_acq_rel(&looking, &nobody, 1u))
		return;
	tt_real_resolve(false);
	tt_store_release(&looking, 0u);
	if (tt_real.free != early_free)
		tt_real.free(p);
}
static void *early_realloc(void *p, size_t size)
{
	tt_real_resolve(false);
	return tt_real.realloc != early_realloc ? tt_real.realloc(p, size) : NULL;
}
static int early_munmap(void *p, size_t size)
{
	return (int)TT_SYS(munmap, p, size, 0, 0);
}

/*
 * Likewise those of family io, whose hooks do not pass tt_enter(): a caller of any type's arguments are kept, the functions
 * looked up, and the one in question gone on with. tt_early_NAME knows where its pointer is; the rest is the same for all.
 */
#if defined(__x86_64__)
#define EARLY_ROW(name)                                                                \
	extern __typeof__(name) tt_early_##name __attribute__((visibility("hidden"))); \
	__asm__(".pushsection .text\n"                                                 \
		".type tt_early_" #name ", @function\n"                                \
		".hidden tt_early_" #name "\n"                                         \
		".globl tt_early_" #name "\n"                                          \
		"tt_early_" #name ":\n"                                                \
		"lea tt_real_" #name "(%rip), %r11\n"                                  \
		"jmp tt_early_go_on\n"                                                 \
		".size tt_early_" #name ", . - tt_early_" #name "\n"                   \
		".popsection\n");
__asm__(".pushsection .text\n"
	".type tt_early_go_on, @function\n"
	"tt_early_go_on:\n"
	"push %rax\n push %rdi\n push %rsi\n push %rdx\n push %rcx\n push %r8\n push %r9\n"
	"mov %r11, %rdi\n"
	"call tt_early_target\n"
	"mov %rax, %r11\n"
	"pop %r9\n pop %r8\n pop %rcx\n pop %rdx\n pop %rsi\n pop %rdi\n pop %rax\n"
	"jmp *%r11\n"
	".size tt_early_go_on, . - tt_early_go_on\n"
	".popsection\n");
#else
#error "real.c: add this architecture's early calls"
#endif
#define HOOK(name, version, need, family) EARLY_##family(name)
#define EARLY_mutex(name)
#define EARLY_thread(name)
#define EARLY_rwlock(name)
#define EARLY_cond(name)
#define EARLY_sem(name)
#define EARLY_barrier(name)
#define EARLY_spin(name)
#define EARLY_once(name)
#define EARLY_c11(name)
#define EARLY_futex(name)
#define EARLY_loop(name)
#define EARLY_memory(name)
#define EARLY_process(name)
#define EARLY_import(name)
#define EARLY_io(name) EARLY_ROW(name)
#include "preload/hooks.def"

struct tt_real tt_real = {
	.free = early_free,
	.realloc = early_realloc,
	.munmap = early_munmap,
#define HOOK(name, version, need, family) EARLY_##family(name)
#undef EARLY_io
#define EARLY_io(name) .name = tt_early_##name,
#include "preload/hooks.def"
};
bool tt_real_ready;

/* A function that this C library does not have, called through a pointer that somebody found to be ours. */
static long early_missing(void)
{
	errno = ENOSYS;
	return -1;
}

/* What *slot leads to once all is looked up. */
__attribute__((used, visibility("hidden"))) void *tt_early_target(void **slot);
void *tt_early_target(void **slot)
{
	void *early = *slot;
	tt_real_resolve(false);
	return *slot != early ? *slot : (void *)early_missing;
}

#define ROW_BYTES 8
enum row_number {
#define HOOK(name, version, need, family) ROW_##name,
#include "preload/hooks.def"
	ROWS
};

/* ------------------------------------------------------------------ the stubs */

#if defined(__x86_64__)
/* Each is 8 bytes, so that one aligned store changes it: ff 25 disp32 (jmp *tt_real.name) becomes e9 rel32 (jmp). */
__asm__(".pushsection .text.tt_calls, \"ax\", @progbits\n"
	".balign 4096\n"
	"tt_calls:\n"
	".popsection\n");
#define HOOK(name, version, need, family)                          \
	__asm__(".pushsection .text.tt_calls\n"                    \
		".balign 8\n"                                      \
		".type tt_call_" #name ", @function\n"             \
		".hidden tt_call_" #name "\n"                      \
		".globl tt_call_" #name "\n"                       \
		"tt_call_" #name ":\n"                             \
		".cfi_startproc\n"                                 \
		"jmp *tt_real_" #name "(%rip)\n"                   \
		".cfi_endproc\n"                                   \
		".balign 8\n"                                      \
		".size tt_call_" #name ", . - tt_call_" #name "\n" \
		".popsection\n");
#include "preload/hooks.def"

/*
 * The hook of free, as hook_memory.c explains it, in one line of code with a jump of its own to the real one: programs free so
 * often, between so much else, that a second line and jump showed in what they keep of their throughput.
 */
__asm__(".pushsection .text.tt_calls\n"
	".balign 64\n"
	".type free, @function\n"
	".globl free\n"
	"free:\n"
	".cfi_startproc\n"
	"mov tt_filter_near(%rip), %rdx\n"
	"test %rdi, %rdi\n"
	"je 2f\n"
	"test %rdx, %rdx\n"
	"je 1f\n"
	"mov %edi, %eax\n"
	"shr $14, %eax\n"
	"movzwl %ax, %eax\n"
	"mov (%rdx,%rax,8), %rdx\n"
	"mov %edi, %ecx\n"
	"shr $8, %ecx\n"
	"bt %rcx, %rdx\n"
	"jb 1f\n"
	"cmpq $271, -8(%rdi)\n"
	"ja 1f\n"
	".balign 8\n"
	"tt_free_jump:\n"
	"jmp *tt_real_free(%rip)\n"
	".balign 8\n"
	"1: mov (%rsp), %rsi\n"
	"jmp tt_free_out\n"
	"2: ret\n"
	".cfi_endproc\n"
	".size free, . - free\n"
	".balign 4096\n"
	"tt_calls_end:\n"
	".popsection\n");
/* The assembler cannot see C offsets: name the words of tt_real for it. */
#define HOOK(name, version, need, family) __asm__(".set tt_real_" #name ", tt_real + 8 * %c0" : : "i"(ROW_##name));
static __attribute__((used)) void name_words(void)
{
#include "preload/hooks.def"
}

extern uint8_t tt_calls[], tt_calls_end[], tt_free_jump[] __attribute__((visibility("hidden")));

static void jump_rewrite(uint8_t *at, const void *target)
{
	intptr_t away = (intptr_t)target - (intptr_t)(at + 5);
	if (target && away == (int32_t)away)
		__atomic_store_n(
			(uint64_t *)(void *)at, UINT64_C(0x90909000000000e9) | (uint64_t)(uint32_t)away << 8, __ATOMIC_RELAXED);
}

static void stubs_rewrite(void *const *target)
{
	size_t size = (uintptr_t)tt_calls_end - (uintptr_t)tt_calls;
	/* Writable and executable for a moment: another thread may be in here. Refused (SELinux): the stubs stay as they are.
	 */
	if (tt_sys_failed(TT_SYS(mprotect, tt_calls, size, PROT_READ | PROT_WRITE | PROT_EXEC, 0)))
		return;
	for (unsigned i = 0; i < ROWS; i++)
		jump_rewrite(tt_calls + i * ROW_BYTES, target[i]);
	jump_rewrite(tt_free_jump, target[ROW_free]);
	TT_SYS(mprotect, tt_calls, size, PROT_READ | PROT_EXEC, 0);
}
#else
#error "real.c: add this architecture's jump through a pointer"
#endif

/* ------------------------------------------------------------------ resolving */

/*
 * Never a tail call: the loader finds "next" by the return address, which must lie in this library.
 */
static __attribute__((noinline)) void *find(const char *name, const char *version)
{
	void *p = version[0] ? dlvsym(RTLD_NEXT, name, version) : NULL;
	if (!p)
		p = dlsym(RTLD_NEXT, name);
	__asm__ volatile("" : "+r"(p)); /* something to do after the call */
	return p;
}

#if defined(__x86_64__)
#define OLDEST "GLIBC_2.2.5"
#elif defined(__aarch64__)
#define OLDEST "GLIBC_2.17"
#endif

/*
 * glibc's debugging allocator (libc_malloc_debug.so.0) has its functions only as old versions, which dlsym passes by; dlvsym
 * alone would pass by allocators without versions. A block must go back to the one it came from.
 */
static void allocator_find(void **to, const char *name)
{
	void *p = find(name, OLDEST);
	if (p && tt_object_is_libc((uint64_t)(uintptr_t)*to) && !tt_object_is_libc((uint64_t)(uintptr_t)p))
		*to = p;
}

bool tt_real_resolve(bool direct)
{
	enum { required, optional };
	static const struct {
		const char *name, *version;
		int need;
	} rows[] = {
#define HOOK(name, version, need, family) {#name, version, need},
#include "preload/hooks.def"
	};
	_Static_assert(sizeof(tt_real) == ROWS * sizeof(void *), "one pointer for each row");
	void **to = (void **)(void *)&tt_real;
	bool all = true;
	for (unsigned i = 0; i < ROWS; i++) {
		void *p = find(rows[i].name, rows[i].version);
		if (p)
			to[i] = p;
		else if (rows[i].need == required)
			all = false;
	}
	allocator_find(&to[ROW_free], "free");
	allocator_find(&to[ROW_realloc], "realloc");
	allocator_find(&to[ROW_malloc_usable_size], "malloc_usable_size");
	if (all && direct && !tt_real_ready)
		stubs_rewrite(to);
	tt_real_ready = all;
	return all;
}
