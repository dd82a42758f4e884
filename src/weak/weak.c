#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "survey/mem.h"
#include "survey/parallel.h"
#include "survey/text.h"

#include "primes.h"
#include "run.h"
#include "secret.h"

size_t
run_group(struct weak_run_state *r, const uint32_t *keys, size_t n)
{
	struct findings *out = r->out;

	mem_grow(&out->groups, &r->groups_cap, out->ngroups + 1, sizeof(*out->groups));
	mem_grow(&out->members, &r->members_cap, out->nmembers + n, sizeof(*out->members));
	out->groups[out->ngroups] = (struct finding_group){ out->nmembers, n };
	memcpy(out->members + out->nmembers, keys, n * sizeof(*keys));
	out->nmembers += n;
	return out->ngroups++;
}

/* Half of what this machine, or the control group that we are in, has. */
static size_t
half_of_memory(void)
{
	long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
	size_t all = pages > 0 && page > 0 ? (size_t)pages * (size_t)page : (size_t)1 << 31;
	FILE *f = fopen("/sys/fs/cgroup/memory.max", "re");
	unsigned long long bound;

	if (f != NULL) {
		if (fscanf(f, "%llu", &bound) == 1 && bound < all)
			all = (size_t)bound;
		fclose(f);
	}
	return all / 2;
}

/* ---- what comes from files ---- */

static void
open_lists(struct weak_run_state *r)
{
	struct finding_checked *c = &r->out->checks[CHECK_LISTS];
	size_t used = 0;

	fp_lists_open(&r->lists, r->o->lists, r->o->nlists);
	for (size_t i = 0; i < r->lists.n; i++) {
		const struct finding_list *l = &r->lists.info[i];

		used += l->error == NULL;
		if (l->error != NULL && c->why == NULL)
			c->why = xstrdup(l->error);
	}
	c->made = used > 0;
	if (r->lists.n == 0)
		c->why = xstrdup("no list is configured");
}

static void
read_primes(struct weak_run_state *r)
{
	struct finding_checked *c = &r->out->checks[CHECK_KNOWN_PRIMES];

	c->made = known_primes_read(r->o->primes, r->o->nprimes, r->known, &c->why) > 0;
	if (!c->made && c->why == NULL)
		c->why = xstrdup("no file of known primes is there");
	if (r->plants.n > 0)
		mpz_mul(r->known, r->known, r->plants.known);
}

/* ---- the result ---- */

static int
by_order(const void *a, const void *b)
{
	const struct finding *x = a, *y = b;
	int sx = finding_kinds[x->kind].severity, sy = finding_kinds[y->kind].severity;

	if (sx != sy)
		return sx < sy ? -1 : 1;
	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	if (x->list != y->list)
		return x->list < y->list ? -1 : 1;
	return (x->refs_at > y->refs_at) - (x->refs_at < y->refs_at);
}

static int
by_key(const void *a, const void *b)
{
	const struct finding_skipped *x = a, *y = b;

	return (x->key > y->key) - (x->key < y->key);
}

/*
 * So far a finding has one group, by its number.  A key that shares several
 * primes has as many findings, side by side: they become one.
 */
static void
join_groups(struct findings *out)
{
	size_t n = 0;

	out->refs = xcalloc(out->nfindings + 1, sizeof(*out->refs));
	for (size_t i = 0; i < out->nfindings; i++) {
		struct finding f = out->findings[i], *last = n > 0 ? &out->findings[n - 1] : NULL;

		if (f.nrefs > 0) {
			out->refs[out->nrefs] = (uint32_t)f.refs_at;
			f.refs_at = out->nrefs++;
			if (last != NULL && last->key == f.key && last->kind == f.kind) {
				last->nrefs++;
				continue;
			}
		}
		out->findings[n++] = f;
	}
	out->nfindings = n;
}

