/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * order_search.c - enumerates the cycles of a lock-order graph, shortest first, within a budget. Part of order.c.
 *
 * A cycle is found once: from its smallest node, through larger ones. Rounds go by length (iterative deepening): a search
 * backwards tells how far every node is from the start, so that no path is begun that cannot be back in time. What a round
 * finds prunes later rounds: a chain whose keys include all keys of a shorter cycle is not followed. When the budget is used
 * up, each key that no cycle covers gets a search of its own through one of its edges, until one cycle is found.
 */
#include <stdlib.h>

#include "lib/model/order_private.h"

#define WORK_DEFAULT 16000000 /* edges looked at and pairs compared: some tenths of a second */
#define WORK_OF_KEY  200000   /* for one key, when not everything can be tried */
#define CYCLES_MAX   1000     /* sets of keys told per graph */
#define FAR_FROM     8        /* rounds of this length on look twice as far back as they need, so that few rounds are needed */

/* A set of keys that closes, with its shortest cycle in result->cycles. */
struct bug {
	uint64_t bits;  /* of the keys, to tell soon that another set does not include it */
	uint32_t first; /* in set: its keys, ascending */
	uint32_t count;
	uint32_t missing; /* keys that the chain does not have; only of those of earlier rounds */
	uint32_t length;
	bool possible; /* a deadlock, not a cycle that is left out */
	size_t cycle;
};

struct search {
	const struct order_graph *g;
	struct order_chain chain;
	struct tt_order *result;
	size_t first_cycle;    /* of this search in result->cycles */
	uint32_t start, least; /* where chains begin and end; the smallest node that they may use */
	uint32_t length;       /* of the cycles looked for */
	uint32_t further;      /* the least length that was cut off */
	bool one;              /* stop at the first */
	size_t most;           /* bugs to find at most */
	bool found, failed;
	uint32_t *next; /* by node: length of the next round that it takes part in; ORDER_NONE: done */
	uint32_t *far;  /* by node: steps to the start, valid where far_of is the turn */
	uint32_t *far_of;
	uint32_t turn, reach; /* nodes not in far are further than reach; ORDER_NONE: they never come back */
	bool *on_path;
	uint32_t *uses;    /* by key: links of the chain that have it */
	uint32_t complete; /* bugs of earlier rounds that the chain includes */
	bool *covered;     /* by key: some cycle has it */
	TT_VEC(struct bug) bugs;
	TT_VEC(uint32_t) set, scratch, queue;
	uint32_t *of_key; /* keys + 1 positions in bugs_of_key: bugs of earlier rounds */
	TT_VEC(uint32_t) bugs_of_key;
	struct tt_hmap sets;      /* hash of the keys -> bug */
	struct tt_hmap instances; /* bug and locks -> 1 */
	uint64_t work, limit;
};

static uint64_t work_of(const struct search *s)
{
	return s->work + s->chain.work + s->chain.lives->visits;
}

static bool out_of_work(const struct search *s)
{
	return work_of(s) >= s->limit || s->bugs.len >= s->most;
}

/* ------------------------------------------------------------------ results */

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return x < y ? -1 : x > y;
}

/* The chain's keys, ascending, each once, in s->scratch. */
static bool collect_keys(struct search *s)
{
	s->scratch.len = 0;
	const struct order_link *l;
	vec_for_each (l, &s->chain.links)
		if (tt_vec_push(&s->scratch, s->g->edges.data[l->edge].key))
			return false;
	tt_vec_sort(&s->scratch, by_number);
	size_t n = 0;
	for (size_t i = 0; i < s->scratch.len; i++)
		if (!n || s->scratch.data[n - 1] != s->scratch.data[i])
			s->scratch.data[n++] = s->scratch.data[i];
	s->scratch.len = n;
	return true;
}

