/*
 * The cases of the kernel's own test of compile-once relocation: its table, with the values it
 * expects, is in a source file that is included here as it stands in Debian's package
 * (-DCASES="…/core_reloc.c"). Run in the folder of the compiled selftests. Prints a JSON array.
 */
#include CASES

/* What the file's functions need of the kernel's test runner. */
struct test_env env;

void test__fail(void)
{
	exit(1);
}

void test__skip(void)
{
}

bool test__start_subtest(const char *name)
{
	return false;
}

int trigger_module_test_read(int size)
{
	return -1;
}

static FILE *out;

static void print_bytes(const char *name, const char *bytes, int length)
{
	fprintf(out, ", \"%s\": \"", name);
	for (int i = 0; i < length; i++)
		fprintf(out, "%02x", (unsigned char)bytes[i]);
	fprintf(out, "\"");
}

int main(void)
{
	const char *between = "[\n";

	/* The test's own functions talk on standard output. */
	out = fdopen(dup(STDOUT_FILENO), "w");
	dup2(STDERR_FILENO, STDOUT_FILENO);
	for (size_t i = 0; i < ARRAY_SIZE(test_cases); i++) {
		struct core_reloc_test_case one = test_cases[i];

		/* Some expected values are ids of types in the objects. */
		if (one.setup && one.setup(&one))
			return 1;
		fprintf(out, "%s{\"name\": \"%s\", \"object\": \"%s\", \"types\": \"%s\", \"program\": \"%s\", "
		       "\"fails\": %s",
		       between, one.case_name, one.bpf_obj_file, one.btf_src_file ?: "", one.prog_name,
		       one.fails ? "true" : "false");
		print_bytes("input", one.input, one.input_len);
		print_bytes("output", one.output, one.output_len);
		fprintf(out, "}");
		between = ",\n";
	}
	fprintf(out, "\n]\n");
	return fclose(out);
}