/* A check that had no key to look at because none was there in full was not made. */
static void
settle_check(const struct weak_run_state *r, enum finding_check check)
{
	static const enum finding_skip unknown[] = { FINDING_SKIP_ABSENT, FINDING_SKIP_MISMATCH,
		FINDING_SKIP_MALFORMED };
	struct finding_checked *c = &r->out->checks[check];
	size_t n = 0;

	if (check != CHECK_KNOWN_PRIMES && check != CHECK_LISTS)
		c->made = true;
	for (size_t i = 0; i < r->out->nskipped; i++) {
		for (int k = 0; k < 3; k++)
			n += r->out->skipped[i].reason == unknown[k];
	}
	if (c->made && c->keys == 0 && n > 0 && check != CHECK_SSH) {
		c->made = false;
		free(c->why);
		c->why = xasprintf("only the fingerprints of %zu %s known, and no other key can be "
				   "tested",
		    n, text_noun((unsigned long long)n, "key is", "keys are"));
	}
	if (check == CHECK_SSH && c->keys == 0 && r->unsigned_ssh > 0) {
		c->made = false;
		c->why = xstrdup("no record tells which signatures the servers offer");
	}
	if (!c->made)
		c->keys = 0;
}

static void
gather(struct weak_run_state *r)
{
	struct findings *out = r->out;

	for (unsigned i = 0; i < r->threads; i++) {
		const struct found *f = &r->found[i];

		mem_grow(&out->findings, &r->findings_cap, out->nfindings + f->n + 1,
		    sizeof(*out->findings));
		if (f->n > 0)
			memcpy(out->findings + out->nfindings, f->v, f->n * sizeof(*f->v));
		out->nfindings += f->n;
		mem_grow(&out->skipped, &r->skipped_cap, out->nskipped + r->nskipped[i] + 1,
		    sizeof(*out->skipped));
		if (r->nskipped[i] > 0)
			memcpy(out->skipped + out->nskipped, r->skipped[i],
			    r->nskipped[i] * sizeof(*out->skipped));
		out->nskipped += r->nskipped[i];
		for (size_t check = 0; check < NCHECKS; check++)
			out->checks[check].keys += r->checked[i][check];
	}
	qsort(out->findings, out->nfindings, sizeof(*out->findings), by_order);
	qsort(out->skipped, out->nskipped, sizeof(*out->skipped), by_key);
	join_groups(out);
	out->checks[CHECK_KNOWN_PRIMES].keys = out->checks[CHECK_SHARED_PRIMES].keys;
	for (size_t check = 0; check < NCHECKS; check++)
		settle_check(r, (enum finding_check)check);
}

/* The planted keys' findings go, and the groups that only these were in. */
static void
uproot(struct weak_run_state *r)
{
	struct findings *out = r->out;
	uint32_t *number = xcalloc(out->ngroups + 1, sizeof(*number)); /* of groups, from 1 */
	size_t n = 0, nrefs = 0, ngroups = 0, nmembers = 0;

	for (size_t i = 0; i < out->nfindings; i++) {
		struct finding f = out->findings[i];

		if (f.key >= r->n)
			continue;
		for (size_t j = 0; j < f.nrefs; j++) {
			number[out->refs[f.refs_at + j]] = 1;
			out->refs[nrefs + j] = out->refs[f.refs_at + j];
		}
		f.refs_at = nrefs;
		nrefs += f.nrefs;
		out->findings[n++] = f;
	}
	for (size_t i = 0; i < out->ngroups; i++) {
		struct finding_group g = out->groups[i];

		if (number[i] == 0)
			continue;
		memmove(out->members + nmembers, out->members + g.at, g.n * sizeof(*out->members));
		out->groups[ngroups] = (struct finding_group){ nmembers, g.n };
		nmembers += g.n;
		number[i] = (uint32_t)ngroups++;
	}
	for (size_t i = 0; i < nrefs; i++)
		out->refs[i] = number[out->refs[i]];
	out->nfindings = n;
	out->nrefs = nrefs;
	out->ngroups = ngroups;
	out->nmembers = nmembers;
	free(number);
}

/* ---- the run ---- */