static bool keep_steps(struct search *s, struct tt_order_cycle *c)
{
	c->steps = calloc(c->length, sizeof(*c->steps));
	if (!c->steps)
		return false;
	for (unsigned i = 0; i < c->length; i++) {
		const struct order_link *l = &s->chain.links.data[i];
		const struct order_edge *e = &s->g->edges.data[l->edge];
		const struct order_fact *f = &s->g->facts.data[e->fact];
		c->steps[i].dep = f->dep;
		c->steps[i].held = &f->dep->held[s->g->held.data[e->held].at];
		if (l->point != ORDER_NONE)
			c->steps[i].by = *s->g->points.data[f->point_first + l->point].by;
		else if (c->why && f->point_count) /* any of them: it cannot be anyway */
			c->steps[i].by = *s->g->points.data[f->point_first].by;
	}
	return true;
}

static bool add_bug(struct search *s, struct tt_order_cycle *c)
{
	struct bug b = {.first = (uint32_t)s->set.len,
		.count = (uint32_t)s->scratch.len,
		.missing = ORDER_NONE,
		.length = c->length,
		.possible = c->why == 0,
		.cycle = s->result->cycles.len};
	for (size_t i = 0; i < s->scratch.len; i++) {
		uint32_t key = s->scratch.data[i];
		b.bits |= UINT64_C(1) << (key & 63);
		s->covered[key] = true;
		if (tt_vec_push(&s->set, key))
			return false;
	}
	if (!keep_steps(s, c))
		return false;
	if (tt_vec_push(&s->result->cycles, *c)) {
		free(c->steps);
		return false;
	}
	return tt_vec_push(&s->bugs, b) == 0;
}

/* The chain is a cycle: a new bug, or a known one between other locks. */
static bool keep_cycle(struct search *s, struct tt_order_cycle *c)
{
	if (!collect_keys(s))
		return false;
	uint64_t hash = tt_hash_stable(TT_HASH_STABLE_INIT, s->scratch.data, s->scratch.len * sizeof(uint32_t));
	bool is_new;
	struct tt_hmap_entry *e = tt_hmap_insert(&s->sets, hash, &is_new);
	if (!e)
		return false;
	if (is_new) {
		e->value = s->bugs.len;
		if (!add_bug(s, c))
			return false;
	}
	const struct bug *b = &s->bugs.data[e->value];
	if (b->length != c->length)
		return true;
	uint64_t locks = tt_hash_stable(TT_HASH_STABLE_INIT, &e->value, sizeof(e->value));
	const struct order_link *l;
	vec_for_each (l, &s->chain.links)
		locks = tt_hash_stable(locks, &s->g->edges.data[l->edge].from, sizeof(uint32_t));
	if (!tt_hmap_insert(&s->instances, locks, &is_new))
		return false;
	if (is_new)
		s->result->cycles.data[b->cycle].count++;
	return true;
}

/* ------------------------------------------------------------------ what prunes */

/* The bugs known so far prune from now on. */
static bool index_bugs(struct search *s)
{
	memset(s->of_key, 0, (s->g->keys + 2) * sizeof(*s->of_key));
	s->bugs_of_key.len = 0;
	if (tt_vec_reserve(&s->bugs_of_key, s->set.len + 1))
		return false;
	s->bugs_of_key.len = s->set.len;
	for (size_t i = 0; i < s->set.len; i++)
		s->of_key[s->set.data[i] + 2]++;
	for (uint32_t k = 2; k < s->g->keys + 2; k++)
		s->of_key[k] += s->of_key[k - 1];
	for (uint32_t b = 0; b < s->bugs.len; b++) {
		struct bug *bug = &s->bugs.data[b];
		bug->missing = bug->count;
		for (uint32_t i = 0; i < bug->count; i++)
			s->bugs_of_key.data[s->of_key[s->set.data[bug->first + i] + 1]++] = b;
	}
	return true;
}

static void use_key(struct search *s, uint32_t key)
{
	if (s->uses[key]++)
		return;
	for (uint32_t i = s->of_key[key]; i < s->of_key[key + 1]; i++, s->work++)
		s->complete += --s->bugs.data[s->bugs_of_key.data[i]].missing == 0;
}

