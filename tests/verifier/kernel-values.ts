/**
 * The kernel's own value domain as a native program: its functions on ranges and tracked numbers
 * are taken out of Debian's source package by name, compiled, and fed with records. Nothing of the
 * kernel is kept in the repository.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const ARCHIVE = '/usr/src/linux-source-6.12.tar.xz';
const FILES = [
  'kernel/bpf/tnum.c',
  'kernel/bpf/verifier.c',
  'include/linux/bpf_verifier.h',
  'include/linux/tnum.h',
];

/** Words of a record that are compared: all before the chain of states. */
export const RECORD_WORDS = 24;
/** Words of a question: operation, three numbers, two records; and of an answer. */
const QUESTION_WORDS = 4 + 2 * RECORD_WORDS;
const ANSWER_WORDS = 1 + 2 * RECORD_WORDS;

/** Operations of the native program. */
export const SYNC = 0;
export const SCALAR_OP = 1;
export const BRANCH_TAKEN = 2;
export const REFINE = 3;
export const COERCE = 4;
export const COERCE_SX = 5;
export const COERCE_SUBREG_SX = 6;
export const ZEXT = 7;
export const RANGE_WITHIN = 8;
export const TNUM_IN = 9;

const TYPES = `
#include <stdint.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <stdio.h>
#include <limits.h>
typedef uint64_t u64; typedef int64_t s64; typedef uint32_t u32; typedef int32_t s32;
typedef uint16_t u16; typedef int16_t s16; typedef uint8_t u8; typedef int8_t s8;
typedef u64 __u64; typedef s64 __s64;
#define S8_MIN INT8_MIN
#define S8_MAX INT8_MAX
#define S16_MIN INT16_MIN
#define S16_MAX INT16_MAX
#define U16_MAX UINT16_MAX
#define S32_MIN INT32_MIN
#define S32_MAX INT32_MAX
#define U32_MAX UINT32_MAX
#define S64_MIN INT64_MIN
#define S64_MAX INT64_MAX
#define U64_MAX UINT64_MAX
#define min(a, b) ({ __typeof__(a) _a = (a); __typeof__(b) _b = (b); _a < _b ? _a : _b; })
#define max(a, b) ({ __typeof__(a) _a = (a); __typeof__(b) _b = (b); _a > _b ? _a : _b; })
#define min_t(t, a, b) ({ t _a = (t)(a); t _b = (t)(b); _a < _b ? _a : _b; })
#define max_t(t, a, b) ({ t _a = (t)(a); t _b = (t)(b); _a > _b ? _a : _b; })
#define swap(a, b) do { __typeof__(a) _t = (a); (a) = (b); (b) = _t; } while (0)
#define check_add_overflow(a, b, d) __builtin_add_overflow(a, b, d)
#define check_sub_overflow(a, b, d) __builtin_sub_overflow(a, b, d)
#define fallthrough __attribute__((__fallthrough__))
static int fls64(u64 x) { return x ? 64 - __builtin_clzll(x) : 0; }
static bool is_power_of_2(unsigned long n) { return n != 0 && (n & (n - 1)) == 0; }
enum bpf_reg_type { NOT_INIT, SCALAR_VALUE };
enum bpf_dynptr_type { DYNPTR_NONE };
enum bpf_iter_state { ITER_NONE };
enum bpf_reg_liveness { LIVE_NONE };
struct tnum { u64 value; u64 mask; };
static struct tnum tnum_unknown = { 0, -1ull };
struct bpf_verifier_env { bool bpf_capable; };
struct bpf_insn { u8 code; };
enum { BPF_ADD = 0, BPF_SUB = 0x10, BPF_MUL = 0x20, BPF_OR = 0x40, BPF_AND = 0x50, BPF_LSH = 0x60,
  BPF_RSH = 0x70, BPF_XOR = 0xa0, BPF_ARSH = 0xc0, BPF_X = 8, BPF_ALU64 = 7, BPF_JEQ = 0x10,
  BPF_JGT = 0x20, BPF_JGE = 0x30, BPF_JSET = 0x40, BPF_JNE = 0x50, BPF_JSGT = 0x60,
  BPF_JSGE = 0x70, BPF_JLT = 0xa0, BPF_JLE = 0xb0, BPF_JSLT = 0xc0, BPF_JSLE = 0xd0 };
#define BPF_OP(code) ((code) & 0xf0)
#define BPF_CLASS(code) ((code) & 0x07)
#define sanitize_needed(op) false
#define sanitize_val_alu(env, insn) 0
#define sanitize_err(env, insn, err, a, b) (err)
#define maybe_fork_scalars(env, insn, dst) 0
`;