void
run_init(struct weak_run_state *r, bool with_plants)
{
	struct cost_watch watch;

	r->costs.batch.name = "batch GCD";
	r->costs.single.name = "checks of single keys";
	r->costs.plants.name = "keys of the self-check";
	r->all = r->n;
	mpz_init_set_ui(r->known, 1);
	if (with_plants) {
		cost_start_process(&watch);
		plants_init(&r->plants);
		cost_stop_process(&watch, &r->costs.plants, NPLANTS);
		r->all += r->plants.n;
	}
	rsa_tables_init(&r->rsa);
	curve_tables_init(&r->curves);
	pthread_mutex_init(&r->lock, NULL);
	r->number = xcalloc((size_t)r->all + 1, sizeof(*r->number));
	r->found = xcalloc(r->threads, sizeof(*r->found));
	r->skipped = xcalloc(r->threads, sizeof(*r->skipped));
	r->nskipped = xcalloc(r->threads, sizeof(*r->nskipped));
	r->skip_caps = xcalloc(r->threads, sizeof(*r->skip_caps));
	r->checked = xcalloc(r->threads, sizeof(*r->checked));
	open_lists(r);
	read_primes(r);
}

void
run_fini(struct weak_run_state *r)
{
	r->out->nlists = r->lists.n;
	r->out->lists = fp_lists_close(&r->lists);
	for (unsigned i = 0; i < r->threads; i++) {
		free(r->found[i].v);
		free(r->skipped[i]);
	}
	free(r->found);
	free(r->skipped);
	free(r->nskipped);
	free(r->skip_caps);
	free(r->checked);
	free(r->number);
	free(r->by_modulus);
	free(r->moduli);
	free(r->limbs);
	mpz_clear(r->known);
	rsa_tables_fini(&r->rsa);
	curve_tables_fini(&r->curves);
	if (r->plants.n > 0)
		plants_fini(&r->plants);
	pthread_mutex_destroy(&r->lock);
}

static enum weak_status
run(struct weak_run_state *r, char **error)
{
	struct findings *out = r->out;
	enum batch_result result;
	struct cost_watch watch;

	for (uint32_t i = 0; i < r->n; i++)
		r->unsigned_ssh += r->keys[i].kind == KEY_SSH_HOST &&
				   r->keys[i].sha1_only == FACT_UNKNOWN;
	cost_start_process(&watch);
	run_single(r);
	run_same(r);
	cost_stop_process(&watch, &r->costs.single, r->n);
	if (run_stopped(r))
		return WEAK_STOPPED;
	cost_start_process(&watch);
	result = run_shared(r);
	cost_stop_process(&watch, &r->costs.batch, r->nmoduli);
	if (result == BATCH_FAILED)
		*error = xasprintf("batch GCD: %s: %s",
		    r->o->dir != NULL ? r->o->dir : "no directory", strerror(errno));
	if (result != BATCH_OK)
		return result == BATCH_STOPPED ? WEAK_STOPPED : WEAK_FAILED;
	gather(r);
	if ((*error = plants_check(&r->plants, r->n, out)) != NULL)
		return WEAK_FAILED;
	uproot(r);
	return WEAK_DONE;
}

enum weak_status
weak_run(const struct weak_key *keys, size_t n, const struct weak_options *o,
    struct findings *result, struct weak_costs *costs, char **error)
{
	struct weak_options mine = *o;
	struct weak_run_state r = { .keys = keys, .n = (uint32_t)n, .o = &mine, .out = result };
	struct rlimit cores, none = { 0, 0 };
	enum weak_status status;

	*error = NULL;
	memset(result, 0, sizeof(*result));
	if (n > UINT32_MAX - NPLANTS) {
		*error = xstrdup("more keys than have numbers");
		return WEAK_FAILED;
	}
	/* No core file with primes; a child must not inherit that, so it is given back. */
	getrlimit(RLIMIT_CORE, &cores);
	none.rlim_max = cores.rlim_max;
	setrlimit(RLIMIT_CORE, &none);
	secret_init();
	if (mine.memory == 0)
		mine.memory = half_of_memory();
	r.threads = o->threads != 0 ? o->threads : parallel_cpus();
	run_init(&r, true);
	status = run(&r, error);
	run_fini(&r);
	if (costs != NULL)
		*costs = r.costs;
	if (status != WEAK_DONE) /* nothing half-finished is told */
		findings_fini(result);
	setrlimit(RLIMIT_CORE, &cores);
	return status;
}