static void unuse_key(struct search *s, uint32_t key)
{
	if (--s->uses[key])
		return;
	for (uint32_t i = s->of_key[key]; i < s->of_key[key + 1]; i++)
		s->complete -= s->bugs.data[s->bugs_of_key.data[i]].missing++ == 0;
}

/* How far all nodes are from the start, so far as a cycle of this length needs to know; backwards along the edges. */
static bool measure(struct search *s)
{
	uint32_t reach = s->length < FAR_FROM ? s->length - 1 : 2 * s->length;
	s->turn++;
	s->queue.len = 0;
	s->far[s->start] = 0;
	s->far_of[s->start] = s->turn;
	if (tt_vec_push(&s->queue, s->start))
		return false;
	s->reach = ORDER_NONE;
	for (size_t i = 0; i < s->queue.len; i++) {
		uint32_t v = s->queue.data[i];
		if (s->far[v] >= reach) {
			s->reach = reach;
			break;
		}
		for (uint32_t k = s->g->in[v]; k < s->g->in[v + 1]; k++, s->work++) {
			uint32_t u = s->g->edges.data[s->g->in_edges[k]].from;
			if (u < s->least || s->far_of[u] == s->turn)
				continue;
			s->far_of[u] = s->turn;
			s->far[u] = s->far[v] + 1;
			if (tt_vec_push(&s->queue, u))
				return false;
		}
	}
	return true;
}

/* Would the key make the chain include a bug that is known? */
static bool completes(struct search *s, uint32_t key)
{
	if (s->uses[key])
		return false;
	for (uint32_t i = s->of_key[key]; i < s->of_key[key + 1]; i++, s->work++)
		if (s->bugs.data[s->bugs_of_key.data[i]].missing == 1)
			return true;
	return false;
}

/* May the chain, with this edge as its n-th link, still be back at the start in time? Notes what length it would take. */
static bool in_time(struct search *s, uint32_t n, const struct order_edge *e)
{
	uint64_t least = n;
	if (e->to != s->start) {
		if (s->far_of[e->to] == s->turn)
			least += s->far[e->to];
		else if (s->reach == ORDER_NONE)
			return false;
		else
			least += s->reach + 1u;
	}
	if (least <= s->length)
		return true;
	if (least < s->further && !completes(s, e->key))
		s->further = (uint32_t)least;
	return false;
}

/* ------------------------------------------------------------------ one start */

static void closed(struct search *s)
{
	struct tt_order_cycle c;
	if (s->chain.links.len != s->length || !order_chain_close(&s->chain, &c))
		return;
	s->found = true;
	s->failed |= !keep_cycle(s, &c);
}

/* Takes the edge into the chain, if it leads anywhere. */
static void step(struct search *s, uint32_t edge)
{
	const struct order_edge *e = &s->g->edges.data[edge];
	uint32_t n = (uint32_t)s->chain.links.len + 1;
	s->work++;
	if (e->to < s->least || s->on_path[e->to] || !in_time(s, n, e))
		return;
	if (e->to == s->start && n != s->length) /* shorter: an earlier round had it */
		return;
	int rc = order_chain_push(&s->chain, edge);
	s->failed |= rc < 0;
	if (rc <= 0)
		return;
	use_key(s, e->key);
	if (s->complete == 0 && e->to == s->start)
		closed(s);
	if (s->complete || e->to == s->start) {
		unuse_key(s, e->key);
		order_chain_pop(&s->chain);
		return;
	}
	s->on_path[e->to] = true;
	s->chain.links.data[n - 1].next = s->g->out[e->to];
}

static void step_back(struct search *s, const struct order_link *top)
{
	const struct order_edge *e = &s->g->edges.data[top->edge];
	s->on_path[e->to] = false;
	unuse_key(s, e->key);
	order_chain_pop(&s->chain);
}

/*
 * All cycles of s->length from s->start, by way of one edge or (ORDER_NONE) of any. The start itself stays off the path: an
 * edge to it closes.
 */