/** Functions of tnum.h, tnum.c and verifier.c, in an order in which each is known when used. */
const INLINE = ['tnum_is_const', 'tnum_equals_const', 'tnum_subreg_is_const'];
const TNUM = (
  'tnum_const tnum_range tnum_lshift tnum_rshift tnum_arshift tnum_add tnum_sub tnum_and tnum_or ' +
  'tnum_xor tnum_mul tnum_overlap tnum_intersect tnum_cast tnum_in tnum_subreg tnum_clear_subreg ' +
  'tnum_with_subreg tnum_const_subreg'
).split(' ');
const VERIFIER = (
  '___mark_reg_known __mark_reg_known __mark_reg32_known __mark_reg_unbounded ' +
  '__mark_reg64_unbounded __mark_reg32_unbounded __update_reg32_bounds __update_reg64_bounds ' +
  '__update_reg_bounds __reg32_deduce_bounds __reg64_deduce_bounds __reg_deduce_mixed_bounds ' +
  '__reg_deduce_bounds __reg_bound_offset reg_bounds_sync __reg32_bound_s64 ' +
  '__reg_assign_32_into_64 __mark_reg_unknown_imprecise __mark_reg_unknown is_reg_const ' +
  'reg_const_value zext_32_to_64 coerce_reg_to_size set_sext64_default_val coerce_reg_to_size_sx ' +
  'set_sext32_default_val coerce_subreg_to_size_sx scalar32_min_max_add scalar_min_max_add ' +
  'scalar32_min_max_sub scalar_min_max_sub scalar32_min_max_mul scalar_min_max_mul ' +
  'scalar32_min_max_and scalar_min_max_and scalar32_min_max_or scalar_min_max_or ' +
  'scalar32_min_max_xor scalar_min_max_xor __scalar32_min_max_lsh scalar32_min_max_lsh ' +
  '__scalar64_min_max_lsh scalar_min_max_lsh scalar32_min_max_rsh scalar_min_max_rsh ' +
  'scalar32_min_max_arsh scalar_min_max_arsh is_safe_to_compute_dst_reg_range ' +
  'adjust_scalar_min_max_vals is_scalar_branch_taken flip_opcode regs_refine_cond_op range_within'
).split(' ');

const MAIN = `
#define WORDS ${RECORD_WORDS}
struct question { u32 op, a, b, c; u32 x[WORDS], y[WORDS]; };
struct answer { u32 ret; u32 x[WORDS], y[WORDS]; };
static void read_record(struct bpf_reg_state *r, const u32 *w) {
  memset(r, 0, sizeof(*r));
  r->type = w[0]; r->off = w[1];
  memcpy(&r->raw, w + 2, 16); memcpy(&r->var_off, w + 6, 16);
  memcpy(&r->smin_value, w + 10, 8); memcpy(&r->smax_value, w + 12, 8);
  memcpy(&r->umin_value, w + 14, 8); memcpy(&r->umax_value, w + 16, 8);
  r->s32_min_value = w[18]; r->s32_max_value = w[19];
  r->u32_min_value = w[20]; r->u32_max_value = w[21];
  r->id = w[22]; r->ref_obj_id = w[23];
}
static void write_record(u32 *w, const struct bpf_reg_state *r) {
  w[0] = r->type; w[1] = r->off;
  memcpy(w + 2, &r->raw, 16); memcpy(w + 6, &r->var_off, 16);
  memcpy(w + 10, &r->smin_value, 8); memcpy(w + 12, &r->smax_value, 8);
  memcpy(w + 14, &r->umin_value, 8); memcpy(w + 16, &r->umax_value, 8);
  w[18] = r->s32_min_value; w[19] = r->s32_max_value;
  w[20] = r->u32_min_value; w[21] = r->u32_max_value;
  w[22] = r->id; w[23] = r->ref_obj_id;
}
int main(void) {
  struct question q; struct answer out;
  struct bpf_verifier_env env = { true };
  while (fread(&q, sizeof(q), 1, stdin) == 1) {
    struct bpf_reg_state x, y;
    read_record(&x, q.x); read_record(&y, q.y);
    out.ret = 0;
    switch (q.op) {
    case ${SYNC}: reg_bounds_sync(&x); break;
    case ${SCALAR_OP}: { struct bpf_insn insn = { q.a };
      out.ret = adjust_scalar_min_max_vals(&env, &insn, &x, y); break; }
    case ${BRANCH_TAKEN}: out.ret = is_scalar_branch_taken(&x, &y, q.a, q.b); break;
    case ${REFINE}: regs_refine_cond_op(&x, &y, q.a, q.b); break;
    case ${COERCE}: coerce_reg_to_size(&x, q.a); break;
    case ${COERCE_SX}: coerce_reg_to_size_sx(&x, q.a); break;
    case ${COERCE_SUBREG_SX}: coerce_subreg_to_size_sx(&x, q.a); break;
    case ${ZEXT}: zext_32_to_64(&x); break;
    case ${RANGE_WITHIN}: out.ret = range_within(&x, &y); break;
    case ${TNUM_IN}: out.ret = tnum_in(x.var_off, y.var_off); break;
    }
    write_record(out.x, &x); write_record(out.y, &y);
    fwrite(&out, sizeof(out), 1, stdout);
  }
  return 0;
}
`;

