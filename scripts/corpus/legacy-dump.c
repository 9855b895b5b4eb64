/*
 * Prints the kernel's table of verifier tests (tools/testing/selftests/bpf/test_verifier.c and
 * verifier/) as JSON, one line a test. The table is C: so it is compiled, with the test program
 * taken in as if it were a header. Built and run by legacy.mjs; holds no test itself.
 */
#define main test_program_main
#include "test_verifier.c"
#undef main

static const char *separator = "";

static void key(const char *name)
{
	printf("%s\"%s\":", separator, name);
	separator = ",";
}

static void number(const char *name, long value)
{
	if (value) {
		key(name);
		printf("%ld", value);
	}
}

static void text(const char *name, const char *value)
{
	if (!value)
		return;
	key(name);
	putchar('"');
	for (; *value; value++) {
		if (*value < ' ' || *value == '"' || *value == '\\')
			printf("\\u%04x", (unsigned char)*value);
		else
			putchar(*value);
	}
	putchar('"');
}

static void bytes(const char *name, const void *data, size_t size)
{
	size_t i;

	if (!size)
		return;
	key(name);
	putchar('"');
	for (i = 0; i < size; i++)
		printf("%02x", ((const unsigned char *)data)[i]);
	putchar('"');
}

/* Instructions that want this map; a 0 ends the list. */
static void places(const char *map, const int *list)
{
	int i;

	if (!list[0])
		return;
	key(map);
	for (i = 0; i < MAX_FIXUPS && list[i]; i++)
		printf("%c%d", i ? ',' : '[', list[i]);
	putchar(']');
}

static void maps(const struct bpf_test *t)
{
	key("maps");
	putchar('{');
	separator = "";
#define MAP(name) places(#name, t->fixup_##name)
	MAP(map_hash_8b);
	MAP(map_hash_48b);
	MAP(map_hash_16b);
	MAP(map_array_48b);
	MAP(prog1);
	MAP(prog2);
	MAP(map_in_map);
	MAP(cgroup_storage);
	MAP(percpu_cgroup_storage);
	MAP(map_sockmap);
	MAP(map_sockhash);
	MAP(map_xskmap);
	MAP(map_stacktrace);
	MAP(map_spin_lock);
	MAP(map_array_ro);
	MAP(map_array_wo);
	MAP(map_array_small);
	MAP(sk_storage_map);
	MAP(map_event_output);
	MAP(map_reuseport_array);
	MAP(map_ringbuf);
	MAP(map_timer);
	MAP(map_kptr);
	putchar('}');
	separator = ",";
}

static void kfuncs(const struct kfunc_btf_id_pair *pair)
{
	key("kfuncs");
	putchar('{');
	for (separator = ""; pair->kfunc; pair++) {
		printf("%s\"%d\":\"%s\"", separator, pair->insn_idx, pair->kfunc);
		separator = ",";
	}
	putchar('}');
	separator = ",";
}

static void types(struct bpf_test *t)
{
	size_t count = 0;

	if (!t->btf_types[0])
		return;
	while (count < MAX_BTF_TYPES && t->btf_types[count] != BTF_END_RAW)
		count++;
	bytes("btfTypes", t->btf_types, count * sizeof(t->btf_types[0]));
	bytes("btfStrings", t->btf_strings, sizeof(t->btf_strings));
}

static void test(struct bpf_test *t)
{
	struct bpf_insn *insns = t->insns;
	int count;

	if (t->fill_helper) {
		t->fill_insns = calloc(MAX_TEST_INSNS, sizeof(struct bpf_insn));
		t->fill_helper(t);
	}
	if (t->fill_insns)
		insns = t->fill_insns;
	count = t->fill_insns ? t->prog_len : probe_filter_length(insns);
	putchar('{');
	separator = "";
	text("name", t->descr);
	number("result", t->result);
	number("resultUnprivileged", t->result_unpriv);
	text("words", t->errstr);
	text("wordsUnprivileged", t->errstr_unpriv);
	number("processed", t->insn_processed);
	number("type", t->prog_type);
	number("attachType", t->expected_attach_type);
	number("flags", t->flags);
	text("attachTo", t->kfunc);
	maps(t);
	kfuncs(t->fixup_kfunc_btf_id);
	types(t);
	bytes("functionInfo", t->func_info, t->func_info_cnt * sizeof(t->func_info[0]));
	bytes("insns", insns, count * sizeof(*insns));
	puts("}");
	if (t->fill_helper)
		free(t->fill_insns);
}

int main(void)
{
	size_t i;

	putchar('{');
	separator = "";
	bytes("btfTypes", btf_raw_types, sizeof(btf_raw_types));
	bytes("btfStrings", btf_str_sec, sizeof(btf_str_sec));
	puts("}");
	for (i = 0; i < ARRAY_SIZE(tests); i++)
		test(&tests[i]);
	return 0;
}