static void walk(struct search *s, uint32_t by_edge)
{
	uint32_t cursor = by_edge == ORDER_NONE ? s->g->out[s->start] : by_edge;
	uint32_t end = by_edge == ORDER_NONE ? s->g->out[s->start + 1] : by_edge + 1;
	for (;;) {
		bool stop = s->failed || out_of_work(s) || (s->one && s->found);
		size_t n = s->chain.links.len;
		struct order_link *top = n ? &s->chain.links.data[n - 1] : NULL;
		uint32_t *at = top ? &top->next : &cursor;
		uint32_t last = top ? s->g->out[s->g->edges.data[top->edge].to + 1] : end;
		if (!stop && *at < last) {
			uint32_t edge = (*at)++;
			step(s, edge);
		} else if (top) {
			step_back(s, top);
		} else {
			return;
		}
	}
}

/* ------------------------------------------------------------------ all starts */

/* One round: cycles of s->length. Returns the length of the next one, ORDER_NONE: there is none. */
static uint32_t round_of(struct search *s)
{
	uint32_t next = ORDER_NONE;
	for (uint32_t v = 0; v < s->g->locks.len && !s->failed && !out_of_work(s); v++) {
		if (s->next[v] <= s->length) {
			s->start = s->least = v;
			s->further = ORDER_NONE;
			s->failed |= !measure(s);
			walk(s, ORDER_NONE);
			s->next[v] = s->further;
		}
		if (s->next[v] < next)
			next = s->next[v];
	}
	return next;
}

/* A cycle through this edge, of any length; a bounded search. */
static void through(struct search *s, uint32_t edge)
{
	s->start = s->g->edges.data[edge].from;
	s->least = 0;
	s->found = false;
	for (s->length = 2; s->length != ORDER_NONE && !s->found && !s->failed && !out_of_work(s); s->length = s->further) {
		s->further = ORDER_NONE;
		s->failed |= !measure(s);
		walk(s, edge);
	}
}

/* Not everything could be tried: at least one chain for each key. */
static void cover_keys(struct search *s, uint64_t limit)
{
	s->one = true;
	for (uint32_t i = 0; i < s->g->edges.len && !s->failed; i++) {
		uint64_t used = work_of(s);
		if (s->covered[s->g->edges.data[i].key] || used >= limit)
			continue;
		s->limit = used + WORK_OF_KEY < limit ? used + WORK_OF_KEY : limit;
		through(s, i);
		s->failed |= s->found && !index_bugs(s);
	}
}

/* ------------------------------------------------------------------ the least sets */

static bool includes(const struct search *s, const struct bug *whole, const struct bug *part)
{
	if (part->bits & ~whole->bits || part->count >= whole->count || (whole->possible && !part->possible))
		return false;
	const uint32_t *w = s->set.data + whole->first, *p = s->set.data + part->first;
	uint32_t i = 0, k = 0;
	while (i < whole->count && k < part->count)
		if (w[i] == p[k])
			i++, k++;
		else if (w[i] < p[k])
			i++;
		else
			return false;
	return k == part->count;
}

static void drop_cycle(struct search *s, const struct bug *b)
{
	struct tt_order_cycle *c = &s->result->cycles.data[b->cycle];
	free(c->steps);
	c->steps = NULL;
}

/* Cycles of one round, or of the search by keys, may include each other. Those left out say nothing against possible ones. */
static void drop_supersets(struct search *s)
{
	struct tt_order_cycle *c = s->result->cycles.data;
	for (size_t i = 0; i < s->bugs.len; i++) {
		bool least = true;
		for (size_t k = 0; k < s->bugs.len && least; k++)
			least = !includes(s, &s->bugs.data[i], &s->bugs.data[k]);
		if (!least)
			drop_cycle(s, &s->bugs.data[i]);
	}
	size_t kept = s->first_cycle;
	for (size_t i = s->first_cycle; i < s->result->cycles.len; i++)
		if (c[i].steps)
			c[kept++] = c[i];
	s->result->cycles.len = kept;
}