/** Text of a function (or struct) that starts at the beginning of a line, up to its closing brace. */
function definition(source: string, head: RegExp, name: string): string {
  const start = source.search(head);
  if (start < 0) throw new Error(`${name} is not in the kernel's source`);
  const end = source.indexOf('\n}', start);
  return `${source.slice(start, source.indexOf('\n', end + 1))}\n`;
}

function functionText(source: string, name: string): string {
  const head = new RegExp(
    `^(?:static |inline |[a-z]\\w* |struct \\w+ |\\*)+${name}\\([^;]*?\\)\\s*\\{`,
    'm',
  );
  return definition(source, head, name);
}

function kernelFile(folder: string, path: string): string {
  return readFileSync(join(folder, path), 'utf8');
}

/** The kernel's tree: $BEEYARD_KERNEL_TREE, or the files needed, unpacked into `folder`. */
function unpacked(folder: string): string {
  const tree = process.env.BEEYARD_KERNEL_TREE;
  if (tree && existsSync(join(tree, FILES[0]!))) return tree;
  const members = FILES.map((path) => `linux-source-6.12/${path}`);
  execFileSync('tar', ['-xf', ARCHIVE, '-C', folder, '--strip-components=1', ...members]);
  return folder;
}

function programText(tree: string): string {
  const header = kernelFile(tree, FILES[2]!);
  const tnum = kernelFile(tree, FILES[0]!);
  const verifier = kernelFile(tree, FILES[1]!);
  return [
    TYPES,
    definition(header, /^struct bpf_reg_state \{/m, 'struct bpf_reg_state'),
    '#define TNUM(_v, _m) (struct tnum){.value = _v, .mask = _m}',
    ...TNUM.map((name) => functionText(tnum, name)),
    ...INLINE.map((name) => functionText(kernelFile(tree, FILES[3]!), name)),
    ...VERIFIER.map((name) => functionText(verifier, name)),
    MAIN,
  ].join('\n');
}

/** The native program, compiled. */
export class KernelValues {
  readonly #program: string;

  constructor() {
    const folder = mkdtempSync(join(tmpdir(), 'beeyard-values-'));
    const source = join(folder, 'values.c');
    writeFileSync(source, programText(unpacked(folder)));
    this.#program = join(folder, 'values');
    const flags = ['-O1', '-w', '-fwrapv', '-fno-strict-aliasing'];
    execFileSync('clang-19', [...flags, '-o', this.#program, source], { stdio: 'pipe' });
  }

  /** Answers of many questions. */
  ask(questions: readonly Question[]): Answer[] {
    const words = new Int32Array(questions.length * QUESTION_WORDS);
    questions.forEach((question, i) => {
      const at = i * QUESTION_WORDS;
      words.set([question.op, question.a ?? 0, question.b ?? 0, 0], at);
      words.set(question.x.subarray(0, RECORD_WORDS), at + 4);
      if (question.y) words.set(question.y.subarray(0, RECORD_WORDS), at + 4 + RECORD_WORDS);
    });
    const { stdout, status } = spawnSync(this.#program, {
      input: Buffer.from(words.buffer),
      maxBuffer: 1 << 30,
    });
    if (status !== 0) throw new Error(`the native program ended with ${status}`);
    const found = new Int32Array(
      stdout.buffer.slice(stdout.byteOffset, stdout.byteOffset + stdout.byteLength),
    );
    return questions.map((_, i) => {
      const at = i * ANSWER_WORDS + 1;
      return {
        result: found[at - 1]!,
        x: found.slice(at, at + RECORD_WORDS),
        y: found.slice(at + RECORD_WORDS, at + 2 * RECORD_WORDS),
      };
    });
  }
}

export interface Question {
  readonly op: number;
  readonly a?: number;
  readonly b?: number;
  readonly x: Int32Array;
  readonly y?: Int32Array;
}

export interface Answer {
  readonly result: number;
  readonly x: Int32Array;
  readonly y: Int32Array;
}