static bool search_init(struct search *s)
{
	size_t n = s->g->locks.len, keys = s->g->keys;
	s->next = calloc(n + 1, sizeof(*s->next));
	s->far = calloc(n + 1, sizeof(*s->far));
	s->far_of = calloc(n + 1, sizeof(*s->far_of));
	s->on_path = calloc(n + 1, sizeof(*s->on_path));
	s->uses = calloc(keys + 1, sizeof(*s->uses));
	s->covered = calloc(keys + 1, sizeof(*s->covered));
	s->of_key = calloc(keys + 2, sizeof(*s->of_key));
	if (!s->next || !s->far || !s->far_of || !s->on_path || !s->uses || !s->covered || !s->of_key)
		return false;
	return true;
}

static void search_deinit(struct search *s)
{
	order_chain_deinit(&s->chain);
	free(s->next);
	free(s->far);
	free(s->far_of);
	free(s->on_path);
	free(s->uses);
	free(s->covered);
	free(s->of_key);
	tt_vec_deinit(&s->bugs);
	tt_vec_deinit(&s->set);
	tt_vec_deinit(&s->scratch);
	tt_vec_deinit(&s->queue);
	tt_vec_deinit(&s->bugs_of_key);
	tt_hmap_deinit(&s->sets);
	tt_hmap_deinit(&s->instances);
}

/* Not everything was tried: of what was found, from `first` on, keep what shows a key that nothing before it shows. */
static void thin_out(struct search *s, size_t first)
{
	memset(s->covered, 0, s->g->keys * sizeof(*s->covered));
	for (size_t i = first; i < s->bugs.len; i++) {
		const struct bug *b = &s->bugs.data[i];
		bool more = false;
		for (uint32_t k = b->first; k < b->first + b->count; k++) {
			more |= !s->covered[s->set.data[k]];
			s->covered[s->set.data[k]] = true;
		}
		if (!more)
			drop_cycle(s, b);
	}
}

/* All chains, strict or relaxed. True when the budget did not suffice. */
static bool enumerate(struct search *s, bool relaxed, uint64_t work)
{
	s->chain.relaxed = relaxed;
	s->one = false;
	s->work = s->chain.work = s->chain.lives->visits = 0;
	s->limit = work;
	s->most = s->bugs.len + CYCLES_MAX;
	bool bounded = false;
	size_t first = s->bugs.len;
	memset(s->covered, 0, s->g->keys * sizeof(*s->covered));
	for (uint32_t v = 0; v < s->g->locks.len; v++)
		s->next[v] = s->g->out[v] < s->g->out[v + 1] ? 2 : ORDER_NONE;
	for (uint32_t next = 2; next != ORDER_NONE && !s->failed && !bounded;) {
		s->length = next;
		s->failed |= !index_bugs(s);
		next = s->failed ? ORDER_NONE : round_of(s);
		bounded = out_of_work(s);
	}
	if (bounded && !s->failed && index_bugs(s)) {
		s->most += CYCLES_MAX;
		cover_keys(s, 2 * work);
		thin_out(s, first);
	}
	return bounded;
}

int order_search(const struct order_graph *g, struct order_lives *lives, const struct tt_order_opts *opts, struct tt_order *ret)
{
	struct search s = {.g = g, .result = ret, .first_cycle = ret->cycles.len};
	uint64_t work = opts->work ? opts->work : WORK_DEFAULT;
	bool bounded = false;
	s.failed = order_chain_init(&s.chain, g, lives) < 0 || !search_init(&s);
	if (!s.failed)
		bounded = enumerate(&s, false, work);
	if (!s.failed && opts->left_out)
		bounded |= enumerate(&s, true, work);
	if (!s.failed)
		drop_supersets(&s);
	bool failed = s.failed;
	search_deinit(&s);
	return failed ? -ENOMEM : bounded;
}
